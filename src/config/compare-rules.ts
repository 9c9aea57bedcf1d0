/**
 * Is one grant provably no wider than another? Compared by what was written, not by what it
 * matches: lists by their entries, conditions by their text. Whatever cannot be proven counts as
 * wider, so a careful reload errs towards asking.
 */
import type { CompiledGrant, CompiledLimit, CompiledRule } from '../policy/decision.ts';
import {
  grantKeys,
  type GrantSettings,
  type PermissionSettings,
  type ResourceRule,
} from '../policy/settings.ts';

type Lists = Readonly<{
  only?: readonly string[] | undefined;
  except?: readonly string[] | undefined;
}>;

/** A grant with the rules as they were written, `use` followed. */
export type WrittenGrant = Readonly<{
  compiled: CompiledGrant;
  rules: Readonly<Record<string, ResourceRule>>;
}>;

const keysOfGrant: ReadonlySet<string> = new Set(grantKeys);

/** The rules of a grant by resource word; null prototype. */
export const writtenRules = (
  grant: GrantSettings,
  permissions: ReadonlyMap<string, PermissionSettings>,
): Readonly<Record<string, ResourceRule>> => {
  const out = Object.create(null) as Record<string, ResourceRule>;
  const from = grant.use === undefined ? grant : permissions.get(grant.use);
  for (const [word, rule] of Object.entries(from ?? {})) {
    if (rule !== undefined && !(grant.use === undefined && keysOfGrant.has(word))) out[word] = rule;
  }
  return out;
};

const within = (inner: readonly string[], outer: readonly string[]): string[] => {
  const known = new Set(outer);
  return inner.filter((each) => !known.has(each));
};

/**
 * What `next` lists beyond `old`. An absent `only` means "all" where `absentIsAll`, else a default
 * set of its own that no list is proven to lie within.
 */
const wider = (old: Lists, next: Lists, what: string, absentIsAll: boolean): string[] => {
  const out: string[] = [];
  if (old.only !== undefined || !absentIsAll) {
    if (old.only !== undefined && next.only !== undefined) {
      const added = within(next.only, old.only);
      if (added.length > 0) out.push(`${what}: ${added.join(', ')}`);
    } else if (old.only !== next.only) {
      out.push(
        `${what}: ${next.only === undefined ? 'all that is allowed by default' : next.only.join(', ')}`,
      );
    }
  }
  const removed = within(old.except ?? [], next.except ?? []);
  if (removed.length > 0) out.push(`${what} no longer excepted: ${removed.join(', ')}`);
  return out;
};

const widerRule = (
  word: string,
  old: Readonly<{ written: ResourceRule; compiled: CompiledRule }>,
  next: Readonly<{ written: ResourceRule; compiled: CompiledRule }>,
): string[] => {
  const actions = [...next.compiled.actions].filter((action) => !old.compiled.actions.has(action));
  const out: string[] = actions.map((action) => `action ${action}`);
  out.push(
    ...wider(
      old.written.write ?? {},
      next.written.write ?? {},
      `${word} attributes written`,
      false,
    ),
    ...wider(old.written.read ?? {}, next.written.read ?? {}, `${word} attributes read`, true),
    ...wider(old.written, next.written, `${word} by name`, true),
  );
  if (old.compiled.denied === 'refuse' && next.compiled.denied === 'drop')
    out.push(`${word}: denied attributes are dropped instead of refused`);
  if (old.written.when !== undefined && old.written.when !== next.written.when)
    out.push(`${word}: condition ${next.written.when === undefined ? 'removed' : 'changed'}`);
  return out;
};

/** A limit in words. */
const printLimit = (limit: CompiledLimit): string =>
  `${limit.count} per ${limit.seconds}s, burst ${limit.burst}`;

/** In words how `next` lets more through than `old`; empty where it does not. */
export const widerLimit = (
  old: CompiledLimit | null,
  next: CompiledLimit | null,
  what: string,
): string[] => {
  if (old === null) return [];
  if (next === null) return [`${what} limit removed`];
  const faster = next.count / next.seconds > old.count / old.seconds;
  return faster || next.burst > old.burst ? [`${what} limit ${printLimit(next)}`] : [];
};

const widerGrant = (old: WrittenGrant, next: WrittenGrant): string[] => {
  const out: string[] = [];
  for (const [word, compiled] of Object.entries(next.compiled.rules)) {
    const written = next.rules[word];
    const oldCompiled = old.compiled.rules[word];
    const oldWritten = old.rules[word];
    if (written === undefined || oldCompiled === undefined || oldWritten === undefined)
      out.push(...[...compiled.actions].map((action) => `action ${action}`));
    else
      out.push(
        ...widerRule(word, { written: oldWritten, compiled: oldCompiled }, { written, compiled }),
      );
  }
  if (next.compiled.me !== null && next.compiled.me !== old.compiled.me)
    out.push(`/Me is the user ${next.compiled.me}`);
  if (old.compiled.mode === 'enforce' && next.compiled.mode === 'shadow')
    out.push('shadow mode: refusals of this grant are only recorded');
  if (next.compiled.until > old.compiled.until)
    out.push(
      Number.isFinite(next.compiled.until)
        ? `until ${new Date(next.compiled.until - 1).toISOString().slice(0, 10)}`
        : 'no end any more',
    );
  const was = old.compiled.urgent;
  const { urgent } = next.compiled;
  if (urgent !== null && (was === null || urgent.count > was.count || urgent.ms < was.ms))
    out.push(`urgent: ${urgent.count} revocations per ${urgent.ms / 1_000}s past the guards`);
  out.push(
    ...widerLimit(old.compiled.limitReads, next.compiled.limitReads, 'reads'),
    ...widerLimit(old.compiled.limitWrites, next.compiled.limitWrites, 'writes'),
  );
  return out;
};

/** What `next` allows that no single one of `olds` is proven to allow; empty = nothing. */
export const beyond = (olds: readonly WrittenGrant[], next: WrittenGrant): readonly string[] => {
  let best: string[] | null = null;
  for (const old of olds) {
    const found = widerGrant(old, next);
    if (found.length === 0) return [];
    if (best === null || found.length < best.length) best = found;
  }
  if (best !== null) return best;
  const actions = Object.values(next.compiled.rules).flatMap((rule) => [...rule.actions]);
  return actions.map((action) => `action ${action}`);
};
