/**
 * Grants that allow what was seen and no more: per client and route, as they would be written. What a
 * grant says beside its rules (limits, ends, conditions, groups, read lists) stays as it is. Pure.
 */
import { ruleName } from '../identity/scim/schemas.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import {
  actionsOf,
  discoveryRead,
  governedBy,
  isReadAction,
  verbsOwning,
} from '../policy/actions.ts';
import type { CompiledGrant, CompiledRule } from '../policy/decision.ts';
import { grantKeys } from '../policy/settings.ts';
import type { Route } from '../snapshot.ts';
import type { Use } from './use-store.ts';

/** One grant or rule, as written. */
export type Written = Readonly<Record<string, unknown>>;

/** The grants of all routes and the permissions they use, as written in the route files. */
export type WrittenGrants = Readonly<{
  /** By route, in order. */
  grants: Readonly<Record<string, readonly Written[]>>;
  permissions: Readonly<Record<string, Written>>;
}>;

/** Names of attributes of one use are kept up to here; then it is not known what else there was. */
const attributesMax = 200;

/** What was seen of one client on one route. */
export type Seen = readonly Use[];

/** Rules of several grants that together allowed a call stand joined. */
export const rulesOf = ({ rule }: Pick<Use, 'rule'>): readonly string[] => rule.split(' + ');

/** Allowed uses of an action of this rule. */
export const usesOf = (seen: Seen, { name, actions }: CompiledRule): readonly Use[] =>
  seen.filter(
    (use) =>
      use.verdict === 'allowed' &&
      (actions as ReadonlySet<string>).has(use.action) &&
      rulesOf(use).includes(name),
  );

/** The rules of a grant by resource word, as written there or in its permission. */
const writtenRules = (grant: Written, { permissions }: WrittenGrants): Written => {
  const { use } = grant;
  if (typeof use === 'string') return permissions[use] ?? {};
  const own: ReadonlySet<string> = new Set(grantKeys);
  return Object.fromEntries(Object.entries(grant).filter(([key]) => !own.has(key)));
};

/**
 * Attributes that were written, as a `write` list may name them; null where it is not known what all was
 * written, so that the list has to stay as it is.
 */
const attributesOf = (
  uses: readonly Use[],
  rule: CompiledRule,
  type: ResourceType,
): readonly string[] | null => {
  const names = new Set<string>();
  for (const { action, attributes } of uses) {
    if (governedBy(action as `${string}:${string}`) !== 'write') continue;
    if (attributes.length >= attributesMax) return null;
    for (const name of attributes) {
      // What belongs to an action of its own is no matter of `write`.
      if (verbsOwning(type.word, name) !== null || !rule.write.covers(name)) continue;
      const known = ruleName(type, name);
      if (known !== null) names.add(known);
    }
  }
  return [...names].sort();
};

const isWriting = (action: string): boolean =>
  governedBy(action as `${string}:${string}`) === 'write';

const tighterWrite = (
  written: unknown,
  names: readonly string[] | null,
): Readonly<{ write?: unknown }> => {
  if (names === null) return written === undefined ? {} : { write: written };
  const { denied } = (written ?? {}) as Readonly<{ denied?: unknown }>;
  // A list is never empty; `schemas` is printed anew whatever it says.
  const only = names.length === 0 ? ['schemas'] : names;
  return { write: { only, ...(denied === undefined ? {} : { denied }) } };
};

/** The rule with what was used of it; null where nothing was. */
const tighterRule = (
  written: Written,
  rule: CompiledRule,
  type: ResourceType,
  seen: Seen,
): Written | null => {
  const uses = usesOf(seen, rule);
  const used = new Set(uses.map(({ action }) => action));
  const actions = actionsOf(type.word).filter((action) => used.has(action));
  if (actions.length === 0) return null;
  const { actions: _actions, write, when, ...rest } = written;
  const writes = actions.some(isWriting);
  return {
    actions: actions.map((action) => action.slice(type.word.length + 1)),
    ...(writes ? tighterWrite(write, attributesOf(uses, rule, type)) : {}),
    ...rest,
    // A condition cannot judge reads alone.
    ...(when === undefined || actions.every(isReadAction) ? {} : { when }),
  };
};

const typeOf = (route: Route, word: string): ResourceType | null =>
  Object.values(route.types).find((type) => type.word === word) ?? null;

const withRules = (grant: Written, rules: Written): Written => {
  const { client, ...keys } = Object.fromEntries(
    grantKeys
      .filter((key) => key !== 'use' && grant[key] !== undefined)
      .map((key) => [key, grant[key]]),
  );
  return { client, ...keys, ...rules };
};

const tighterGrant = (
  route: Route,
  grant: Written,
  compiled: CompiledGrant,
  facts: Readonly<{ written: WrittenGrants; seen: Seen }>,
): Written | null => {
  const rules: Record<string, Written> = {};
  for (const [word, rule] of Object.entries(writtenRules(grant, facts.written))) {
    const type = typeOf(route, word);
    const known = compiled.rules[word];
    if (type === null || known === undefined) continue;
    const tighter = tighterRule(rule as Written, known, type, facts.seen);
    if (tighter !== null) rules[word] = tighter;
  }
  return Object.keys(rules).length === 0 ? null : withRules(grant, rules);
};

/** Discovery comes with any grant: the least of one that keeps it where nothing else was used. */
const leastOf = (
  grant: Written,
  compiled: CompiledGrant,
  written: WrittenGrants,
): Written | null => {
  for (const [word, rule] of Object.entries(writtenRules(grant, written))) {
    const known = compiled.rules[word];
    if (known === undefined) continue;
    const [first] = actionsOf(word).filter((action) => known.actions.has(action));
    if (first === undefined) continue;
    const { when, write: _write, ...rest } = rule as Written;
    const actions = [first.slice(word.length + 1)];
    const kept = when === undefined || isReadAction(first) ? {} : { when };
    return withRules(grant, { [word]: { ...rest, actions, ...kept } });
  }
  return null;
};

/** Tighter grants of one route, in their order. Clients that did nothing there get none. */
export const tighterGrants = (
  route: Route,
  written: WrittenGrants,
  uses: readonly Use[],
): readonly Written[] => {
  const all = written.grants[route.name] ?? [];
  const out: Written[] = [];
  for (const client of new Set(all.map((grant) => String(grant['client'])))) {
    const seen = uses.filter((use) => use.route === route.name && use.client === client);
    const own = all.flatMap((grant, index) => {
      const name = `routes.${route.name}.grants[${index}]`;
      const compiled = route.grants[client]?.grants.find((one) => one.name === name);
      return grant['client'] === client && compiled !== undefined ? [{ grant, compiled }] : [];
    });
    const kept = own.flatMap(({ grant, compiled }) => {
      const tighter = tighterGrant(route, grant, compiled, { written, seen });
      return tighter === null ? [] : [tighter];
    });
    const discovers = seen.some(
      ({ action, verdict }) => action === discoveryRead && verdict === 'allowed',
    );
    const [first] = own;
    if (kept.length === 0 && discovers && first !== undefined) {
      kept.push(...[leastOf(first.grant, first.compiled, written)].filter((one) => one !== null));
    }
    out.push(...withMe(kept, own.find(({ compiled }) => compiled.me !== null)?.grant['me']));
  }
  return out;
};

/** `/Me` stands for the same user whichever grant says it; the one that did may be gone. */
const withMe = (kept: readonly Written[], me: unknown): readonly Written[] => {
  const [first, ...others] = kept;
  if (me === undefined || first === undefined || kept.some((one) => one['me'] !== undefined)) {
    return kept;
  }
  const { client, ...rest } = first;
  return [{ client, me, ...rest }, ...others];
};
