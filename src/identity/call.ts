/**
 * What goes to a target and what comes back, free of sockets: `targets/` sends a Call and returns
 * an Answer; `identity/` prints the one and reads the other.
 */
import type { Json } from './json-value.ts';

/** One request to a target, printed from the canonical operation. */
export type Call = Readonly<{
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Printed canonical path below the target's baseUrl, percent-encoded: `/Users/2819c223`. */
  path: string;
  /** Printed query without `?`, or ''. */
  query: string;
  /** Low-cardinality form of the path for spans and metrics: `/Users/{id}`. */
  template: string;
  /** Body text, printed once. */
  body: string | null;
  ifMatch?: string;
  ifNoneMatch?: string;
  /** May a second attempt be made after a failure that is not proven to be before the first byte? */
  repeatable: boolean;
  mutation: boolean;
  /** Bytes to send as they are instead of `body`, with their media type: a webhook that is passed on. */
  raw?: Readonly<{ contentType: string; bytes: Uint8Array }>;
  /** Reads at most so many bytes of the answer; a longer one is cut there and not readable. */
  answerBytesMax?: number;
}>;

/** A target's answer, read to its end within the size limit. */
export type Answer = Readonly<{
  status: number;
  /** Allow-listed response headers by lower-cased name: etag, location, retry-after, last-modified, content-type, date. */
  headers: Readonly<Record<string, string>>;
  /** Parsed JSON; undefined where the body is empty; null stands for JSON null. */
  body: Json | undefined;
  /** False where there was a body and it is not JSON. */
  readable: boolean;
  /** First 300 characters of an unreadable or error body, control characters removed. */
  excerpt: string;
}>;
