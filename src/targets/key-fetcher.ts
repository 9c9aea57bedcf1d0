/**
 * Fetches public keys and certificates for signatures. What comes in unverified can only make it ask
 * rarely: single flight, one fetch a minute per address and per source, so many a minute in all. Good
 * answers are kept; a failure of the other side is bridged for a day. https only, through the connect
 * guard, no redirects, a deadline on the whole. Kept over reloads, so that none empties its memory.
 */
import { isUtf8 } from 'node:buffer';
import { LRUCache } from 'lru-cache';
import { Agent } from 'undici';
import type { Clock } from '../clock.ts';
import type { FetchHints, KeyFetcher } from '../signatures/receiver.ts';
import { guardedConnector, type Resolve } from './connect-guard.ts';

/** Bounds of it, ms, bytes and counts. */
export const keyFetcherLimits = Object.freeze({
  answerBytesMax: 262_144,
  deadlineMs: 3_000,
  pauseMs: 60_000,
  freshMs: 600_000,
  staleMs: 86_400_000,
  addressesMax: 64,
  sourcesMax: 256,
  fetchesPerMinuteMax: 60,
});
const limits = keyFetcherLimits;

/** `at` times are monotonic ms; `text` null where there was never a good answer. */
type Kept = Readonly<{ text: string | null; at: number; triedAt: number }>;

/** Only what names one host and nothing of ours: no credentials, no fragment. */
const readAddress = (text: string): URL | null => {
  const url = text.length <= 2_048 ? URL.parse(text) : null;
  if (url === null || url.protocol !== 'https:') return null;
  return url.username === '' && url.password === '' && url.hash === '' ? url : null;
};

const readAnswer = async (body: AsyncIterable<Buffer>): Promise<string | null> => {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > limits.answerBytesMax) return null;
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  return isUtf8(bytes) ? bytes.toString('utf8') : null;
};

/** What is told to whoever watches; addresses are those of the configuration or AWS's. */
export type KeyFetchReport = Readonly<{ host: string; ok: boolean; durationMs: number }>;

/** A fetcher with its memory; `close` ends its connections. */
export type LiveKeyFetcher = KeyFetcher & Readonly<{ close(): Promise<void> }>;

/**
 * Makes the process's fetcher. `allowPrivate` are addresses and CIDR ranges that keys may come from
 * though they are private; cloud metadata stays refused.
 */
export const makeKeyFetcher = (deps: {
  clock: Clock;
  allowPrivate: readonly string[];
  report?: (report: KeyFetchReport) => void;
  resolve?: Resolve;
}): LiveKeyFetcher => {
  const { clock } = deps;
  const agent = new Agent({
    connect: guardedConnector({
      allowPrivate: deps.allowPrivate,
      connectMs: limits.deadlineMs,
      ...(deps.resolve === undefined ? {} : { resolve: deps.resolve }),
    }),
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: limits.answerBytesMax,
  });
  const kept = new LRUCache<string, Kept>({ max: limits.addressesMax });
  const sources = new LRUCache<string, number>({ max: limits.sourcesMax });
  const flights = new Map<string, Promise<string | null>>();
  /** Starts of fetches within the last minute, oldest first. */
  let starts: readonly number[] = [];

  const request = async (url: URL): Promise<string | null> => {
    const abort = new AbortController();
    const timer = clock.after(limits.deadlineMs, () => abort.abort());
    try {
      const { statusCode, headers, body } = await agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'GET',
        headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'sallyport' },
        reset: true,
        signal: abort.signal,
      });
      const plain = [undefined, 'identity'].includes(headers['content-encoding'] as string);
      if (statusCode === 200 && plain) return await readAnswer(body as AsyncIterable<Buffer>);
      body.destroy();
      return null;
    } catch {
      return null;
    } finally {
      timer.cancel();
      abort.abort();
    }
  };

  /** Counts a fetch as begun, or says that none may begin now. */
  const admit = (address: string, source: string | undefined): boolean => {
    const now = clock.monotonic();
    const recent = (at: number | undefined): boolean =>
      at !== undefined && now - at < limits.pauseMs;
    const known = kept.get(address);
    if (recent(known?.triedAt)) return false;
    // What once was good is asked for again whatever else its source named meanwhile.
    const counted = known === undefined ? source : undefined;
    if (counted !== undefined && recent(sources.get(counted))) return false;
    starts = starts.filter(recent);
    if (starts.length >= limits.fetchesPerMinuteMax) return false;
    starts = [...starts, now];
    if (counted !== undefined) sources.set(counted, now);
    return true;
  };

  const fly = async (url: URL, source: string | undefined): Promise<string | null> => {
    const address = url.href;
    const triedAt = clock.monotonic();
    const before = kept.get(address);
    // An address that a stranger named is remembered only once it was good; its source is till then.
    if (before !== undefined || source === undefined) {
      kept.set(address, { text: before?.text ?? null, at: before?.at ?? triedAt, triedAt });
    }
    const text = await request(url);
    deps.report?.({
      host: url.host,
      ok: text !== null,
      durationMs: clock.monotonic() - triedAt,
    });
    if (text !== null) kept.set(address, { text, at: clock.monotonic(), triedAt });
    return text;
  };

  const fallback = (address: string): string | null => {
    const known = kept.get(address);
    return known !== undefined && clock.monotonic() - known.at < limits.staleMs ? known.text : null;
  };

  return {
    async fetch(text: string, { again = false, source }: FetchHints = {}) {
      const url = readAddress(text);
      if (url === null) return null;
      const known = kept.get(url.href);
      const fresh = known !== undefined && clock.monotonic() - known.at < limits.freshMs;
      if (fresh && !again && known.text !== null) return known.text;
      let flight = flights.get(url.href);
      if (flight === undefined) {
        if (!admit(url.href, source)) return fallback(url.href);
        flight = fly(url, source).finally(() => flights.delete(url.href));
        flights.set(url.href, flight);
      }
      return (await flight) ?? fallback(url.href);
    },
    close: () => agent.destroy(),
  };
};
