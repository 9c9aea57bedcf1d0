/**
 * Says the same changes in the operations a target knows: without value paths (T10, T32), without
 * `replace` (T30), members one by one instead of all at once (T1, T34). Each change speaks of one
 * attribute, so attributes are rewritten apart and none loses its order. Pure; what a change does to
 * the resource never becomes another, and what cannot be said without guessing is refused.
 */
import { isRefusal, refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import type { Knobs } from '../dialects/knobs.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json } from '../json-value.ts';
import { valueAt } from './diff.ts';
import { applyChanges, diffResources } from './patch.ts';
import type { AttributePath, Change, Filter, Resource, ResourceType } from './schema-model.ts';
import { attributeName, lookUp } from './schemas.ts';
import { spellUpserts } from './upserts.ts';
import { elementsNamed, hidesMembers, isMembers, isWhole, topOf } from './write-knobs.ts';

type Context = Readonly<{ before: Resource | null; type: ResourceType; knobs: Knobs }>;

/** What of one attribute was before its changes, and what is after them. */
type Values = Readonly<{ before: Json | undefined; after: Json | undefined }>;

const unsendable = (detail: string): Refusal => refuse('not_supported', detail);

const hiddenMembers = unsendable(
  'The target does not show who is in a group, so its members cannot be replaced as a whole. Send a PATCH that adds and removes single members.',
);

const notKnown = (top: AttributePath): Refusal =>
  unsendable(
    `${attributeName(top)} can be changed at this target only with its current value at hand, which is not known.`,
  );

const valuesOf = (
  list: readonly Change[],
  top: AttributePath,
  { before, type }: Context,
): Values | Refusal => {
  if (before === null) return notKnown(top);
  const applied = applyChanges(before, list, type);
  if (isRefusal(applied)) return applied;
  return { before: valueAt(before, top), after: valueAt(applied.resource, top) };
};

const memberPath = (top: AttributePath, value: string): Change['path'] => ({
  ...top,
  filter: { kind: 'compare', path: { attribute: 'value' }, operator: 'eq', value },
});

const byValue = (elements: Json | undefined): ReadonlyMap<string, Json> | null => {
  const out = new Map<string, Json>();
  for (const element of isArray(elements) ? elements : []) {
    const value = isObject(element) ? element['value'] : undefined;
    if (typeof value !== 'string') return null;
    if (!out.has(value)) out.set(value, element);
  }
  return out;
};

/**
 * Adds and removes from the current members. Adds come first: what is added can be taken back when a
 * later part fails, what was removed stays removed.
 */
const difference = (
  list: readonly Change[],
  top: AttributePath,
  context: Context,
): readonly Change[] | Refusal => {
  if (hidesMembers(context.knobs, context.type)) return hiddenMembers;
  if (!context.knobs.patchFilters) {
    return unsendable('The target takes no such change of all members. Send fewer members.');
  }
  const values = valuesOf(list, top, context);
  if (isRefusal(values)) return values;
  const [held, wanted] = [byValue(values.before), byValue(values.after)];
  if (held === null || wanted === null) {
    return unsendable('A member without a value cannot be added or removed at this target.');
  }
  const added = [...wanted].filter(([value]) => !held.has(value)).map(([, element]) => element);
  const removed = [...held.keys()].filter((value) => !wanted.has(value));
  return [
    ...(added.length === 0 ? [] : [{ op: 'add', path: top, value: added } as const]),
    ...removed.map((value): Change => ({ op: 'remove', path: memberPath(top, value) })),
  ];
};

/** The whole attribute as it will be: by `replace`, or by removal and addition (T30). */
const wholeValue = (
  list: readonly Change[],
  top: AttributePath,
  context: Context,
): readonly Change[] | Refusal => {
  const { knobs, type } = context;
  if (isMembers(type, top) && hidesMembers(knobs, type)) return hiddenMembers;
  const values = valuesOf(list, top, context);
  if (isRefusal(values)) return values;
  const { before, after } = values;
  if (isMembers(type, top) && isArray(after) && after.length > knobs.membersPerCall) {
    return unsendable(`The target takes at most ${knobs.membersPerCall} members in one call.`);
  }
  const remove: readonly Change[] = before === undefined ? [] : [{ op: 'remove', path: top }];
  if (after === undefined) return remove;
  if (knobs.patchReplace) return [{ op: 'replace', path: top, value: after }];
  const added: readonly Change[] = [...remove, { op: 'add', path: top, value: after }];
  // Elements of one value become one where they are added: then it would be another change.
  const again = valuesOf(added, top, context);
  if (isRefusal(again)) return again;
  const [made, wanted] = [again.after, after].map((value) => ({ [top.attribute]: value }));
  return diffResources(made ?? {}, wanted ?? {}, type).length === 0
    ? added
    : unsendable(`The target cannot be given these values of ${attributeName(top)} at once.`);
};

const takesAllMembers = (change: Change, { knobs }: Context): boolean => {
  const one = knobs.membersPerOperation === 'one';
  const named = elementsNamed(change);
  if (!isWhole(change)) return one && change.path.sub === undefined && named === null;
  return one || knobs.replaceMembers === 'difference' || (named ?? 0) > knobs.membersPerCall;
};

/** Without `replace`: is there a change of a set, or of an element, that `add` would not make? */
const replacesMany = (change: Change, { type }: Context): boolean =>
  change.op === 'replace' &&
  change.path.sub === undefined &&
  (change.path.filter !== undefined || lookUp(type, topOf(change.path))?.multiValued !== false);

const isManyIn = (change: Change): boolean => change.op === 'replace' && isArray(change.value);

const rewriteAttribute = (
  list: readonly Change[],
  context: Context,
): readonly Change[] | Refusal => {
  const { knobs, type } = context;
  const [first] = list;
  if (first === undefined) return list;
  const top = topOf(first.path);
  const members = isMembers(type, top);
  if (members && list.some((change) => takesAllMembers(change, context))) {
    return difference(list, top, context);
  }
  if (!knobs.patchFilters && list.some(({ path }) => path.filter !== undefined)) {
    return wholeValue(list, top, context);
  }
  const plain = lookUp(type, top) === null;
  const replaced =
    !knobs.patchReplace &&
    list.some((change) => (plain ? isManyIn(change) : replacesMany(change, context)));
  if (replaced) {
    return members && knobs.patchFilters
      ? difference(list, top, context)
      : wholeValue(list, top, context);
  }
  return list;
};

const termsOf = (filter: Filter): readonly Filter[] =>
  filter.kind === 'or' ? filter.terms.flatMap(termsOf) : [filter];

/** One change as those the target takes of its kind: few elements each, no `replace`. */
const rewriteOne = (change: Change, { type, knobs }: Context): readonly Change[] => {
  const { path } = change;
  if (isMembers(type, path) && path.sub === undefined) {
    const one = knobs.membersPerOperation === 'one';
    const named = elementsNamed(change) ?? 0;
    if (change.op === 'add' && path.filter === undefined && one && isArray(change.value)) {
      return change.value.map((element): Change => ({ op: 'add', path, value: [element] }));
    }
    const alone = one || knobs.memberFilter === 'value-and-type';
    const many = named > 1 && (alone || named > knobs.membersPerCall);
    if (change.op === 'remove' && path.filter !== undefined && many) {
      return termsOf(path.filter).map((filter): Change => ({
        op: 'remove',
        path: { ...path, filter },
      }));
    }
  }
  return change.op === 'replace' && !knobs.patchReplace ? [{ ...change, op: 'add' }] : [change];
};

/**
 * The changes in operations that the target knows. `not_supported` where they could only be said
 * with a current value that is not known, or not in few enough members.
 */
export const rewriteChanges = (
  changes: readonly Change[],
  before: Resource | null,
  type: ResourceType,
  knobs: Knobs,
): readonly Change[] | Refusal => {
  const context = { before, type, knobs };
  const spelled = before === null ? changes : spellUpserts(changes, before, type);
  const lists = new Map<string, Change[]>();
  for (const change of spelled) {
    const name = attributeName(topOf(change.path)).toLowerCase();
    const list = lists.get(name);
    if (list === undefined) lists.set(name, [change]);
    else list.push(change);
  }
  const out: Change[] = [];
  const done = new Set<string>();
  for (const change of spelled) {
    const name = attributeName(topOf(change.path)).toLowerCase();
    const list = lists.get(name) ?? [];
    if (done.has(name)) continue;
    const rewritten = rewriteAttribute(list, context);
    if (isRefusal(rewritten)) return rewritten;
    if (rewritten === list) {
      out.push(...rewriteOne(change, context));
      continue;
    }
    done.add(name);
    for (const each of rewritten) out.push(...rewriteOne(each, context));
  }
  return out;
};
