/**
 * Rates counted across gateways in Redis or Valkey: one script per decision (gcra-script.ts), sent
 * together with those of the same moment. A decision waits 20 ms at most; then, and until a probe in
 * the background is answered again, this gateway keeps its own share (fallback.ts), so an absent Redis
 * costs its answers and never lets more through. What was let through meanwhile is charged when it is
 * back. A Redis that lost its data has full buckets: accepted for rates, nothing else lies there.
 */
import type { Clock, Timer } from '../clock.ts';
import type { CompiledLimit } from '../policy/decision.ts';
import type { Observer } from '../telemetry/observe.ts';
import { makeFallback, type Debts } from './fallback.ts';
import { readReply, scriptArguments } from './gcra-script.ts';
import type { Limiter, Taken } from './limiter.ts';
import { makeRedisClient, pauseMs, reasonOf } from './redis-client.ts';
import type { SharedLimitsAt } from './shared-at.ts';
import type { Shares } from './shares.ts';

export interface SharedLimiter extends Limiter {
  /** Who decides now: Redis, or this gateway with its share. */
  state(): 'shared' | 'local';
  /** Ends the connection; what is asked from then on is decided here. */
  stop(): void;
}

export type SharedLimiterDeps = Readonly<{
  at: SharedLimitsAt;
  /** Deployments of different environments never share a bucket. */
  environment: string;
  /** Buckets kept here while Redis is away. */
  keysMax: number;
  /** How many gateways live now, and which of them this is. */
  shares(): Shares;
  clock: Clock;
  /** 0 ≤ x < 1. */
  jitter(): number;
  observer: Pick<Observer, 'note'>;
  /** How long a decision waits for Redis, ms; 20 where not given. */
  patienceMs?: number;
}>;

/** How long a decision waits for Redis, ms. */
const patienceDefaultMs = 20;
/** Longest pause between two probes, ms. */
const probeMsMax = 2_000;
/** A Redis that stayed for so long has the pauses begin anew, ms. */
const steadyMs = 10_000;

type Asked = Readonly<{ reply: unknown }> | Readonly<{ lost: string }>;

/**
 * The answer, or why there is none in time. The time passes in two steps: a stall of this process
 * uses up only one of them, so it is not taken for a silent Redis.
 */
const inPatience = (clock: Clock, ms: number, asked: Promise<unknown>): Promise<Asked> =>
  new Promise((resolve) => {
    const late = (): void => resolve({ lost: `it does not answer within ${ms} ms` });
    // An answer that lies in the socket already is read before the immediate runs.
    const last = (): void => void setImmediate(late);
    let timer: Timer = clock.after(ms * 0.75, () => {
      timer = clock.after(ms * 0.25, last);
    });
    const settle = (outcome: Asked): void => {
      timer.cancel();
      resolve(outcome);
    };
    asked.then(
      (reply) => settle({ reply }),
      (cause: unknown) => settle({ lost: reasonOf(cause) }),
    );
  });

/** Asked for with a debt, this bucket is written and gone at once: proof that decisions can be made. */
const probeLimit: CompiledLimit = {
  key: 'probe',
  policy: 'probe',
  count: 1_000,
  seconds: 1,
  burst: 1,
};
const probeDebts: Debts = new Map([[probeLimit.key, 1]]);

const nothingAsked: Taken = { admitted: true, states: [], retryAfterSeconds: 0, refusedBy: null };

/** Connects; resolves when it is known who decides first, and never rejects. */
export const openSharedLimiter = async (deps: SharedLimiterDeps): Promise<SharedLimiter> => {
  const { at, clock, jitter, observer, patienceMs = patienceDefaultMs } = deps;
  const prefix = `{sallyport:${deps.environment}}`;
  const client = makeRedisClient(at, jitter);
  const fallback = makeFallback(deps);
  const lostReasons = new Set<string>();
  let state: 'shared' | 'local' | 'stopped' = 'local';
  let changedAt = clock.monotonic();
  /** Probes without an answer since it was last there for long. */
  let failures = 0;
  let probing: Timer | null = null;
  let lastReason = 'it cannot be reached';

  const send = (
    limits: readonly CompiledLimit[],
    revocation: boolean,
    debts: Debts,
  ): Promise<Asked> =>
    inPatience(
      clock,
      patienceMs,
      client.sallyportTake(...scriptArguments(limits, { prefix, revocation, debts, nowUs: null })),
    );

  /** Each reason is told once while it is away. */
  const tellLost = (reason: string): void => {
    if (lostReasons.has(reason)) return;
    lostReasons.add(reason);
    const { gateways, rank } = deps.shares();
    observer.note('warn', 'limits.shared.lost', {
      host: at.host,
      port: at.port,
      why: reason,
      gateways,
      rank,
    });
  };

  const lose = (reason: string): void => {
    if (state === 'stopped') return;
    if (state === 'shared') {
      const now = clock.monotonic();
      if (now - changedAt > steadyMs) failures = 0;
      state = 'local';
      changedAt = now;
      fallback.begin(now);
    }
    tellLost(reason);
    probeLater();
  };

  const probeLater = (): void => {
    if (probing !== null || state !== 'local' || client.status !== 'ready') return;
    probing = clock.after(pauseMs(failures, probeMsMax, jitter), () => void probe());
    failures += 1;
  };

  const probe = async (): Promise<void> => {
    const asked = await send([probeLimit], false, probeDebts);
    probing = null;
    if (state !== 'local') return;
    if ('lost' in asked) {
      lose(asked.lost);
      return;
    }
    const now = clock.monotonic();
    const first = lostReasons.size === 0;
    state = 'shared';
    lostReasons.clear();
    if (!first)
      observer.note('warn', 'limits.shared.back', { awayMs: Math.round(now - changedAt) });
    changedAt = now;
  };

  const takeThere = async (
    limits: readonly CompiledLimit[],
    options: Readonly<{ revocation: boolean; now: number }>,
  ): Promise<Taken> => {
    const debts = fallback.handOver(limits, options.now);
    const asked = await send(limits, options.revocation, debts);
    const taken = 'lost' in asked ? null : readReply(limits, asked.reply);
    if (taken !== null) return taken;
    fallback.giveBack(limits, debts);
    lose('lost' in asked ? asked.lost : 'it answers something else');
    return fallback.take(limits, { ...options, now: clock.monotonic() });
  };

  client.on('error', (error: unknown) => {
    lastReason = reasonOf(error);
  });
  client.on('close', () => {
    probing?.cancel();
    probing = null;
    lose(lastReason);
    lastReason = 'the connection was cut';
  });
  fallback.begin(changedAt);
  await client.connect().then(probe, () => undefined);
  // From here on, so that the very first probe is the only one of its connection.
  client.on('ready', probeLater);

  return Object.freeze({
    take: (
      limits: readonly CompiledLimit[],
      options: Readonly<{ revocation: boolean; now: number }>,
    ): Taken | Promise<Taken> => {
      if (limits.length === 0) return nothingAsked;
      const there = state === 'shared' && client.status === 'ready';
      return there ? takeThere(limits, options) : fallback.take(limits, options);
    },
    state: () => (state === 'shared' ? 'shared' : 'local'),
    stop: () => {
      state = 'stopped';
      probing?.cancel();
      client.disconnect();
    },
  });
};
