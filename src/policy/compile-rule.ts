/**
 * Compiles one resource rule of a permission or grant: actions, attribute lists, group patterns and
 * the condition, each problem named at its place. Called by compile-grants.ts only.
 */
import { compileExpression, type Expression } from '../expressions.ts';
import type { Action, AttributeName } from '../identity/operation.ts';
import type { Attribute, Resource, ResourceType, Schema } from '../identity/scim/schema-model.ts';
import { actionsNamed, actionsOf, isReadAction, verbsOwning } from './actions.ts';
import { attributeSet } from './attribute-set.ts';
import type { AttributeSet, CompiledRule } from './decision.ts';
import { groupTest } from './patterns.ts';
import type { ResourceRule } from './settings.ts';

/** Where something is written in the route file. */
export type SettingPath = readonly (string | number)[];

/** What compiling a rule needs from outside; see `compileGrants`. */
export type RuleTools = Readonly<{
  problem(path: SettingPath, message: string): void;
  /** The resource as conditions see it: absent attributes read as empty. */
  view(resource: Resource | null, type: ResourceType): Readonly<Record<string, unknown>>;
  /** The rule spelling of an attribute name as written, or null if the type has no such attribute. */
  resolveName(type: ResourceType, text: string): AttributeName | null;
}>;

/** The extension that counts as known to everyone (RFC 7643 §4.3). */
const enterpriseUser = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:user';

/** Shown whatever `read.only` says: without them an answer is no SCIM resource. */
const envelope = ['schemas', 'id', 'meta'] as const;

/** Compiles one rule written at `path`; reports what is wrong and compiles the rest. */
export const compileRule = (
  settings: ResourceRule,
  type: ResourceType,
  path: SettingPath,
  tools: RuleTools,
): CompiledRule => {
  const actions = compileActions(settings, type, path, tools);
  if (type.word !== 'groups') {
    for (const key of ['only', 'except'] as const) {
      if (settings[key] !== undefined) {
        tools.problem([...path, key], 'only groups are restricted by name');
      }
    }
  }
  return Object.freeze({
    name: writtenAt(path),
    actions,
    write: compileWrite(settings, type, path, tools),
    denied: settings.write?.denied ?? 'refuse',
    read: compileRead(settings, type, path, tools),
    group: groupTest(settings),
    when: compileWhen(settings, actions, type, path, tools),
  });
};

/** A place of the route file as rules are named: `routes.slack.grants[1].users`. */
export const writtenAt = (path: SettingPath): string =>
  path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`,
    '',
  );

const compileActions = (
  settings: ResourceRule,
  type: ResourceType,
  path: SettingPath,
  { problem }: RuleTools,
): ReadonlySet<Action> => {
  const actions = new Set<Action>();
  settings.actions.forEach((text, index) => {
    const named = actionsNamed(type.word, text);
    for (const action of named ?? []) actions.add(action);
    if (named === null) {
      const known = actionsOf(type.word).map((action) => action.slice(type.word.length + 1));
      problem(
        [...path, 'actions', index],
        `${type.word} have no such action; write one of ${known.join(', ')} or *`,
      );
    }
  });
  return actions;
};

const compileWrite = (
  settings: ResourceRule,
  type: ResourceType,
  path: SettingPath,
  tools: RuleTools,
): AttributeSet => {
  const { only, except } = settings.write ?? {};
  const names = (key: 'only' | 'except', list: readonly string[] | undefined): string[] =>
    resolved(list, type, [...path, 'write', key], tools, (name) => {
      const verbs = verbsOwning(type.word, name);
      return verbs === null
        ? null
        : `${name} is not a matter of write: grant the action ${verbs.join(' or ')} instead`;
    });
  return attributeSet({
    // `schemas` is the envelope of a resource, printed anew from what it holds.
    included: ['schemas', ...(only === undefined ? writableByDefault(type) : names('only', only))],
    excluded: names('except', except),
    schemas: Object.keys(type.extensions),
  });
};

/**
 * Core and enterprise attributes that no action owns; other extensions must be named, and so must
 * what a target adds to the schemas of RFC 7643.
 */
const writableByDefault = (type: ResourceType): string[] => {
  const core = withoutAdditions(type.schema).map(({ name }) => name);
  const extension = Object.hasOwn(type.extensions, enterpriseUser)
    ? type.extensions[enterpriseUser]
    : undefined;
  return [...core, 'externalId', ...enterpriseNames(extension)].filter(
    (name) => verbsOwning(type.word, name) === null,
  );
};

const withoutAdditions = ({ attributes }: Schema): readonly Attribute[] =>
  Object.values(attributes).filter(({ beyond }) => beyond !== true);

/** The URN alone covers all below it, so a schema with additions is named by its attributes. */
const enterpriseNames = (extension: Schema | undefined): readonly string[] => {
  if (extension === undefined) return [];
  const known = withoutAdditions(extension);
  return known.length === Object.keys(extension.attributes).length
    ? [enterpriseUser]
    : known.map(({ name }) => `${extension.id}:${name}`);
};

const compileRead = (
  settings: ResourceRule,
  type: ResourceType,
  path: SettingPath,
  tools: RuleTools,
): AttributeSet => {
  const { only, except } = settings.read ?? {};
  const named = resolved(only, type, [...path, 'read', 'only'], tools, () => null);
  return attributeSet({
    included: only === undefined ? null : [...envelope, ...named],
    excluded: resolved(except, type, [...path, 'read', 'except'], tools, () => null),
    schemas: Object.keys(type.extensions),
  });
};

const resolved = (
  list: readonly string[] | undefined,
  type: ResourceType,
  path: SettingPath,
  tools: RuleTools,
  objection: (name: AttributeName) => string | null,
): AttributeName[] => {
  const names: AttributeName[] = [];
  (list ?? []).forEach((text, index) => {
    const name = tools.resolveName(type, text);
    const wrong = name === null ? `a ${type.name} has no such attribute here` : objection(name);
    if (wrong !== null) tools.problem([...path, index], wrong);
    else if (name !== null) names.push(name);
  });
  return names;
};

const variables = {
  before: 'dyn',
  after: 'dyn',
  changed: 'list',
  client: 'string',
  actions: 'list',
  now: 'google.protobuf.Timestamp',
} as const;

/** One permission serves many routes: its text is compiled once as long as its settings live. */
const compiledOnce = new WeakMap<ResourceRule, ReturnType<typeof compileExpression>>();

const compileWhen = (
  settings: ResourceRule,
  actions: ReadonlySet<Action>,
  type: ResourceType,
  path: SettingPath,
  { problem, view }: RuleTools,
): Expression | null => {
  if (settings.when === undefined) return null;
  if (actions.size > 0 && [...actions].every(isReadAction)) {
    problem([...path, 'when'], 'a condition cannot judge reads; these actions only read');
    return null;
  }
  const compiled =
    compiledOnce.get(settings) ?? compileExpression(settings.when, variables, 'bool');
  compiledOnce.set(settings, compiled);
  if ('problem' in compiled) {
    problem([...path, 'when'], compiled.problem);
    return null;
  }
  const seen = (resource: unknown, name: 'before' | 'after'): unknown =>
    resource === null || resource === undefined || !compiled.mentions.has(name)
      ? null
      : view(resource as Resource, type);
  return Object.freeze({
    source: compiled.source,
    mentions: compiled.mentions,
    evaluate: (facts: Readonly<Record<string, unknown>>) =>
      compiled.evaluate({
        ...facts,
        before: seen(facts['before'], 'before'),
        after: seen(facts['after'], 'after'),
      }),
  });
};
