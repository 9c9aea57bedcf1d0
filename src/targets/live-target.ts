/**
 * One target alive: connections, slots, breaker, budget and credentials, and their life. Built and
 * closed by make-targets.ts.
 */
import type { Clock } from '../clock.ts';
import type { Call } from '../identity/call.ts';
import type { Observer } from '../telemetry/observe.ts';
import { makeBreaker, type BreakerState } from './breaker.ts';
import type { Resolve } from './connect-guard.ts';
import { makeCredentials, type CredentialSlot } from './credentials.ts';
import { makeDeadlines } from './deadlines.ts';
import { makeTargetPool, type MediaTypes } from './pool.ts';
import { makeRetryBudget } from './retry-budget.ts';
import { notSent, sendCall, type TargetParts } from './send-call.ts';
import type { SendOptions, Sent } from './send.ts';
import type { TargetSettings } from './settings.ts';
import { makeSlots } from './slots.ts';

/** What of a snapshot's Target lives here; the snapshot stands above this room. */
export type TargetSource = Readonly<{
  name: string;
  settings: TargetSettings;
  knobs: MediaTypes;
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
  baseUrl: string;
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

/** Makes a target live; connects to nothing yet. */
export const makeLiveTarget = (target: TargetSource, deps: LiveDeps): LiveTarget => {
  const { clock, observer } = deps;
  const { settings, name } = target;
  const deadlines = makeDeadlines(clock);
  const parts: TargetParts = {
    name,
    settings,
    clock,
    observer,
    jitter: deps.jitter,
    deadlines,
    slots: makeSlots(settings.limits, clock, deadlines),
    breaker: makeBreaker(settings.breaker, clock, (state) =>
      observer.breakerChanged({ target: name, state }),
    ),
    budget: makeRetryBudget(settings.retry.budget),
    credentials: makeCredentials(target.credentials, settings.auth === undefined, clock),
    connections: makeTargetPool(settings, target.knobs, deps.resolve),
  };
  let calls = 0;
  let whenIdle: (() => void)[] = [];

  return {
    name,
    digest: target.digest,
    baseUrl: settings.baseUrl,
    longestMs: settings.limits.wait + settings.timeout * settings.retry.attempts,
    send: async (call, options) => {
      if (target.unconfigured !== null) return notSent('target_unconfigured', 'secret', 0);
      parts.budget.earn();
      calls += 1;
      try {
        return await sendCall(parts, call, options);
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
      breaker: parts.breaker.state(),
      running: parts.slots.running(),
      queued: parts.slots.queued(),
      connected: parts.connections.pool.stats.connected,
      unconfigured: target.unconfigured,
    }),
    idle: () =>
      calls === 0 ? Promise.resolve() : new Promise((resolve) => void whenIdle.push(resolve)),
    destroy: async () => {
      parts.slots.close();
      await parts.connections.pool.destroy();
      deadlines.clear();
    },
  };
};
