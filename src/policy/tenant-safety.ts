/**
 * All safety rules of one tenant put together, with the two quick tests that keep every other call free
 * of them.
 */
import type { Action } from '../identity/operation.ts';
import { unionOf } from './attribute-set.ts';
import type { CompiledGuard } from './compile-guards.ts';
import type { CompiledPrivileged } from './compile-privileged.ts';
import type { CompiledProtection } from './compile-protection.ts';
import type { Privileged, TenantSafety } from './safety.ts';

/** What one tenant says, of whichever target it was written at. */
export type TenantRules = Readonly<{
  tenant: string;
  guards: readonly CompiledGuard[];
  protections: readonly CompiledProtection[];
  privileged: readonly CompiledPrivileged[];
  targets: readonly string[];
}>;

const joined = (all: readonly CompiledPrivileged[]): Privileged | null => {
  if (all.length === 0) return null;
  const tests = all.flatMap(({ privileged }) => privileged.group ?? []);
  const sets = all.flatMap(({ privileged }) => privileged.attributes ?? []);
  return Object.freeze({
    group: tests.length === 0 ? null : (name: string) => tests.some((test) => test(name)),
    attributes: sets.length === 0 ? null : unionOf(sets),
  });
};

type Parts = readonly Readonly<{ about: ReadonlySet<Action>; onBefore: ReadonlySet<Action> }>[];

const anyOf = (actions: ReadonlySet<Action>) => (asked: readonly Action[]) => {
  for (const action of asked) if (actions.has(action)) return true;
  return false;
};

/** Puts the rules together. */
export const tenantSafety = (rules: TenantRules): TenantSafety => {
  const { tenant, guards, protections, privileged, targets } = rules;
  const parts: Parts = [...guards, ...protections, ...privileged];
  const about = new Set(parts.flatMap((part) => [...part.about]));
  const onBefore = new Set(parts.flatMap((part) => [...part.onBefore]));
  const needs = anyOf(onBefore);
  return Object.freeze({
    tenant,
    guards: Object.freeze(guards.map(({ guard }) => guard)),
    protections: Object.freeze(protections.map(({ protection }) => protection)),
    privileged: joined(privileged),
    targets: Object.freeze([...targets]),
    // What is being created has no former self, whatever other actions the call carries.
    needsBefore: (actions: readonly Action[]): boolean =>
      onBefore.size > 0 && needs(actions) && !actions.some((each) => each.endsWith(':create')),
    concerns: anyOf(about),
  });
};
