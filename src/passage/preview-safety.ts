/**
 * What would stop a mutation that grants let pass, as far as it can be told without a store: rules of
 * protection that its subject matches by itself, approval, an outside decision, guards. Marks are kept in
 * the store and are not seen here. Pure.
 */
import type { Refusal } from '../errors.ts';
import type { UrgentWindow } from '../policy/decision.ts';
import type { Route, Target } from '../snapshot.ts';
import { requiresApproval } from './facts.ts';
import { fullWindow, placesOf, printDuration, type Tripped } from './places.ts';
import type { Prepared } from './prepare.ts';
import { breachRefusal, breachesOf } from './subjects.ts';
import { approvalRule, approvalWhy, guardRefusal, guardRule, touchesBy } from './weigh.ts';

/** One rule that has a say. `does`: what it does, or would do above its limit. */
export type Watching = Readonly<{
  rule: string;
  /** `pass`: it goes past the guards while there is room. */
  does: 'hold' | 'deny' | 'ask' | 'pass';
  /** For people: how much of what; null where it holds for each. */
  limit: string | null;
}>;

type Watched = Readonly<{
  client: string;
  route: Route;
  target: Target;
  prepared: Prepared;
  /** Guards only look on. */
  trial: boolean;
  /** The grant's own window past the guards. */
  urgent: UrgentWindow | null;
}>;

/** What certainly becomes of it after the grants, whatever went before; `trial`: it only would. */
export type Shown =
  | Readonly<{ kind: 'hold'; rule: string; detail: string }>
  | Readonly<{ kind: 'deny'; refusal: Refusal }>
  | Readonly<{ kind: 'trial'; rules: readonly string[] }>;

const share = (part: number): string => `${Math.round(part * 10_000) / 100} %`;

const nobody: readonly string[] = Object.freeze([]);

/** The rule of protection that it certainly breaks, or null. */
export const protectionShown = ({ target, prepared }: Watched): Refusal | null => {
  const { safety } = target;
  if (safety === null || safety.protections.length === 0) return null;
  const [breach] = breachesOf(safety, prepared, target, () => nobody);
  return breach === undefined ? null : breachRefusal(breach);
};

const limitOf = (touch: ReturnType<typeof touchesBy>[number]): string | null => {
  const { window, amount, guard, shareOf } = touch;
  if (window === null) return null;
  const limits = [
    ...(window.count === null ? [] : [`${window.count}`]),
    ...(window.share === null ? [] : [`${share(window.share)} of the ${shareOf ?? 'population'}`]),
  ];
  return `takes ${amount} of ${limits.join(' or ')} in ${printDuration(window.ms)}, per ${guard.per}`;
};

/** Guards that it trips alone: by what it is, or because it is more than a window lets pass. */
const trippedAlone = ({ client, target, prepared }: Watched): readonly Tripped[] => {
  const { tripped, places } = placesOf(touchesBy(client, target, prepared), null, () => false);
  const overfull = places
    .filter(({ claim }) => claim.amount > claim.max)
    .map((place) => fullWindow(place, { used: 0, max: place.claim.max, freeAt: 0 }));
  return [...tripped, ...overfull];
};

/** What stops it without any count being known: approval first, then guards. Null: nothing does for certain. */
export const stopShown = (watched: Watched): Shown | null => {
  const { route, prepared, trial, urgent } = watched;
  const actions = prepared.effects.map(({ action }) => action);
  if (route.approval !== null && requiresApproval(route.approval, actions)) {
    return { kind: 'hold', rule: approvalRule(route), detail: approvalWhy };
  }
  const tripped = trippedAlone(watched);
  if (trial) {
    const rules = [...new Set(tripped.map(({ guard }) => guardRule(guard)))];
    return rules.length === 0 ? null : { kind: 'trial', rules };
  }
  // A place of its own lets a revocation past windows, but not past what trips by itself.
  const first = tripped.find(({ guard }) => urgent === null || guard.windows.length === 0);
  if (first === undefined) return null;
  return first.guard.then === 'deny'
    ? { kind: 'deny', refusal: guardRefusal(first) }
    : { kind: 'hold', rule: guardRule(first.guard), detail: first.why };
};

const urgentRows = ({ urgent }: Watched): readonly Watching[] =>
  urgent === null
    ? []
    : [
        {
          rule: 'urgent',
          does: 'pass',
          limit: `${urgent.count} in ${printDuration(urgent.ms)} go past the guards`,
        },
      ];

/** All rules that would have a say, in the order in which they are asked. */
export const watchingOf = (watched: Watched): readonly Watching[] => {
  const { client, route, target, prepared } = watched;
  const actions = prepared.effects.map(({ action }) => action);
  const { approval, decisionPoint } = route;
  const asks =
    decisionPoint !== null &&
    (decisionPoint.actions === null || actions.some((one) => decisionPoint.actions?.has(one)));
  const waits = approval !== null && requiresApproval(approval, actions);
  return [
    ...(asks ? [{ rule: decisionPoint.rule, does: 'ask' as const, limit: null }] : []),
    ...(waits ? [{ rule: approvalRule(route), does: 'hold' as const, limit: null }] : []),
    ...urgentRows(watched),
    ...touchesBy(client, target, prepared).map((touch) => ({
      rule: guardRule(touch.guard),
      does: touch.guard.then,
      limit: limitOf(touch),
    })),
  ];
};
