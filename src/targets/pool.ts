/**
 * The connections of one target: an undici Pool as wide as `limits.concurrent`, every socket through
 * the connect guard, HTTP/1.1 without pipelining, answers capped. Also prints the requests: method,
 * joined path and headers are ours alone.
 */
import { Pool, type Dispatcher } from 'undici';
import type { Call } from '../identity/call.ts';
import { answerBytesMax } from './answer.ts';
import { guardedConnector, type Resolve } from './connect-guard.ts';
import type { TargetSettings } from './settings.ts';

/** Longest wait for one connection, ms; a dead address must not eat the whole time-out. */
const connectMsMax = 10_000;
/** How long an idle connection is kept where the target names no time, ms. */
const keepAliveMs = 15_000;

/** One target's connections and its way of writing requests. */
export type TargetPool = Readonly<{
  pool: Pool;
  serverAddress: string;
  serverPort: number;
  /** The request of a call, or null if it cannot be written as HTTP without harm. */
  print(
    call: Call,
    credential: readonly string[],
    headers: Readonly<Record<string, string>>,
  ): Dispatcher.DispatchOptions | null;
}>;

const constantHeaders = ['accept-encoding', 'identity', 'user-agent', 'sallyport'] as const;

const pathPattern = /^\/[\x21-\x7e]*$/;
const namePattern = /^[a-z0-9-]{1,64}$/;
const valuePattern = /^[\t\x20-\x7e\x80-\xff]{0,8192}$/;
/** What a caller of `send` may not set. */
const ownNames: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'if-match',
  'if-none-match',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
  'user-agent',
]);

const pushHeader = (list: string[], name: string, value: string): boolean => {
  if (!namePattern.test(name) || !valuePattern.test(value)) return false;
  list.push(name, value);
  return true;
};

/** What a target takes and gives, by media type; the values of the knobs of the same names. */
export type MediaTypes = Readonly<{
  mediaType: string;
  accept: string;
  /** May a DELETE carry Accept (T16)? */
  acceptOnDelete: boolean;
}>;

const acceptBoth = 'application/scim+json, application/json;q=0.9';

const printHeaders = (
  call: Call,
  media: MediaTypes,
  credential: readonly string[],
  headers: Readonly<Record<string, string>>,
): string[] | null => {
  const list: string[] = [...constantHeaders, ...credential];
  if (call.raw !== undefined) {
    list.push('accept', '*/*');
    if (!pushHeader(list, 'content-type', call.raw.contentType)) return null;
  } else {
    if (call.method !== 'DELETE' || media.acceptOnDelete) list.push('accept', media.accept);
    if (call.body !== null) list.push('content-type', media.mediaType);
  }
  if (call.ifMatch !== undefined && !pushHeader(list, 'if-match', call.ifMatch)) return null;
  if (call.ifNoneMatch !== undefined && !pushHeader(list, 'if-none-match', call.ifNoneMatch)) {
    return null;
  }
  for (const name of Object.keys(headers)) {
    if (ownNames.has(name) || name === credential[0]) return null;
    if (!pushHeader(list, name, headers[name] as string)) return null;
  }
  return list;
};

/** Opens nothing yet: connections are made when calls need them. */
export const makeTargetPool = (
  settings: TargetSettings,
  knobs: MediaTypes,
  resolve?: Resolve,
): TargetPool => {
  const media = { ...knobs, accept: knobs.accept === 'both' ? acceptBoth : knobs.accept };
  const base = new URL(settings.baseUrl);
  const basePath = base.pathname.replace(/\/+$/, '');
  const pool = new Pool(base.origin, {
    connections: settings.limits.concurrent,
    pipelining: 1,
    allowH2: false,
    // One deadline per attempt is kept by our own list, exact and without undici's coarse wheel.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    maxResponseSize: answerBytesMax,
    connect: guardedConnector({
      allowPrivate: settings.allowPrivate,
      connectMs: Math.min(settings.timeout, connectMsMax),
      ...(resolve === undefined ? {} : { resolve }),
    }),
  });
  return {
    pool,
    serverAddress: base.hostname.replace(/^\[|\]$/g, ''),
    serverPort: base.port === '' ? (base.protocol === 'https:' ? 443 : 80) : Number(base.port),
    print: (call, credential, headers) => {
      const below = basePath + call.path;
      const path = call.query === '' ? below : `${below}?${call.query}`;
      const printed = printHeaders(call, media, credential, headers);
      if (printed === null || !pathPattern.test(path) || path.includes('#')) return null;
      return {
        method: call.method,
        path,
        headers: printed,
        body: call.raw === undefined ? call.body : call.raw.bytes,
      };
    },
  };
};
