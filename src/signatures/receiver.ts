/**
 * What a compiled webhook verifier answers: one per webhook route and snapshot, made from a sender's
 * descriptor and the route's keys. Bytes come in as they were received; nothing here parses more of
 * them than the scheme needs, nothing throws, and no computed value leaves but in a verdict of yes.
 */
import type { ErrorCode } from '../errors.ts';

/** One request as it came in. Header names are lower-case; `body` is exactly what was on the wire. */
export type Received = Readonly<{
  method: string;
  /** As the sender addressed it: public base, path and query. For schemes that sign the URL. */
  url: string;
  path: string;
  /** Raw, without `?`. */
  query: string;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}>;

/** The signature holds. Everything said here was signed unless it says otherwise. */
export type Verified = Readonly<{
  kind: 'verified';
  /** Which of the route's keys matched: `secrets[0]`, a `kid`. Never the key. */
  keyId: string;
  /** The sender's id of this message; `signed` false where whoever replays can change it. */
  id: Readonly<{ value: string; signed: boolean }> | null;
  /** The sender's time, ms since the epoch; null where it has none. */
  sentAt: Readonly<{ at: number; signed: boolean }> | null;
  /** Decoded bytes of the signature that matched: with the body it recognises a replay. Null for static secrets. */
  signature: Buffer | null;
  /** Number in the sender's sequence, where it has one (gap detection). */
  sequence: number | null;
  /** What the sender says about this being a repeated try: `X-Slack-Retry-Num` and the like; 0 = first. */
  retry: number;
}>;

/** It does not, or cannot be told. `reason` is for the trace: no header value, nothing computed. */
export type Unverified =
  | Readonly<{
      kind: 'refused';
      code: Extract<
        ErrorCode,
        'signature_missing' | 'signature_invalid' | 'timestamp_stale' | 'body_malformed'
      >;
      reason: string;
    }>
  /** A key that is fetched cannot be had now: 503. */
  | Readonly<{ kind: 'unavailable'; reason: string }>;

export type Verdict = Verified | Unverified;

/** An answer that a sender's handshake wants, printed whole. */
export type Greeting = Readonly<{
  status: number;
  contentType: string | null;
  body: string | null;
  /** An address of the sender that must be called to confirm (SNS); rebuilt, never the sender's own text. */
  confirm: string | null;
  /** What was greeted, for trace and log: `okta.challenge`. */
  name: string;
}>;

/** The answer to a message that is refused, where the sender wants a body of its own (RFC 8935). */
export type RefusalForm = (
  verdict: Extract<Unverified, { kind: 'refused' }>,
) => Readonly<{ status: number; contentType: string; body: string }> | null;

/** A webhook route's verifier. */
export type Receiver = Readonly<{
  /** Name of the sender's descriptor: `bamboohr`, `custom`. */
  sender: string;
  /** Methods served: POST, and GET where the handshake is one. */
  methods: readonly string[];
  /** Status of a message that is stored, or was stored before. 202 unless the sender insists on another. */
  ackStatus: number;
  /** Body of it, where the sender wants one (Discord's PONG comes as a greeting); else null. */
  ackBody: Readonly<{ contentType: string; body: string }> | null;
  /** A handshake that comes unsigned, answered before anything is verified; null = it is none. */
  greet(received: Received): Greeting | null;
  /** `now` in wall ms. A promise only where a key may have to be fetched. Never throws or rejects. */
  verify(received: Received, now: number): Verdict | Promise<Verdict>;
  /** A handshake that is signed like any message; null = it is an ordinary message. */
  answer(received: Received, verified: Verified): Greeting | null;
  /** The form of refusals; null = problem+json. */
  refusalForm: RefusalForm | null;
  /**
   * The message as it is kept: headers that hold a static secret (and tokens in the body) are replaced
   * by `sallyport-key:` and the id of the key that matched; `contents` the bytes that mean something,
   * where they differ from the body (decrypted, or the claims of a token). `headers` holds only what
   * verifying again or reading needs.
   */
  keep(
    received: Received,
    verified: Verified,
  ): Readonly<{ headers: Readonly<Record<string, string>>; body: Buffer; contents: Buffer | null }>;
  /** Verifies a kept message again as of the time it came in. */
  verifyKept(kept: Received, at: number): Verdict | Promise<Verdict>;
  /** How repeats are told unless the route says otherwise. */
  dedupe: Readonly<{ by: DedupeBy; windowMs: number }>;
  /** Headers that say, beside the body, what a message means: equal bodies under others are two events. */
  meaningHeaders: readonly string[];
  /** Longest time a sender of synchronous hooks waits, ms; null = it does not wait for an answer. */
  answersWithinMs: number | null;
}>;

/**
 * What recognises a repeat. `id`: the sender's id. `signature`: the id, and body with signature too,
 * for the id can be changed by whoever replays. `body`: the body alone, for at most ten minutes.
 */
export type DedupeBy = 'id' | 'signature' | 'body' | 'none';

/** Signs what is passed on, by the same templates that verify. */
export type Signer = Readonly<{
  /** Name of the scheme: `standard-webhooks`. */
  scheme: string;
  /** Headers to add (lower-case), for these bytes under this id; `at` in wall ms. */
  sign(
    message: Readonly<{ id: string; at: number; body: Buffer; url: string; method: string }>,
  ): Readonly<Record<string, string>>;
}>;

/** A key of a route, resolved. `text` is what stood behind the reference. */
export type KeyMaterial = Readonly<{
  id: string;
  text: string;
  /** Wall ms; outside of both it matches nothing. */
  notBefore: number;
  until: number;
}>;

/** What a fetch is for. */
export type FetchHints = Readonly<{
  /** The kept answer lacked what is sought: fetch again, if the last fetch is a minute ago. */
  again?: boolean;
  /**
   * For addresses that an unverified message had a part in: all addresses of one source together are
   * fetched at most once a minute. Sources are few and come from the configuration (a host).
   */
  source?: string;
}>;

/**
 * Fetches public keys and certificates: https only, no redirects, through the connect guard, capped,
 * single flight, at most one fetch a minute per URL (also after a failure) by its own clock, for kept
 * messages are verified as of times long past. Null: cannot be had now. Never rejects.
 */
export interface KeyFetcher {
  fetch(url: string, hints?: FetchHints): Promise<string | null>;
}
