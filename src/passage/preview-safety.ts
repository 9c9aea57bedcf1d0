/**
 * What would stop a mutation that grants let pass, as far as it can be told without a store: rules of
 * protection that its subject matches by itself, approval, an outside decision, guards. Marks are kept in
 * the store and are not seen here. Pure.
 */
import type { Refusal } from '../errors.ts';
import type { Route, Target } from '../snapshot.ts';
import { requiresApproval } from './facts.ts';
import { printDuration } from './places.ts';
import type { Prepared } from './prepare.ts';
import { breachRefusal, breachesOf } from './subjects.ts';
import { approvalRule, guardRule, touchesBy } from './weigh.ts';

/** One rule that has a say. `does`: what it does, or would do above its limit. */
export type Watching = Readonly<{
  rule: string;
  does: 'hold' | 'deny' | 'ask';
  /** For people: how much of what; null where it holds for each. */
  limit: string | null;
}>;

type Watched = Readonly<{
  client: string;
  route: Route;
  target: Target;
  prepared: Prepared;
}>;

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

/** All rules that would have a say, in the order in which they are asked. */
export const watchingOf = ({ client, route, target, prepared }: Watched): readonly Watching[] => {
  const actions = prepared.effects.map(({ action }) => action);
  const { approval, decisionPoint } = route;
  const asks =
    decisionPoint !== null &&
    (decisionPoint.actions === null || actions.some((one) => decisionPoint.actions?.has(one)));
  const waits = approval !== null && requiresApproval(approval, actions);
  return [
    ...(asks ? [{ rule: decisionPoint.rule, does: 'ask' as const, limit: null }] : []),
    ...(waits ? [{ rule: approvalRule(route), does: 'hold' as const, limit: null }] : []),
    ...touchesBy(client, target, prepared).map((touch) => ({
      rule: guardRule(touch.guard),
      does: touch.guard.then,
      limit: limitOf(touch),
    })),
  ];
};
