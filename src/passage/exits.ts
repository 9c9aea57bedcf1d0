/**
 * The ways out of a passage before the second door: denied, over a limit, turned away. Each leaves
 * its record. Shared by reads and mutations.
 */
import { refuse, type Refusal } from '../errors.ts';
import type { LedgerId } from '../ids.ts';
import { isMutation } from '../identity/operation.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Limiter } from '../limits/limiter.ts';
import type { CompiledLimit, Denial } from '../policy/decision.ts';
import type { KeyRing } from '../sealing.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { Target } from '../snapshot.ts';
import { takeOrWait } from './absorb.ts';
import type { DispatchDeps } from './dispatch.ts';
import type { Outcome } from './doors.ts';
import type { Echoes } from './echoes.ts';
import { denialOf } from './intent.ts';
import { endJourney, type Journey } from './journey.ts';
import type { Replays } from './remembered-calls.ts';
import type { Safeguards } from './safeguards.ts';
import type { Turns } from './turns.ts';

export type PassageDeps = DispatchDeps &
  Readonly<{
    limiter: Limiter;
    turns: Turns;
    ledger: Ledger;
    /** Seals and opens the cursors of pages. */
    keyRing: Pick<KeyRing, 'seal' | 'open'>;
    replays: Replays;
    echoes: Echoes;
    safeguards: Safeguards;
    /** Keyed hash of what must not be kept as it is. */
    fingerprint: KeyRing['fingerprint'];
    observer: Pick<Observer, 'limitRejected' | 'doubtSettled' | 'note'>;
    /** Told of each entry that ended in doubt, and after how many ms it may be read back. */
    doubted(entry: LedgerId, settleAfterMs: number): void;
  }>;

/** Ends a journey with a refusal; refusals of mutations and denials of policy are recorded. */
export const turnAway = (deps: PassageDeps, journey: Journey, refusal: Refusal): Outcome => {
  const record = denialOf(
    journey,
    {
      code: refusal.refused,
      rule: refusal.rule ?? journey.rule ?? '',
      ...(refusal.refused === 'mutation_held' && journey.holdId !== null
        ? { hold: journey.holdId }
        : {}),
    },
    deps.clock.now(),
  );
  if (record !== null && journey.ledger === null) deps.ledger.deny(record);
  return endJourney(journey, refusal);
};

/** A denial of policy as a refusal. */
export const denied = (journey: Journey, denial: Denial): Refusal => {
  journey.decision = 'deny';
  journey.rule = denial.rule;
  return refuse(denial.code, denial.detail, { rule: denial.rule });
};

/**
 * Takes from every limit or from none; the refusal if one of them is used up. Where a target is given,
 * its own limits are waited for (absorb.ts).
 */
export const takeLimits = async (
  deps: PassageDeps,
  journey: Journey,
  limits: readonly (CompiledLimit | null)[],
  target: Target | null = null,
): Promise<Refusal | null> => {
  const asked = limits.filter((limit) => limit !== null);
  if (asked.length === 0) return null;
  const { revocation, passage } = journey;
  const began = deps.clock.monotonic();
  const take = () => deps.limiter.take(asked, { revocation, now: deps.clock.monotonic() });
  const hasOwn = target?.limitReads !== null || target.limitWrites !== null;
  const waiting = target !== null &&
    hasOwn && {
      target,
      revocation,
      mutation: isMutation(passage.operation),
      abandoned: () => passage.origin.abandoned(),
    };
  const taking = waiting === false ? take() : takeOrWait(deps, waiting, take);
  const taken = 'admitted' in taking ? taking : await taking;
  if (waiting !== false) journey.targetMs += deps.clock.monotonic() - began;
  journey.limits =
    journey.limits.length === 0 ? taken.states : [...journey.limits, ...taken.states];
  if (taken.admitted) return null;
  const policy = taken.refusedBy?.policy ?? '';
  deps.observer.limitRejected({ policy, route: journey.passage.route.name });
  journey.retryAfterSeconds = Math.max(1, Math.ceil(taken.retryAfterSeconds));
  return refuse('rate_limited', `The limit ${policy} is used up. Wait as Retry-After says.`, {
    rule: policy,
    retryAfterSeconds: journey.retryAfterSeconds,
  });
};

/** How long the target asked to be left alone, where it did. */
export const retryOf = (sent: object): Readonly<{ retryAfterSeconds?: number }> =>
  'retryAfterSeconds' in sent && typeof sent.retryAfterSeconds === 'number'
    ? { retryAfterSeconds: sent.retryAfterSeconds }
    : {};
