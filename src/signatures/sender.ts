/**
 * A sender as data: its scheme with options, how its id, time and sequence are written, its handshake
 * and what it wants for an answer (webhooks.md §2). One file per sender or family under senders/, one
 * line in table.ts; nobody compares names.
 */
import type { z } from 'zod';
import type {
  DedupeBy,
  Greeting,
  KeyMaterial,
  Received,
  RefusalForm,
  Verified,
} from './receiver.ts';

/** Where a text of a message stands. `body`: path into a JSON body, dots between names. */
export type Place =
  | Readonly<{ header: string }>
  | Readonly<{ query: string }>
  | Readonly<{ body: string }>;

export type TimeUnit = 's' | 'ms' | 'rfc3339' | 'either';

/** How sure we are of a descriptor. */
export type Confidence =
  /** The sender's own example, or two independent ones, verify with it. */
  | 'vector'
  /** Read in the sender's own documentation or source. */
  | 'documented'
  /** Believed, not confirmed: shown wherever the sender is. */
  | 'unverified';

/** How people are told. */
export const confidenceWords: Readonly<Record<Confidence, string>> = {
  vector: 'by example',
  documented: 'documented',
  unverified: 'unverified',
};

/** What a handshake works with. `keys`: those valid now. */
export type HandshakeContext = Readonly<{
  keys: readonly KeyMaterial[];
  options: Readonly<Record<string, unknown>>;
}>;

/** Handshakes of a sender; pure functions over one message. */
export type Handshake = Readonly<{
  /** `okta.challenge`, for docs, trace and log. */
  name: string;
  /** Methods it uses beside POST. */
  methods: readonly string[];
  /** Unsigned ones: asked before anything is verified. */
  greet: ((received: Received, context: HandshakeContext) => Greeting | null) | null;
  /** Signed ones: asked once verified. */
  answer:
    | ((received: Received, verified: Verified, context: HandshakeContext) => Greeting | null)
    | null;
}>;

export type Sender = Readonly<{
  name: string;
  /** As people write it: `BambooHR`. */
  title: string;
  confidence: Confidence;
  /** Where it was read. */
  source: string;
  /** Name of the scheme and its options. `fill` makes the options from those of the route (issuer, topics …). */
  scheme: Readonly<{
    name: string;
    options: Readonly<Record<string, unknown>>;
  }>;
  /** Further keys of `webhook:` that this sender takes (strict object shape), merged over scheme options; null = none. */
  settings: z.ZodObject | null;
  /** `signed` false: outside of what is signed. */
  id: Readonly<{ at: Place; signed: boolean }> | null;
  time: Readonly<{ at: Place; unit: TimeUnit; signed: boolean }> | null;
  /** Tolerance unless the route says otherwise, ms; null = there is no signed time. */
  toleranceMs: number | null;
  sequence: Place | null;
  /** Where a repeated try says which one it is. */
  retry: Place | null;
  /** Headers beside those of scheme, id and time that tell what a message means: `x-github-event`. */
  keeps?: readonly string[];
  handshake: Handshake | null;
  ack: Readonly<{ status: number; body: Readonly<{ contentType: string; body: string }> | null }>;
  refusalForm: RefusalForm | null;
  dedupe: Readonly<{ by: DedupeBy; windowMs: number }>;
  answersWithinMs: number | null;
  /** One line for the README: what a person must know. */
  note: string;
}>;
