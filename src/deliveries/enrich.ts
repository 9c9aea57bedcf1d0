/**
 * Reads what a source says of the subject now, when a delivery is tried: one GET below the target's
 * base URL with its own credential. What was read serves the deliveries of the same item for half a
 * minute; failures are not remembered.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Call } from '../identity/call.ts';
import type { Json } from '../identity/json-value.ts';
import type { Enrichment, Target } from '../snapshot.ts';
import { callOptions, noTarget, outcomeOf, type OneTry, type TryDeps } from './one-try.ts';
import { dead, type Outcome } from './tried.ts';

/** Largest body read, bytes. */
const enrichedBytesMax = 1_048_576;
const keptMs = 30_000;
const keptMax = 256;
const keptCharsMax = 16 * 1_048_576;

/** `reason`: why there is none, where there is none. */
export type Enriched =
  | Readonly<{ kind: 'read'; value: Json; reason: string | null }>
  | Readonly<{ kind: 'failed'; outcome: Outcome }>;

export type Enricher = Readonly<{
  /** `key` names the item and the configuration: whoever has the same key gets the same answer. */
  read(
    one: OneTry,
    enrichment: Enrichment,
    target: Target | undefined,
    variables: Readonly<Record<string, unknown>>,
    key: string,
  ): Promise<Enriched>;
}>;

const failed = (outcome: Outcome): Enriched => ({ kind: 'failed', outcome });

/** Path and query of a printed template. */
const callOf = (text: string, source: string): Call => {
  const at = text.indexOf('?');
  const end = source.search(/[?{]/);
  return {
    method: 'GET',
    path: at < 0 ? text : text.slice(0, at),
    query: at < 0 ? '' : text.slice(at + 1),
    // The template up to its first value: names of values are of no use to a metric.
    template: end < 0 ? source : source.slice(0, end),
    body: null,
    repeatable: true,
    mutation: false,
    answerBytesMax: enrichedBytesMax,
  };
};

/** A failure to read the source, told apart from one of the destination. */
const named = (outcome: Outcome): Outcome =>
  outcome.kind === 'dead' || (outcome.kind === 'again' && outcome.counted)
    ? {
        ...outcome,
        reason: `enrich_${outcome.reason}`,
        ...('gone' in outcome ? { gone: false } : {}),
      }
    : outcome;

const readOnce = async (
  deps: TryDeps,
  one: OneTry,
  target: Target,
  call: Call,
): Promise<Enriched> => {
  const sent = await deps.targets.send(target.name, call, callOptions(deps, one, target, call, {}));
  if (sent.kind === 'answered' && sent.answer.status === 404) {
    return { kind: 'read', value: null, reason: 'enrich_404' };
  }
  const told = outcomeOf(sent, deps.now());
  // A credential is renewed sooner or later; what came in meanwhile is worth the wait.
  const outcome: Outcome =
    told.kind === 'dead' && (told.status === 401 || told.status === 403)
      ? { ...told, kind: 'again', retryAfterMs: null, counted: true }
      : told;
  if (sent.kind !== 'answered' || outcome.kind !== 'delivered') return failed(named(outcome));
  const { body, readable } = sent.answer;
  if (!readable || body === undefined) return failed(dead('enrich_unreadable'));
  return { kind: 'read', value: body, reason: null };
};

/** Makes an enricher with an empty memory. */
export const makeEnricher = (deps: TryDeps & Readonly<{ clock: Clock }>): Enricher => {
  const kept = new LRUCache<string, Extract<Enriched, { kind: 'read' }>>({
    max: keptMax,
    maxSize: keptCharsMax,
    ttl: keptMs,
    ttlResolution: 0,
    // A zero means `never` to the cache.
    perf: { now: () => deps.clock.monotonic() + 1 },
    sizeCalculation: ({ value }) => JSON.stringify(value).length + 1,
  });
  const underWay = new Map<string, Promise<Enriched>>();
  const readNow = async (
    one: OneTry,
    enrichment: Enrichment,
    target: Target | undefined,
    variables: Readonly<Record<string, unknown>>,
  ): Promise<Enriched> => {
    if (target === undefined) return failed(noTarget);
    const printed = enrichment.path.print(variables);
    if ('failed' in printed) return failed(dead('enrich_path', printed.failed.slice(0, 300)));
    return readOnce(deps, one, target, callOf(printed.text, enrichment.path.source));
  };
  return {
    read: async (one, enrichment, target, variables, key) => {
      const known = kept.get(key) ?? underWay.get(key);
      if (known !== undefined) return known;
      const reading = readNow(one, enrichment, target, variables);
      underWay.set(key, reading);
      try {
        const enriched = await reading;
        if (enriched.kind === 'read') kept.set(key, enriched);
        return enriched;
      } finally {
        underWay.delete(key);
      }
    },
  };
};
