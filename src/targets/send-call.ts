/**
 * The way of one call through a live target: credential, breaker, slot, attempt, and what may be
 * repeated: anything that was proven not to have been sent because nobody could be reached; a 401
 * with a further credential slot (RFC 9110 §15.5.2: such a request was not applied); and reads after
 * a reset or an answered 429, 502, 503, 504. A mutation whose first byte was written is never
 * repeated otherwise. Called by live-target.ts.
 */
import type { Clock } from '../clock.ts';
import type { Call } from '../identity/call.ts';
import type { Observer } from '../telemetry/observe.ts';
import { retryAfterMs } from './answer.ts';
import { makeAttempt, type Attempted } from './attempt.ts';
import type { Breaker, BreakerPass, Health } from './breaker.ts';
import type { Credentials, UsableSlot } from './credentials.ts';
import type { Deadlines } from './deadlines.ts';
import type { TargetPool } from './pool.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { SendOptions, Sent, TargetFailure } from './send.ts';
import type { TargetSettings } from './settings.ts';
import type { Slots } from './slots.ts';

/** The live parts of one target. */
export type TargetParts = Readonly<{
  name: string;
  settings: TargetSettings;
  clock: Clock;
  observer: Pick<Observer, 'note'>;
  /** 0 ≤ x < 1, for the jitter of retries. */
  jitter: () => number;
  deadlines: Deadlines;
  slots: Slots;
  breaker: Breaker;
  budget: RetryBudget;
  credentials: Credentials;
  connections: TargetPool;
}>;

const backoffMs = 100;
const backoffMsMax = 2_000;
const noSlots: ReadonlySet<number> = new Set();
const retriedStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** A proof that nothing was sent. */
export const notSent = (
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

/** A slot and a pass through the breaker, or why not. */
const enter = async (
  { breaker, slots }: TargetParts,
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
  parts: TargetParts,
  call: Call,
  options: SendOptions,
  slot: UsableSlot,
  pass: BreakerPass,
  ordinal: number,
): Promise<Attempted> => {
  const { clock, slots, breaker, connections, deadlines, settings } = parts;
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
    ...(call.answerBytesMax === undefined ? {} : { answerBytesMax: call.answerBytesMax }),
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
const pause = async (
  { settings, budget, clock, jitter }: TargetParts,
  wanted: number | null,
  attempts: number,
  deadline: number,
): Promise<boolean> => {
  if (wanted === null || attempts >= settings.retry.attempts) return false;
  const ceiling = Math.min(backoffMsMax, backoffMs * 2 ** (attempts - 1));
  const waitMs = wanted + jitter() * ceiling;
  if (clock.monotonic() + waitMs >= deadline || !budget.spend()) return false;
  await new Promise<void>((resolve) => {
    clock.after(waitMs, resolve);
  });
  return true;
};

/** Sends one call: attempt after attempt as far as that is safe, in time and affordable. */
export const sendCall = async (
  parts: TargetParts,
  call: Call,
  options: SendOptions,
): Promise<Sent> => {
  const { credentials, observer, clock, name } = parts;
  let refusedSlots = noSlots;
  let attempts = 0;
  /** The last attempt that reached the target: it outranks a later one that was never sent. */
  let reached: Sent | null = null;
  for (;;) {
    const slot = credentials.choose(refusedSlots);
    if (slot === null) return reached ?? notSent('target_unconfigured', 'credential', attempts);
    const entered = await enter(parts, options, attempts);
    if ('kind' in entered) return reached ?? entered;
    attempts += 1;
    const attempted = await tryOnce(parts, call, options, slot, entered.pass, attempts);
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
    if (!(await pause(parts, wanted, attempts, options.deadline))) return reached ?? sent;
  }
};
