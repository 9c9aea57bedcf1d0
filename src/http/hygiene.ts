/**
 * The first look at a request, before anything is understood: whatever two readers could read
 * differently is refused here (gateway-practice §1.5). Pure; looks at the request line and headers.
 */
import { refuse, type Refusal } from '../errors.ts';
import type { Exchange } from './exchange.ts';

/** Headers that change the method behind the request line (row C32). */
const methodOverrides: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-method',
  'x-original-url',
  'x-rewrite-url',
]);

/** Headers that must not stand twice: two readers would pick two values. */
const singletons: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'x-api-key',
  'content-type',
  'content-length',
  'transfer-encoding',
  'if-match',
  'if-none-match',
  'idempotency-key',
  'traceparent',
  'x-request-id',
]);

const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
const hostPattern =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/;
/** Visible ASCII without backslash, quotes, angle brackets or a fragment. */
const targetPattern = /^\/[!$-;=?-Z_a-z~[\]{}|^`]*$/;
const encodedTrap = /%(?:2[fF]|5[cC]|00|3[bB]|3[fF]|23|25|2[eE])/;
const urlBytesMax = 16_384;

const suspicious = (detail: string): Refusal => refuse('request_suspicious', detail);

const inspectHeaders = (rawHeaders: readonly string[]): Refusal | null => {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    if (name.includes('_')) return suspicious('A header name holds an underscore.');
    if (methodOverrides.has(name)) return suspicious('The method or URL must not be overridden.');
    if (singletons.has(name)) {
      if (seen.has(name)) return suspicious(`The header ${name} stands twice.`);
      seen.add(name);
    }
  }
  return null;
};

const inspectTarget = (path: string, query: string): Refusal | null => {
  if (path.length + query.length > urlBytesMax) {
    return suspicious(`The URL is longer than ${urlBytesMax} characters.`);
  }
  if (!targetPattern.test(path)) return suspicious('The path holds characters that no path has.');
  if (encodedTrap.test(path)) {
    return suspicious('The path holds an encoded separator, dot, percent sign or NUL.');
  }
  if (path.includes('//') || /(?:^|\/)\.{1,2}(?:\/|$)/.test(path) || path.includes(';')) {
    return suspicious('The path holds empty or dot segments, or path parameters.');
  }
  return null;
};

/** Null if the request is clean, else the refusal that answers it. */
export const inspect = (
  exchange: Pick<Exchange, 'method' | 'path' | 'query' | 'headers' | 'rawHeaders'>,
): Refusal | null => {
  const { method, path, query, headers } = exchange;
  if (!methods.has(method)) {
    return refuse('method_unsupported', 'Use GET, POST, PUT, PATCH or DELETE.', {
      allow: [...methods].join(', '),
    });
  }
  if (headers['host'] === undefined || !hostPattern.test(headers['host'])) {
    return suspicious('The Host header is missing or is no host name.');
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return refuse('media_type_unsupported', 'Send the body without a Content-Encoding.');
  }
  return inspectTarget(path, query) ?? inspectHeaders(exchange.rawHeaders);
};

/** Headers of a foreign sender that must not stand twice: what they say is taken by somebody's word. */
const foreignSingletons: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'content-type',
  'content-length',
  'transfer-encoding',
]);

/**
 * The same for a webhook, whose path was compared whole already: null if it is clean. Foreign senders
 * choose their own media types, codings and header names; bytes are verified as they came, and nobody
 * here reads a method override, so none of that is refused.
 */
export const inspectForeign = (
  exchange: Pick<Exchange, 'path' | 'query' | 'headers' | 'rawHeaders'>,
): Refusal | null => {
  const { path, query, headers, rawHeaders } = exchange;
  if (headers['host'] === undefined || !hostPattern.test(headers['host'])) {
    return suspicious('The Host header is missing or is no host name.');
  }
  if (path.length + query.length > urlBytesMax) {
    return suspicious(`The URL is longer than ${urlBytesMax} characters.`);
  }
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    if (!foreignSingletons.has(name)) continue;
    if (seen.has(name)) return suspicious(`The header ${name} stands twice.`);
    seen.add(name);
  }
  return null;
};

const mediaType =
  /^(application\/(?:scim\+)?json)\s*(?:;\s*charset\s*=\s*"?([A-Za-z0-9-]+)"?\s*)?$/i;

/** The body's media type: SCIM or plain JSON in UTF-8, or none at all (RFC 7644 §3.8). */
export const inspectMediaType = (contentType: string | undefined): Refusal | null => {
  if (contentType === undefined || contentType === '') return null;
  const match = mediaType.exec(contentType.trim());
  const charset = match?.[2]?.toLowerCase();
  return match !== null && (charset === undefined || charset === 'utf-8' || charset === 'utf8')
    ? null
    : refuse('media_type_unsupported', 'Send application/scim+json or application/json in UTF-8.');
};
