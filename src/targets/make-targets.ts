/**
 * All targets: which are live, keyed by name and digest, so that a reload keeps the connections,
 * breakers and queues of what did not change and lets the rest finish its calls. The one `send` of
 * the house; only passage may use it for mutations.
 */
import type { Clock } from '../clock.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { Resolve } from './connect-guard.ts';
import {
  makeLiveTarget,
  type LiveTarget,
  type TargetSource,
  type TargetState,
} from './live-target.ts';
import type { Targets } from './send.ts';

/** Targets with their life cycle. */
export type LiveTargets = Targets &
  Readonly<{
    /** Makes exactly these targets live. Changed and removed ones end after their last call. */
    reconcile(targets: Readonly<Record<string, TargetSource>>): void;
    /** Refuses new calls, waits for those under way, cuts the rest after `deadlineMs`. */
    close(deadlineMs: number): Promise<void>;
    state(): readonly TargetState[];
  }>;

/** Starts without targets; `reconcile` brings them. */
export const makeTargets = (deps: {
  clock: Clock;
  observer: Pick<Observer, 'breakerChanged' | 'note'>;
  /** Jitter of retries, 0 ≤ x < 1. */
  jitter?: () => number;
  /** Name resolution, injected in tests. */
  resolve?: Resolve;
}): LiveTargets => {
  const { clock, observer } = deps;
  const liveDeps = { ...deps, jitter: deps.jitter ?? Math.random };
  let live = new Map<string, LiveTarget>();
  const leaving = new Set<LiveTarget>();
  let closing = false;

  /** Ends when its calls have ended, or after `limitMs`. */
  const retire = async (target: LiveTarget, limitMs: number): Promise<void> => {
    leaving.add(target);
    await new Promise<void>((resolve) => {
      const timer = clock.after(limitMs, resolve);
      void target.idle().then(() => {
        timer.cancel();
        resolve();
      });
    });
    await target.destroy();
    leaving.delete(target);
  };

  return {
    send: async (name, call, options) => {
      const target = live.get(name);
      const moved = target !== undefined && (options.baseUrl ?? target.baseUrl) !== target.baseUrl;
      if (!closing && target !== undefined && !moved) return target.send(call, options);
      const code = closing ? 'shutting_down' : 'target_unconfigured';
      return { kind: 'not-sent', code, reason: moved ? 'target_moved' : 'no_target', attempts: 0 };
    },
    reconcile: (targets) => {
      if (closing) return;
      const next = new Map<string, LiveTarget>();
      for (const target of Object.values(targets)) {
        const before = live.get(target.name);
        const kept = before?.digest === target.digest ? before : null;
        next.set(target.name, kept ?? makeLiveTarget(target, liveDeps));
      }
      for (const before of live.values()) {
        if (next.get(before.name) === before) continue;
        retire(before, before.longestMs).catch(() =>
          observer.note('warn', 'target.close.failed', { target: before.name }),
        );
      }
      live = next;
    },
    close: async (deadlineMs) => {
      closing = true;
      const all = [...live.values(), ...leaving];
      await Promise.all(all.map((target) => retire(target, deadlineMs)));
      live = new Map();
    },
    state: () => [...live.values()].map((target) => target.state()),
  };
};
