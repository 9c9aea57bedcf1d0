/**
 * Protected subjects, compiled: whom a rule matches by attributes, membership and condition, what never
 * happens to them, what may not change, and how a target is asked for candidates.
 */
import { compileExpression, type Expression } from '../expressions.ts';
import type { Action, AttributeName } from '../identity/operation.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { mutationsOf, verbsTouching } from './actions.ts';
import type { SettingPath } from './compile-rule.ts';
import { foldedTest, type NameTest } from './patterns.ts';
import type { Protection } from './safety.ts';
import type { ProtectionSettings } from './safety-settings.ts';
import {
  attributeAt,
  attributeNames,
  nameIn,
  type SafetyTools,
  type TypesByWord,
} from './safety-tools.ts';
import { pathOfName, textsAt } from './values.ts';
import { touchSet } from './written-names.ts';

/** A protection, with what the tenant's quick tests are made of. */
export type CompiledProtection = Readonly<{
  protection: Protection;
  about: ReadonlySet<Action>;
  onBefore: ReadonlySet<Action>;
}>;

type Word = Protection['word'];
type Lists = NonNullable<ProtectionSettings['users']> | NonNullable<ProtectionSettings['groups']>;

/** Patterns of one attribute. */
type Key = Readonly<{ name: AttributeName; patterns: readonly string[]; test: NameTest }>;

const notAttributes: ReadonlySet<string> = new Set(['ids', 'memberOf', 'when']);

const compileKeys = (
  lists: Lists,
  type: ResourceType,
  path: SettingPath,
  tools: SafetyTools,
): readonly Key[] => {
  const keys: Key[] = [];
  for (const [text, patterns] of Object.entries(lists)) {
    if (notAttributes.has(text) || !Array.isArray(patterns)) continue;
    const written = nameIn(type, text, tools);
    const tell = (message: string): void => tools.problem([...path, text], message);
    if (written === null) {
      const known = [...attributeNames(type), 'ids', 'memberOf', 'when'];
      tell(`a ${type.name} has no such attribute here${tools.near(text, known)}`);
      continue;
    }
    const whole = attributeAt(type, written);
    const name = whole?.sub?.['value'] === undefined ? written : `${written}.value`;
    const attribute = attributeAt(type, name);
    if (attribute !== null && (attribute.type === 'complex' || attribute.sub !== undefined))
      tell('write which part of it is compared, such as name.familyName');
    else if (attribute !== null && !['string', 'reference'].includes(attribute.type))
      tell('only texts are compared with patterns; write a condition: when');
    else if (attribute?.returned === 'never' || attribute?.mutability === 'writeOnly')
      tell('the target never shows this attribute');
    else keys.push({ name, patterns, test: foldedTest(patterns) });
  }
  return keys;
};

/** Verbs of groups that a rule on users may forbid: what happens to their members. */
const memberVerbs: readonly string[] = ['add-member', 'remove-member'];

/** Putting other members in their place removes and adds as well. */
const alsoForbidden: ReadonlyMap<Action, Action> = new Map<Action, Action>([
  ['groups:remove-member', 'groups:replace-members'],
  ['groups:add-member', 'groups:replace-members'],
]);

const compileNever = (
  { never }: ProtectionSettings,
  word: Word,
  path: SettingPath,
  tools: SafetyTools,
): ReadonlySet<Action> => {
  const out = new Set<Action>();
  const byMembers = word === 'users' ? memberVerbs.map((verb): Action => `groups:${verb}`) : [];
  const known = [...mutationsOf(word), ...byMembers].filter((each) => !each.endsWith(':create'));
  never.forEach((text, index) => {
    const verb = text.startsWith(`${word}:`) ? text.slice(word.length + 1) : text;
    const action: Action =
      word === 'users' && memberVerbs.includes(verb) ? `groups:${verb}` : `${word}:${verb}`;
    if (verb === '*') for (const each of known) out.add(each);
    else if (known.includes(action)) {
      out.add(action);
      const also = word === 'groups' ? alsoForbidden.get(action) : undefined;
      if (also !== undefined) out.add(also);
    } else {
      const verbs = known.map((each) => each.slice(each.indexOf(':') + 1));
      tools.problem(
        [...path, 'never', index],
        `nothing of the kind can happen to ${word}${tools.near(verb, verbs)}`,
      );
    }
  });
  return out;
};

const compileWhen = (
  { when }: Lists,
  path: SettingPath,
  { problem }: SafetyTools,
): Expression | null => {
  if (typeof when !== 'string') return null;
  const compiled = compileExpression(when, { before: 'dyn' }, 'bool');
  if (!('problem' in compiled)) return compiled;
  problem([...path, 'when'], compiled.problem);
  return null;
};

const printableAscii = /^[\x20-\x7e]*$/;

/** One comparison of a SCIM filter (RFC 7644 §3.4.2.2); null where it could miss what the pattern matches. */
const comparison = (type: ResourceType, name: AttributeName, pattern: string): string | null => {
  const star = pattern.indexOf('*');
  const prefix = star < 0 ? pattern : pattern.slice(0, star);
  const simple = (star < 0 || star === pattern.length - 1) && prefix !== '';
  // Other scripts fold in ways that targets do not, and an exact attribute is not folded at all.
  if (!simple || !printableAscii.test(prefix) || attributeAt(type, name)?.caseExact !== false)
    return null;
  return `${name} ${star < 0 ? 'eq' : 'sw'} ${JSON.stringify(prefix)}`;
};

/** Longest filter that is asked; beyond, everything is looked through, characters. */
const filterLengthMax = 2_000;

const filterOf = (
  type: ResourceType,
  keys: readonly Key[],
  when: Expression | null,
): string | null => {
  if (when !== null) return null;
  const terms = keys.flatMap(({ name, patterns }) =>
    patterns.map((pattern) => comparison(type, name, pattern)),
  );
  const filter = terms.join(' or ');
  return terms.includes(null) || filter.length > filterLengthMax ? null : filter;
};

const matcherOf = (
  type: ResourceType,
  keys: readonly Key[],
  memberOf: NameTest | null,
  when: Expression | null,
  view: SafetyTools['view'],
): Protection['matches'] => {
  const tests = keys.map(({ name, test }) => ({ path: pathOfName(name), test }));
  if (memberOf !== null && type.word === 'users')
    tests.push({ path: { attribute: 'groups', sub: 'display' }, test: memberOf });
  return (resource: Resource): boolean => {
    for (const { path, test } of tests) if (textsAt(resource, path).some(test)) return true;
    if (when === null) return false;
    const result = when.evaluate({ before: view(resource, type) });
    // A condition that cannot be judged protects.
    return 'value' in result ? result.value === true : true;
  };
};

const groupActions: readonly Action[] = [
  'groups:update',
  'groups:delete',
  'groups:remove-member',
  'groups:replace-members',
];

/** What changes the members of a group that protects them, and what a rule forbids to happen to members. */
const onGroups = (never: ReadonlySet<Action>, memberOf: boolean): ReadonlySet<Action> => {
  const out = new Set<Action>(memberOf ? groupActions : []);
  if (never.has('groups:remove-member'))
    for (const action of groupActions.slice(1)) out.add(action);
  if (never.has('groups:add-member') || memberOf) {
    out.add('groups:add-member');
    out.add('groups:replace-members');
    out.add('groups:create');
  }
  return out;
};

const withoutCreation = (actions: Iterable<Action>): ReadonlySet<Action> =>
  new Set([...actions].filter((action) => !action.endsWith(':create')));

/** Compiles one rule written at `path`; null where it names nobody at all. */
export const compileProtection = (
  settings: ProtectionSettings,
  types: TypesByWord,
  path: SettingPath,
  tools: SafetyTools,
): CompiledProtection | null => {
  const { users, groups } = settings;
  if ((users === undefined) === (groups === undefined)) {
    tools.problem(path, 'write users or groups: whom it protects (a rule for each)');
    return null;
  }
  const word: Word = users === undefined ? 'groups' : 'users';
  const lists: Lists = users ?? groups ?? {};
  const type = types[word];
  if (type === undefined) return null;
  const at = [...path, word];
  if (Object.values(lists).every((each) => each === undefined)) {
    tools.problem(at, 'this names nobody: write attribute patterns, ids, memberOf or when');
    return null;
  }
  const keys = compileKeys(lists, type, at, tools);
  const when = compileWhen(lists, at, tools);
  const patterns = users?.memberOf;
  const memberOf = patterns === undefined ? null : foldedTest(patterns);
  const never = compileNever(settings, word, path, tools);
  const protection: Protection = Object.freeze({
    name: settings.name,
    word,
    never,
    ids: new Set(lists.ids ?? []),
    matches: matcherOf(type, keys, memberOf, when, tools.view),
    memberOf,
    keys: touchSet(keys.map(({ name }) => name)),
    filter: filterOf(type, keys, when),
    digest: tools.digest({ word, lists, never: [...never].toSorted() }),
  });
  return { protection, ...actionsOfRule(protection, keys, when) };
};

const actionsOfRule = (
  { word, never, memberOf, ids }: Protection,
  keys: readonly Key[],
  when: Expression | null,
): Pick<CompiledProtection, 'about' | 'onBefore'> => {
  const changing = new Set<Action>();
  for (const { name } of keys)
    for (const verb of verbsTouching(word, name)) changing.add(`${word}:${verb}`);
  if (when !== null) for (const action of mutationsOf(word)) changing.add(action);
  const members = word === 'users' ? onGroups(never, memberOf !== null) : new Set<Action>();
  const own = [...never].filter((action) => action.startsWith(`${word}:`));
  const seen = keys.length > 0 || when !== null || memberOf !== null;
  // A subject that is known by its id alone need not be read; members that leave unnamed have to be.
  const unnamed: readonly Action[] = ['groups:delete', 'groups:replace-members'];
  const needed = [
    ...(seen ? [...own, ...changing] : []),
    ...[...members].filter(
      (action) => (memberOf !== null && action !== 'groups:add-member') || unnamed.includes(action),
    ),
  ];
  const made: Action = `${word}:create`;
  return {
    about: new Set([...own, ...changing, ...members, ...(seen || ids.size > 0 ? [made] : [])]),
    onBefore: withoutCreation(needed),
  };
};
