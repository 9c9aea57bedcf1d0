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
import { readReply, scriptArguments, unpaidOf } from './gcra-script.ts';
import type { Limiter, Taken } from './limiter.ts';
import { makeRedisClient, pauseMs, reasonOf, type RedisClient } from './redis-client.ts';
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
/** Whoever is refused by this gateway's share alone is not sent away for longer: Redis may be back. */
const retryAfterSecondsMax = 5;
/** Longest pause between two probes, ms. */
const probeMsMax = 2_000;
/** A Redis that stayed for so long has the pauses begin anew, ms. */
const steadyMs = 10_000;

type TakeOptions = Parameters<Limiter['take']>[1];

type Lost = Readonly<{ lost: string }>;
type Asked = Readonly<{ reply: unknown }> | Lost;

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

/** Tells each reason once while Redis is away, and once that it is back. */
const makeTold = ({ at, observer, shares }: SharedLimiterDeps) => {
  const reasons = new Set<string>();
  return {
    lost: (why: string): void => {
      if (reasons.has(why)) return;
      reasons.add(why);
      const { host, port } = at;
      observer.note('warn', 'limits.shared.lost', { host, port, why, ...shares() });
    },
    back: (awayMs: number): void => {
      if (reasons.size === 0) return;
      reasons.clear();
      observer.note('warn', 'limits.shared.back', { awayMs: Math.round(awayMs) });
    },
  };
};

/** Sends one decision; what comes is what was taken there, or why nothing is known of it. */
const makeAsk =
  (
    { clock, environment, patienceMs = patienceDefaultMs }: SharedLimiterDeps,
    client: RedisClient,
  ) =>
  async (
    limits: readonly CompiledLimit[],
    revocation: boolean,
    debts: Debts,
  ): Promise<(Taken & Readonly<{ unpaid: Debts }>) | Lost> => {
    const prefix = `{sallyport:${environment}}`;
    const asking = { prefix, revocation, debts, nowUs: null };
    const sent = client.sallyportTake(...scriptArguments(limits, asking));
    const asked = await inPatience(clock, patienceMs, sent);
    if ('lost' in asked) return asked;
    const taken = readReply(limits, asked.reply);
    if (taken === null) return { lost: 'it answers something else' };
    const unpaid = debts.size === 0 ? debts : unpaidOf(limits, asked.reply as readonly number[]);
    return { ...taken, unpaid };
  };

/** Connects; resolves when it is known who decides first, and never rejects. */
export const openSharedLimiter = async (deps: SharedLimiterDeps): Promise<SharedLimiter> => {
  const { clock, jitter } = deps;
  const client = makeRedisClient(deps.at, jitter);
  const ask = makeAsk(deps, client);
  const fallback = makeFallback(deps);
  const told = makeTold(deps);
  let state: 'shared' | 'local' | 'stopped' = 'local';
  let changedAt = clock.monotonic();
  /** Probes since it was last there for long. */
  let probes = 0;
  let probing: Timer | null = null;
  let lastReason = 'it cannot be reached';

  /** From here on this gateway decides; its buckets begin used up. */
  const fallBack = (to: 'local' | 'stopped'): void => {
    const now = clock.monotonic();
    if (state === 'shared') {
      if (now - changedAt > steadyMs) probes = 0;
      changedAt = now;
      fallback.begin(now);
    }
    state = to;
  };
  const lose = (reason: string): void => {
    if (state === 'stopped') return;
    fallBack('local');
    told.lost(reason);
    probeLater();
  };
  const probe = async (): Promise<void> => {
    const taken = await ask([probeLimit], false, probeDebts);
    probing = null;
    if (state !== 'local') return;
    if ('lost' in taken) {
      lose(taken.lost);
      return;
    }
    const now = clock.monotonic();
    told.back(now - changedAt);
    state = 'shared';
    changedAt = now;
  };
  const probeLater = (): void => {
    if (probing !== null || state !== 'local' || client.status !== 'ready') return;
    probing = clock.after(pauseMs(probes, probeMsMax, jitter), () => void probe());
    probes += 1;
  };
  const takeHere = (limits: readonly CompiledLimit[], options: TakeOptions): Taken => {
    const taken = fallback.take(limits, options);
    const retryAfterSeconds = Math.min(taken.retryAfterSeconds, retryAfterSecondsMax);
    return retryAfterSeconds === taken.retryAfterSeconds ? taken : { ...taken, retryAfterSeconds };
  };
  const takeThere = async (
    limits: readonly CompiledLimit[],
    options: TakeOptions,
  ): Promise<Taken> => {
    const debts = fallback.handOver(limits, options.now);
    const taken = await ask(limits, options.revocation, debts);
    if (!('lost' in taken)) {
      const { unpaid, ...there } = taken;
      // What has no room yet stays owed: the next calls pay it before they are admitted.
      fallback.giveBack(limits, unpaid);
      return there;
    }
    fallback.giveBack(limits, debts);
    lose(taken.lost);
    return takeHere(limits, { ...options, now: clock.monotonic() });
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
    take: (limits: readonly CompiledLimit[], options: TakeOptions): Taken | Promise<Taken> => {
      if (limits.length === 0) return nothingAsked;
      // The connection may be gone before it is told: buckets of an earlier time must not be asked.
      if (state === 'shared' && client.status !== 'ready') lose(lastReason);
      return state === 'shared' ? takeThere(limits, options) : takeHere(limits, options);
    },
    state: () => (state === 'shared' ? 'shared' : 'local'),
    stop: () => {
      fallBack('stopped');
      probing?.cancel();
      client.disconnect();
    },
  });
};
