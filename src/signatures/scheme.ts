/**
 * One way of signing, as code over data. A sender's descriptor names a scheme and gives its options; a
 * scheme compiles them with the keys of a route. Schemes know nothing of handshakes, repeats or
 * freshness: they prove, and say which id and which time were inside of what was signed.
 */
import type { z } from 'zod';
import type { KeyFetcher, KeyMaterial, Received, Unverified } from './receiver.ts';

/** The signature holds. Texts as they stood in the message; nothing was made of them. */
export type Proof = Readonly<{
  kind: 'proven';
  keyId: string;
  /** Decoded bytes of the signature that matched; null where a secret was presented as it is. */
  signature: Buffer | null;
  /** The sender's id and time, where they were inside of what was signed. */
  signedId: string | null;
  signedTime: string | null;
  /** What a token or cipher held and means, where that is not the body. */
  contents: Buffer | null;
}>;

/** What a scheme compiles with. */
export type SchemeContext = Readonly<{
  /** Resolved keys of the route, at most 16; never empty where `keys` of the scheme is `route`. */
  keys: readonly KeyMaterial[];
  fetcher: KeyFetcher;
  /** How far a signed time may lie from now, ms; schemes with ends of their own (JWT) use it as leeway. */
  toleranceMs: number;
}>;

export type CompiledScheme = Readonly<{
  /** Never throws or rejects. Presented signatures beyond 16 are not looked at. */
  check(received: Received, now: number): Proof | Unverified | Promise<Proof | Unverified>;
  /** Headers that hold a static secret or a token that grants something: never kept, never logged. */
  secretHeaders: readonly string[];
  /** Headers that verifying this message again needs, beside `secretHeaders`; absent: none. */
  readHeaders?: (received: Received) => readonly string[];
  /** The body without a secret in it, the key's id in its place; null = it has none. */
  withoutSecret: ((body: Buffer, keyId: string) => Buffer) | null;
  /** Headers for these bytes, where the scheme can sign with the first of the route's keys; else null. */
  sign:
    | ((
        message: Readonly<{ id: string; at: number; body: Buffer; url: string; method: string }>,
      ) => Readonly<Record<string, string>>)
    | null;
}>;

export type Scheme = Readonly<{
  name: string;
  /** What it does, one line, for the README. */
  title: string;
  /** route: from `secrets` or `keys` of the route; fetched: from an address; none: it has no key. */
  keys: 'route' | 'fetched' | 'none';
  /** Strict schema of its options: what a descriptor gives, and `custom` in the route file. */
  options: z.ZodType;
  /** `options` as `options` of this scheme parsed them. A key that cannot be used is a problem. */
  compile(options: unknown, context: SchemeContext): CompiledScheme | Readonly<{ problem: string }>;
}>;
