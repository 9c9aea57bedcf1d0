/**
 * What an operation does, as actions with the attributes through which each acts (interface.md §2).
 * The one place where attributes become verbs. Fails closed: whatever is not known to be harmless
 * needs the stronger action, or several.
 *
 * `attributes` of an effect hold only what `write` lists govern: `active`, `members`, `password`,
 * `userName`, roles and their like belong to their actions alone, and `emails` and `phoneNumbers` to
 * `recovery` and the list both. They are leaves (`name.givenName`), so that a list can except one.
 */
import { rfcKnobs, type Knobs } from '../dialects/knobs.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json } from '../json-value.ts';
import type { Action, AttributeName, Effect, Operation } from '../operation.ts';
import { filterNames } from './filter.ts';
import { isLookup } from './lookup.ts';
import type { AttributePath, Change, Filter, Path, ResourceType } from './schema-model.ts';
import { attributeName, lookUp } from './schemas.ts';

/** What the two ways to take a user's access away do at the target (T8, T11, T13). */
export type Meanings = Pick<Knobs, 'deleteUser' | 'deactivateUser'>;

/** What one written core attribute needs: its verbs, and whether `write` lists govern it too. */
type Meaning = Readonly<{
  verbs(change: Change, meanings: Meanings): readonly string[];
  listed: boolean;
}>;

const always = (verb: string, listed: boolean): Meaning => ({ verbs: () => [verb], listed });

const valueOf = (change: Change): Json | undefined =>
  change.op === 'remove' ? undefined : change.value;

/** Does the filter name single members, so that it can hit no more than it lists? */
const namesMembers = (filter: Filter): boolean => {
  if (filter.kind === 'compare') {
    const { path, operator, value } = filter;
    return (
      path.attribute === 'value' &&
      path.sub === undefined &&
      operator === 'eq' &&
      typeof value === 'string'
    );
  }
  if (filter.kind === 'and') return filter.terms.some(namesMembers);
  return filter.kind === 'or' && filter.terms.every(namesMembers);
};

const memberVerbs = ({ op, path }: Change): readonly string[] => {
  if (path.sub === undefined) {
    if (op === 'add' && path.filter === undefined) return ['add-member'];
    if (op === 'remove' && path.filter !== undefined && namesMembers(path.filter)) {
      return ['remove-member'];
    }
  }
  return ['replace-members'];
};

/** T11: where `active: false` destroys the account, it needs what a DELETE needs. */
const activeVerbs = (change: Change, { deactivateUser }: Meanings): readonly string[] => {
  const value = valueOf(change);
  const whole = change.path.sub === undefined && change.path.filter === undefined;
  if (whole && value === true) return ['activate'];
  if (whole && value === false) return [deactivateUser];
  return ['activate', deactivateUser];
};

/** Core attributes with verbs of their own; everything else is `update`. */
const meanings: ReadonlyMap<string, ReadonlyMap<string, Meaning>> = new Map([
  [
    'users',
    new Map([
      ['username', always('rename', false)],
      ['externalid', always('rename', false)],
      ['emails', always('recovery', true)],
      ['phonenumbers', always('recovery', true)],
      ['active', { verbs: activeVerbs, listed: false }],
      ['password', always('password', false)],
      ['roles', always('entitle', false)],
      ['entitlements', always('entitle', false)],
      ['x509certificates', always('entitle', false)],
    ]),
  ],
  ['groups', new Map([['members', { verbs: memberVerbs, listed: false }]])],
]);

const update = always('update', true);
const updateUnknown = always('update-unknown', true);

/** Has nobody given this attribute of an extension a meaning? */
const isUnknown = (type: ResourceType, { schema, attribute }: Path): boolean =>
  schema !== undefined && lookUp(type, { schema, attribute }) === null;

const meaningOf = (type: ResourceType, path: Path): Meaning => {
  if (path.schema !== undefined && path.schema.toLowerCase() !== type.schema.id.toLowerCase()) {
    return type.word === 'users' && isUnknown(type, path) ? updateUnknown : update;
  }
  return meanings.get(type.word)?.get(path.attribute.toLowerCase()) ?? update;
};

const pathOf = (path: Path, sub: string | undefined): AttributePath => ({
  ...(path.schema === undefined ? {} : { schema: path.schema }),
  attribute: path.attribute,
  ...(sub === undefined ? {} : { sub }),
});

/** Leaves that a change writes. What replaces or removes a whole element writes all of its leaves. */
const leavesOf = (type: ResourceType, change: Change): readonly AttributeName[] => {
  const { path, op } = change;
  const attribute = lookUp(type, pathOf(path, undefined));
  if (path.sub !== undefined || attribute?.sub === undefined) {
    return [attributeName(pathOf(path, path.sub))];
  }
  const value = valueOf(change);
  const elements = isArray(value) ? value : [value];
  const additive = op === 'add' || (op === 'replace' && !attribute.multiValued);
  if (additive && elements.every((element) => isObject(element))) {
    const keys = new Set(elements.flatMap((element) => Object.keys(element as object)));
    return [...keys].map((key) => attributeName(pathOf(path, key)));
  }
  return Object.values(attribute.sub)
    .filter((sub) => sub.mutability !== 'readOnly')
    .map((sub) => attributeName(pathOf(path, sub.name)));
};

/** Verbs in the order of interface.md; the order of effects follows it. */
const verbOrder = [
  'create',
  'update',
  'rename',
  'recovery',
  'activate',
  'deactivate',
  'delete',
  'password',
  'entitle',
  'update-unknown',
  'add-member',
  'remove-member',
  'replace-members',
];

const toEffects = (
  type: ResourceType,
  found: ReadonlyMap<string, ReadonlySet<AttributeName>>,
): readonly Effect[] =>
  verbOrder.flatMap((verb) => {
    const attributes = found.get(verb);
    return attributes === undefined
      ? []
      : [{ action: `${type.word}:${verb}`, attributes: [...attributes] }];
  });

/**
 * Effects of canonical changes on an existing resource. No changes at all still need `update`, so
 * that nobody without any grant learns that a resource exists.
 */
export const effectsOfChanges = (
  type: ResourceType,
  changes: readonly Change[],
  meanings: Meanings = rfcKnobs,
): readonly Effect[] => {
  const found = new Map<string, Set<AttributeName>>();
  for (const change of changes) {
    const meaning = meaningOf(type, change.path);
    for (const verb of meaning.verbs(change, meanings)) {
      const attributes = found.get(verb) ?? new Set();
      found.set(verb, attributes);
      if (meaning.listed) for (const leaf of leavesOf(type, change)) attributes.add(leaf);
    }
  }
  if (found.size === 0) found.set('update', new Set());
  return toEffects(type, found);
};

/** What a create needs beside `create` itself; its names and `active` belong to `create`. */
const besideCreate: ReadonlySet<string> = new Set([
  'password',
  'entitle',
  'update-unknown',
  'add-member',
  'replace-members',
]);

const notWritten: ReadonlySet<string> = new Set(['schemas', 'id', 'meta']);

/** A whole resource as additions: one per attribute, one per attribute of an extension. */
const additionsOf = (type: ResourceType, resource: Readonly<Record<string, unknown>>): Change[] =>
  Object.keys(resource).flatMap((name): Change[] => {
    const value = resource[name] as Json | undefined;
    if (value === undefined || notWritten.has(name)) return [];
    if (!name.includes(':')) return [{ op: 'add', path: { attribute: name }, value }];
    if (!isObject(value)) return [{ op: 'add', path: { schema: name, attribute: name }, value }];
    return Object.keys(value).map((attribute) => ({
      op: 'add',
      path: { schema: name, attribute },
      value: value[attribute] ?? null,
    }));
  });

const effectsOfCreate = (operation: Operation & { verb: 'create' }): readonly Effect[] => {
  const { type, resource } = operation;
  const created = new Set<AttributeName>();
  const found = new Map<string, Set<AttributeName>>([['create', created]]);
  for (const change of additionsOf(type, resource)) {
    const meaning = meaningOf(type, change.path);
    const beside = meaning.verbs(change, rfcKnobs).filter((verb) => besideCreate.has(verb));
    const leaves = meaning.listed ? leavesOf(type, change) : [];
    if (beside.length === 0) for (const leaf of leaves) created.add(leaf);
    for (const verb of beside) {
      const attributes = found.get(verb) ?? new Set();
      found.set(verb, attributes);
      for (const leaf of leaves) attributes.add(leaf);
    }
  }
  return toEffects(type, found);
};

const one = (action: Action): readonly Effect[] => [{ action, attributes: [] }];

/**
 * Effects of an operation; never empty. A `replace` has none of its own: what it does depends on the
 * current resource, so it is judged as `asPatch(operation, current)` (replace.ts); passing it here
 * throws TypeError.
 *
 * An action names the effect on that target: `meanings` say what DELETE of a user and `active: false`
 * do there.
 */
export const effectsOf = (
  operation: Operation,
  meanings: Meanings = rfcKnobs,
): readonly Effect[] => {
  if (operation.verb === 'discover') return one('discovery:read');
  const { type, verb } = operation;
  if (verb === 'create') return effectsOfCreate(operation);
  if (verb === 'patch') return effectsOfChanges(type, operation.changes, meanings);
  if (verb === 'search') return one(`${type.word}:${isLookup(operation) ? 'read' : 'search'}`);
  if (verb === 'replace') {
    throw new TypeError('a replace is judged as a patch of the current resource');
  }
  if (verb === 'delete' && type.word === 'users') return one(`users:${meanings.deleteUser}`);
  return one(`${type.word}:${verb}`);
};

/**
 * Actions known before anything is read: those of `effectsOf`, and none for a `replace`, whose
 * actions are unknown until the current resource is at hand.
 */
export const preliminaryActions = (operation: Operation): readonly Action[] =>
  operation.verb === 'replace' ? [] : effectsOf(operation).map((effect) => effect.action);

const readVerbs: ReadonlySet<string> = new Set(['read', 'search']);
const revokingVerbs: ReadonlySet<string> = new Set(['deactivate', 'delete', 'remove-member']);

/**
 * True when all the operation does is take access away: each action that is not a read is
 * `deactivate`, `delete` or `remove-member`, or an `entitle` all of whose changes are removals. Such
 * changes keep a reserved share of queue and slots; nothing else does.
 */
export const isRevocation = (
  effects: readonly Effect[],
  changes: readonly Change[] = [],
): boolean => {
  const verbs = effects.map(({ action }) => action.slice(action.indexOf(':') + 1));
  const writing = verbs.filter((verb) => !readVerbs.has(verb));
  const onlyRemoves = changes.length > 0 && changes.every((change) => change.op === 'remove');
  return (
    writing.length > 0 &&
    writing.every((verb) => revokingVerbs.has(verb) || (verb === 'entitle' && onlyRemoves))
  );
};

const pathFilterNames = (path: Path): readonly AttributeName[] =>
  path.filter === undefined
    ? []
    : filterNames({ kind: 'values', path: pathOf(path, undefined), filter: path.filter });

/**
 * Attributes by whose values an operation chooses: named in a filter, in `sortBy`, or in the filter of
 * a PATCH path.
 */
export const choosingNames = (operation: Operation): readonly AttributeName[] => {
  const names = new Set<AttributeName>();
  if (operation.verb === 'search') {
    if (operation.filter !== undefined) {
      for (const name of filterNames(operation.filter)) names.add(name);
    }
    if (operation.page.sortBy !== undefined) names.add(operation.page.sortBy);
  }
  if (operation.verb === 'patch') {
    for (const change of operation.changes) {
      for (const name of pathFilterNames(change.path)) names.add(name);
    }
  }
  return [...names];
};

/**
 * Attributes whose values a client could learn by asking: those it chooses by, and those named in
 * `attributes`. Policy checks them against the read list.
 */
export const readNames = (operation: Operation): readonly AttributeName[] =>
  operation.verb === 'discover'
    ? []
    : [...new Set([...(operation.projection.attributes ?? []), ...choosingNames(operation)])];
