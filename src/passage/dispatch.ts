/**
 * Sends one call for one passage: asks the standing once more right before the first byte, carries
 * the trace and the ledger id, and keeps each attempt for its span.
 */
import type { Clock, ClockWatch } from '../clock.ts';
import { newSpanId, type KeyId, type LedgerId, type Random } from '../ids.ts';
import type { Call } from '../identity/call.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { repairAnswer } from '../identity/scim/repair-answer.ts';
import type { Target } from '../snapshot.ts';
import type { Sent, TargetFailure, Targets } from '../targets/send.ts';
import type { Actor, Attempted } from './doors.ts';
import type { Journey } from './journey.ts';

/** What can change while a call waits: keys, freezes, expiries. Read again at the last moment. */
export interface Standing {
  /** Is this key known, unrevoked and unexpired at `now`? */
  keyStands(keyId: KeyId, now: number): boolean;
  /** Has somebody frozen the tenant, the route or the client? */
  frozen(scope: Readonly<{ tenant: string; route: string; client: string }>): boolean;
}

export type DispatchDeps = Readonly<{
  clock: Clock;
  watch: ClockWatch;
  random: Random;
  targets: Targets;
  standing: Standing;
  ledger: Pick<Ledger, 'mayBegin'>;
}>;

/** Why a call is sent; part of the client span. */
export type Purpose = Attempted['call']['purpose'];

const stands = ({ standing }: Pick<DispatchDeps, 'standing'>, actor: Actor, now: number): boolean =>
  now < actor.client.expiresAt &&
  (actor.kind === 'client'
    ? standing.keyStands(actor.keyId, now)
    : actor.kind !== 'plan' || actor.client.internal);

/**
 * The check right before the first byte: null lets it go. A mutation (`entry` is what it is recorded
 * as, null before that) must end before another gateway could settle its entry.
 */
export const lastCheck =
  (
    deps: DispatchDeps,
    journey: Journey,
    target: Target,
    { mutation, entry }: Readonly<{ mutation: boolean; entry: LedgerId | null }>,
  ) =>
  (): TargetFailure | null => {
    const { actor, route } = journey.passage;
    const now = deps.clock.now();
    if (!deps.watch.trusted()) return 'clock_untrusted';
    if (!stands(deps, actor, now)) return 'caller_refused';
    const scope = { tenant: target.tenant, route: route.name, client: actor.client.name };
    if (!mutation) return null;
    if (deps.standing.frozen(scope)) return 'target_frozen';
    const inTime = deps.ledger.mayBegin(entry, target.settings.timeout);
    return inTime ? null : 'ledger_unavailable';
  };

type Sending = Readonly<{
  purpose: Purpose;
  ledgerId: LedgerId | null;
  /** Monotonic ms. */
  deadline: number;
  headers: Readonly<Record<string, string>>;
}>;

/** One call on the wire, with the trace. */
const sendOne = async (
  deps: DispatchDeps,
  journey: Journey,
  target: Target,
  call: Call,
  { purpose, ledgerId, deadline, headers: more }: Sending,
): Promise<Sent> => {
  const { origin, actor } = journey.passage;
  const firstSpan = newSpanId(deps.random);
  const startedAt = deps.clock.monotonic();
  const headers: Record<string, string> = {
    traceparent: `00-${origin.traceId}-${firstSpan}-01`,
    ...more,
  };
  if (ledgerId !== null) headers['sallyport-ledger-id'] = ledgerId;
  const sent = await deps.targets.send(target.name, call, {
    client: actor.client.name,
    baseUrl: target.settings.baseUrl,
    revocation: journey.revocation,
    headers,
    deadline,
    lastCheck: lastCheck(deps, journey, target, { mutation: call.mutation, entry: ledgerId }),
    onAttempt: (report) => {
      journey.attempts.push({
        spanId: report.ordinal <= 1 ? firstSpan : newSpanId(deps.random),
        call: { method: call.method, template: call.template, purpose },
        report,
      });
    },
  });
  journey.targetMs += deps.clock.monotonic() - startedAt;
  return sent;
};

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});

/** Asks a target that is no SCIM server: whoever decides for a route. Never throws. */
export const ask = (
  deps: DispatchDeps,
  journey: Journey,
  target: Target,
  call: Call,
  { deadline, headers }: Pick<Sending, 'deadline' | 'headers'>,
): Promise<Sent> =>
  sendOne(deps, journey, target, call, { purpose: 'decide', ledgerId: null, deadline, headers });

/** Sends `call` to the route's target. Never throws. */
export const dispatch = async (
  deps: DispatchDeps,
  journey: Journey,
  target: Target,
  call: Call,
  purpose: Purpose,
  ledgerId: LedgerId | null,
): Promise<Sent> => {
  const { wait } = target.settings.limits;
  const deadline = deps.clock.monotonic() + wait + target.settings.timeout;
  const sending = { purpose, ledgerId, deadline, headers: noHeaders };
  const sent = await sendOne(deps, journey, target, call, sending);
  if (sent.kind !== 'answered') return sent;
  const answer = repairAnswer(sent.answer, call, target.knobs);
  return answer === sent.answer ? sent : { ...sent, answer };
};
