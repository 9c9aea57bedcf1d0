/**
 * The gateway's own reads of a target, for whom to protect and how many there are: searches and reads
 * by id, nothing else. They come after everybody's calls: one at a time, within the target's limit of
 * reads, and never from the half of it that callers may need at once.
 */
import type { Clock } from '../clock.ts';
import type { Answer } from '../identity/call.ts';
import type { ReadOperation } from '../identity/operation.ts';
import { printCall } from '../identity/scim/print.ts';
import { repairAnswer } from '../identity/scim/repair-answer.ts';
import type { Limiter } from '../limits/limiter.ts';
import type { Target } from '../snapshot.ts';
import type { Targets } from '../targets/send.ts';

/** What is asked here: no discovery, and never a mutation. */
type Looking = Extract<ReadOperation, { verb: 'read' | 'search' }>;

/** A target's answer, or why there is none: a short word for log and readiness, no personal data. */
export type Asked = Readonly<{ answer: Answer }> | Readonly<{ failed: string }>;

export type AskDeps = Readonly<{
  clock: Clock;
  targets: Targets;
  limiter: Limiter;
  /** Resolves after `ms`, or at once where the gateway stops. */
  sleep(ms: number): Promise<void>;
  stopping(): boolean;
}>;

/** Who asks, for fair queueing at the target. */
const asker = 'sallyport';
/** Times a read waits for the target's limit, or is asked anew after a 429. */
const waitsMax = 30;
/** Longest wait for one of them, ms. */
const waitMsMax = 60_000;

/** Takes from the target's limit of reads; false where it stays used up. */
const takeRead = async (deps: AskDeps, { limitReads }: Target): Promise<boolean> => {
  if (limitReads === null) return true;
  const paceMs = (limitReads.seconds * 1_000) / limitReads.count;
  for (let tries = 0; tries < waitsMax && !deps.stopping(); tries += 1) {
    const now = deps.clock.monotonic();
    const taken = await deps.limiter.take([limitReads], { revocation: false, now });
    if (taken.admitted) {
      const left = taken.states[0]?.remaining ?? 0;
      if (left < limitReads.burst / 2) await deps.sleep(Math.min(paceMs, waitMsMax));
      return true;
    }
    await deps.sleep(Math.min(Math.max(taken.retryAfterSeconds * 1_000, paceMs), waitMsMax));
  }
  return false;
};

/** How long a target that has too many calls wants to be left alone, ms; null where it has not. */
const restMs = (sent: Awaited<ReturnType<Targets['send']>>): number | null => {
  const told =
    sent.kind === 'answered' && sent.answer.status === 429
      ? Number(sent.answer.headers['retry-after'] ?? 5)
      : sent.kind === 'not-sent' && sent.code === 'target_rate_limited'
        ? (sent.retryAfterSeconds ?? 5)
        : null;
  return told === null ? null : Math.min((Number.isFinite(told) ? told : 5) * 1_000, waitMsMax);
};

/** Asks the target. Never throws. */
export const askTarget = async (
  deps: AskDeps,
  target: Target,
  operation: Looking,
): Promise<Asked> => {
  const { baseUrl } = target.settings;
  const targetBase = baseUrl.replace(/\/+$/, '');
  const { search } = target.knobs;
  const call = printCall(operation, { publicBase: targetBase, targetBase, search });
  for (let tries = 0; tries < waitsMax && !deps.stopping(); tries += 1) {
    if (!(await takeRead(deps, target))) return { failed: 'rate_limited' };
    const sent = await deps.targets.send(target.name, call, {
      client: asker,
      baseUrl,
      revocation: false,
      headers: {},
      deadline: deps.clock.monotonic() + target.settings.limits.wait + target.settings.timeout,
      lastCheck: () => (deps.stopping() ? 'shutting_down' : null),
      onAttempt: () => {},
    });
    const rest = restMs(sent);
    if (rest === null) {
      return sent.kind === 'answered'
        ? { answer: repairAnswer(sent.answer, call, target.knobs) }
        : { failed: sent.code };
    }
    await deps.sleep(rest);
  }
  return { failed: deps.stopping() ? 'shutting_down' : 'target_rate_limited' };
};
