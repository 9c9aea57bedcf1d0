/**
 * One target alive: its connections, slots, breaker, budget and credentials, and the way of one call
 * through them. What may be repeated: anything that was proven not to have been sent because nobody
 * could be reached; a 401 with a further credential slot (RFC 9110 §15.5.2: such a request was not
 * applied); and reads after a reset or an answered 429, 502, 503, 504. A mutation whose first byte
 * was written is never repeated otherwise. Built and closed by make-targets.ts.
 */
import type { Clock } from '../clock.ts';
import type { Call } from '../identity/call.ts';
import type { Observer } from '../telemetry/observe.ts';
import { retryAfterMs } from './answer.ts';
import { makeAttempt, type Attempted } from './attempt.ts';
import { makeBreaker, type BreakerPass, type BreakerState, type Health } from './breaker.ts';
import type { Resolve } from './connect-guard.ts';
import { makeCredentials, type CredentialSlot, type UsableSlot } from './credentials.ts';
import { makeDeadlines } from './deadlines.ts';
import { makeTargetPool } from './pool.ts';
import { makeRetryBudget } from './retry-budget.ts';
import type { SendOptions, Sent, TargetFailure } from './send.ts';
import type { TargetSettings } from './settings.ts';
import { makeSlots } from './slots.ts';

/** What of a snapshot's Target lives here; the snapshot stands above this room. */
export type TargetSource = Readonly<{
  name: string;
  settings: TargetSettings;
  digest: string;
  credentials: readonly CredentialSlot[];
  unconfigured: string | null;
}>;

/** For readyz and metrics. */
export type TargetState = Readonly<{
  target: string;
  breaker: BreakerState;
  running: number;
  queued: number;
  /** Open connections. */
  connected: number;
  unconfigured: string | null;
}>;

export type LiveTarget = Readonly<{
  name: string;
  digest: string;
  send(call: Call, options: SendOptions): Promise<Sent>;
  state(): TargetState;
  /** Resolves when no call is under way. New calls may still come. */
  idle(): Promise<void>;
  /** Cuts what is left. */
  destroy(): Promise<void>;
  /** Longest time a call of this target can take, ms. */
  longestMs: number;
}>;

export type LiveDeps = Readonly<{
  clock: Clock;
  observer: Pick<Observer, 'breakerChanged' | 'note'>;
  /** 0 ≤ x < 1, for the jitter of retries. */
  jitter: () => number;
  resolve?: Resolve;
}>;

const backoffMs = 100;
const backoffMsMax = 2_000;
const noSlots: ReadonlySet<number> = new Set();
const retriedStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const notSent = (
  code: TargetFailure,
  reason: string,
  attempts: number,
  retryAfterSeconds?: number,
): Sent => ({
  kind: 'not-sent',
  code,
  reason,
  attempts,
  ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
});

const healthOf = (attempted: Attempted): Health => {
  if (attempted.kind === 'in-doubt') return 'local';
  if (attempted.kind === 'not-sent') return attempted.cause === 'ours' ? 'none' : 'local';
  // 501 says what the target cannot do, not that it is ill.
  const { status } = attempted.answer;
  return status >= 500 && status !== 501 ? 'upstream' : 'success';
};

const errorTypeOf = (attempted: Attempted): string | null => {
  if (attempted.kind !== 'answered') return attempted.reason;
  return attempted.answer.status >= 400 ? String(attempted.answer.status) : null;
};

/** May this attempt be followed by another, and not before how many ms? Null = no. */
const repeatAfterMs = (call: Call, attempted: Attempted, now: number): number | null => {
  if (attempted.kind === 'not-sent') return attempted.cause === 'connect' ? 0 : null;
  if (!call.repeatable || call.mutation) return null;
  if (attempted.kind === 'in-doubt') return attempted.code === 'target_timeout' ? null : 0;
  if (!retriedStatuses.has(attempted.answer.status)) return null;
  return retryAfterMs(attempted.answer, now) ?? 0;
};

/** Makes a target live; connects to nothing yet. */
export const makeLiveTarget = (target: TargetSource, deps: LiveDeps): LiveTarget => {
  const { clock, observer } = deps;
  const { settings, name } = target;
  const deadlines = makeDeadlines(clock);
  const slots = makeSlots(settings.limits, clock, deadlines);
  const breaker = makeBreaker(settings.breaker, clock, (state) =>
    observer.breakerChanged({ target: name, state }),
  );
  const budget = makeRetryBudget(settings.retry.budget);
  const credentials = makeCredentials(target.credentials, settings.auth === undefined, clock);
  const connections = makeTargetPool(settings, deps.resolve);
  let calls = 0;
  let whenIdle: (() => void)[] = [];

  /** A slot and a pass through the breaker, or why not. */
  const enter = async (
    options: SendOptions,
    attempts: number,
  ): Promise<Readonly<{ pass: BreakerPass }> | Sent> => {
    const wait = breaker.refusesFor();
    if (wait > 0) return notSent('target_overloaded', 'breaker_open', attempts, wait);
    if (!slots.tryTake(options.revocation)) {
      const turn = await slots.wait(options);
      if (turn === 'closed') return notSent('shutting_down', 'closed', attempts);
      if (turn !== 'granted') return notSent('target_overloaded', `queue_${turn}`, attempts, 1);
    }
    const pass = breaker.enter();
    if (pass !== null) return { pass };
    slots.free();
    const seconds = Math.max(1, breaker.refusesFor());
    return notSent('target_overloaded', 'breaker_open', attempts, seconds);
  };

  /** One attempt with slot and pass in hand; gives both back. */
  const tryOnce = async (
    call: Call,
    options: SendOptions,
    slot: UsableSlot,
    pass: BreakerPass,
    ordinal: number,
  ): Promise<Attempted> => {
    const startedAt = clock.now();
    const began = clock.monotonic();
    const request = connections.print(call, slot.header, options.headers);
    if (request === null || began >= options.deadline) {
      slots.free();
      breaker.leave(pass, 'none');
      return request === null
        ? { kind: 'not-sent', code: 'internal', reason: 'unprintable', cause: 'ours' }
        : { kind: 'not-sent', code: 'target_timeout', reason: 'deadline', cause: 'ours' };
    }
    const attempted = await makeAttempt({
      pool: connections.pool,
      request,
      deadline: Math.min(options.deadline, began + settings.timeout),
      deadlines,
      lastCheck: () =>
        clock.now() < slot.expiresAt ? options.lastCheck() : ('target_unconfigured' as const),
      released: slots.free,
      secrets: slot.secrets,
    });
    breaker.leave(pass, healthOf(attempted));
    if (attempted.kind !== 'not-sent') {
      options.onAttempt({
        ordinal,
        startedAt,
        endedAt: startedAt + (clock.monotonic() - began),
        status: attempted.kind === 'answered' ? attempted.answer.status : null,
        errorType: errorTypeOf(attempted),
        serverAddress: connections.serverAddress,
        serverPort: connections.serverPort,
      });
    }
    return attempted;
  };

  /** Waits before a repeat if one is allowed, affordable and still in time; false = do not repeat. */
  const pause = async (wanted: number | null, attempts: number, deadline: number) => {
    if (wanted === null || attempts >= settings.retry.attempts) return false;
    const ceiling = Math.min(backoffMsMax, backoffMs * 2 ** (attempts - 1));
    const waitMs = wanted + deps.jitter() * ceiling;
    if (clock.monotonic() + waitMs >= deadline || !budget.spend()) return false;
    await new Promise<void>((resolve) => {
      clock.after(waitMs, resolve);
    });
    return true;
  };

  const walk = async (call: Call, options: SendOptions): Promise<Sent> => {
    let refusedSlots = noSlots;
    let attempts = 0;
    /** The last attempt that reached the target: it outranks a later one that was never sent. */
    let reached: Sent | null = null;
    for (;;) {
      const slot = credentials.choose(refusedSlots);
      if (slot === null) return reached ?? notSent('target_unconfigured', 'credential', attempts);
      const entered = await enter(options, attempts);
      if ('kind' in entered) return reached ?? entered;
      attempts += 1;
      const attempted = await tryOnce(call, options, slot, entered.pass, attempts);
      const sent: Sent = { ...attempted, attempts };
      if (sent.kind !== 'not-sent') reached = sent;
      if (sent.kind === 'answered' && sent.answer.status === 401) {
        if (credentials.refused(slot.index)) {
          observer.note('error', 'target.credential.refused', { target: name, slot: slot.index });
        }
        refusedSlots = new Set([...refusedSlots, slot.index]);
        continue;
      }
      const wanted = repeatAfterMs(call, attempted, clock.now());
      if (!(await pause(wanted, attempts, options.deadline))) return reached ?? sent;
    }
  };

  return {
    name,
    digest: target.digest,
    longestMs: settings.limits.wait + settings.timeout * settings.retry.attempts,
    send: async (call, options) => {
      if (target.unconfigured !== null) return notSent('target_unconfigured', 'secret', 0);
      budget.earn();
      calls += 1;
      try {
        return await walk(call, options);
      } finally {
        calls -= 1;
        if (calls === 0) {
          for (const told of whenIdle) told();
          whenIdle = [];
        }
      }
    },
    state: () => ({
      target: name,
      breaker: breaker.state(),
      running: slots.running(),
      queued: slots.queued(),
      connected: connections.pool.stats.connected,
      unconfigured: target.unconfigured,
    }),
    idle: () =>
      calls === 0 ? Promise.resolve() : new Promise((resolve) => void whenIdle.push(resolve)),
    destroy: async () => {
      slots.close();
      await connections.pool.destroy();
      deadlines.clear();
    },
  };
};
