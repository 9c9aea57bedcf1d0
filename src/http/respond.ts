/**
 * From an outcome to a Reply: SCIM errors on SCIM routes, RFC 9457 elsewhere, the headers that every
 * answer carries, and never a byte of the target's that was not read and printed again
 * (interface.md §3).
 */
import { errorTable, type Refusal } from '../errors.ts';
import type { LedgerId, RequestId, TraceId } from '../ids.ts';
import { problem, scimError, type ErrorContent } from '../identity/scim/messages.ts';
import type { Presented } from '../identity/scim/present.ts';
import { rateHeaders } from '../limits/rate-headers.ts';
import type { LimitState } from '../limits/limiter.ts';
import type { Reply } from './exchange.ts';

/** What every answer says of itself. */
export type Marks = Readonly<{
  requestId: RequestId;
  traceId: TraceId;
  /** SCIM route: SCIM media type and error form. */
  scim: boolean;
  /** The Accept header, or undefined. */
  accept: string | undefined;
  ledgerId: LedgerId | null;
  /** On 502 and 504 of a mutation. */
  outcome: 'not-sent' | 'in-doubt' | null;
  /** The answer of an earlier call: nothing was written for this one. */
  replayed: boolean;
  limits: readonly LimitState[];
}>;

const scimMedia = 'application/scim+json; charset=utf-8';
const jsonMedia = 'application/json; charset=utf-8';
const problemMedia = 'application/problem+json; charset=utf-8';

/** n8n parses nothing but application/json: it gets that where Accept names it and not SCIM's own. */
const mediaFor = ({ scim, accept }: Marks, error: boolean): string => {
  if (!scim) return error ? problemMedia : jsonMedia;
  return accept !== undefined &&
    accept.includes('application/json') &&
    !accept.includes('application/scim+json')
    ? jsonMedia
    : scimMedia;
};

const markHeaders = (marks: Marks, retryAfterSeconds: number): Record<string, string> => {
  const headers: Record<string, string> = {
    'x-request-id': marks.requestId,
    'trace-id': marks.traceId,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
  if (marks.ledgerId !== null) headers['sallyport-ledger-id'] = marks.ledgerId;
  if (marks.replayed) headers['idempotency-replayed'] = 'true';
  if (marks.limits.length > 0) Object.assign(headers, rateHeaders(marks.limits, retryAfterSeconds));
  else if (retryAfterSeconds > 0) headers['retry-after'] = String(retryAfterSeconds);
  return headers;
};

/** Prints a success. */
export const respond = (presented: Presented, marks: Marks): Reply => {
  const headers = markHeaders(marks, 0);
  for (const [name, value] of Object.entries(presented.headers))
    headers[name.toLowerCase()] = value;
  const body = presented.body === null ? null : JSON.stringify(presented.body);
  if (body !== null) headers['content-type'] = mediaFor(marks, false);
  return { status: presented.status, headers, body };
};

/** An answer of a webhook route: a sender's handshake, an acknowledgement, the answer of a hook. */
export type PlainAnswer = Readonly<{
  status: number;
  contentType: string | null;
  body: string | null;
  /** Beside those of every answer; names in lower case. */
  headers?: Readonly<Record<string, string>>;
}>;

/** Prints one. */
export const respondPlain = (answer: PlainAnswer, marks: Marks): Reply => {
  const headers = { ...markHeaders(marks, 0), ...answer.headers };
  if (answer.contentType !== null) headers['content-type'] = answer.contentType;
  return { status: answer.status, headers, body: answer.body };
};

/** The status a refusal is answered with. */
export const statusOf = (refusal: Refusal): number =>
  refusal.status ?? (errorTable[refusal.refused].status || 502);

/** Seconds a caller should wait where the fault is ours or passing and nothing better is known. */
const patienceSeconds = 5;

/** What an error body says of a refusal. */
export const errorContentOf = (
  refusal: Refusal,
  marks: Pick<Marks, 'requestId' | 'traceId' | 'ledgerId' | 'outcome'>,
): ErrorContent => {
  const status = statusOf(refusal);
  const scimType = refusal.scimType ?? errorTable[refusal.refused].scimType;
  return {
    status,
    detail: refusal.detail,
    ...(scimType === undefined || status >= 500 ? {} : { scimType }),
    extension: {
      code: refusal.refused,
      requestId: marks.requestId,
      traceId: marks.traceId,
      ...(marks.ledgerId === null ? {} : { ledgerId: marks.ledgerId }),
      ...(refusal.rule === undefined ? {} : { rule: refusal.rule }),
      ...(refusal.holdId === undefined ? {} : { holdId: refusal.holdId }),
      ...(marks.outcome === null ? {} : { outcome: marks.outcome }),
    },
  };
};

/** Prints a refusal. */
export const respondRefusal = (refusal: Refusal, marks: Marks): Reply => {
  const content = errorContentOf(refusal, marks);
  const { status } = content;
  const retryAfter =
    refusal.retryAfterSeconds ?? (status === 503 || status === 429 ? patienceSeconds : 0);
  const headers = markHeaders(marks, retryAfter);
  headers['content-type'] = mediaFor(marks, true);
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="sallyport"';
  if (refusal.allow !== undefined) headers['allow'] = refusal.allow;
  const body = JSON.stringify(marks.scim ? scimError(content) : problem(content));
  return {
    status,
    headers,
    body,
    ...(refusal.refused === 'body_too_large' ? { close: true } : {}),
  };
};
