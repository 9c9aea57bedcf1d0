/**
 * What the compilers of safety rules share: the tools they are lent, and how actions and attributes are
 * read where wider is safer. Every problem is told at its place; what has one must not be served.
 */
import type { Action, AttributeName } from '../identity/operation.ts';
import type { Attribute, ResourceType } from '../identity/scim/schema-model.ts';
import { isReadAction, mutationsOf, wordOf } from './actions.ts';
import type { RuleTools, SettingPath } from './compile-rule.ts';
import { pathOfName } from './values.ts';

/** What compiling needs from outside. */
export type SafetyTools = RuleTools &
  Readonly<{
    /** The known name that was probably meant, as a clause to append; '' where none is near. */
    near(written: string, known: Iterable<string>): string;
    /** A stable digest of plain data, at most 64 characters. */
    digest(value: unknown): string;
  }>;

/** Resource types of a target, by word. */
export type TypesByWord = Readonly<Record<string, ResourceType>>;

const own = <Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/**
 * The changes that a list of actions stands for. `users:*` is every change of users there is, deletion
 * included: where actions are watched or forbidden, more of them is safer.
 */
export const compileMutations = (
  written: readonly string[],
  types: TypesByWord,
  path: SettingPath,
  tools: Pick<SafetyTools, 'problem' | 'near'>,
): ReadonlySet<Action> => {
  const found = new Set<Action>();
  written.forEach((text, index) => {
    const action = text as Action;
    const tell = (message: string): void => tools.problem([...path, index], message);
    const word = wordOf(action);
    if (own(types, word) === undefined) {
      tell(`there are no such resources here${tools.near(word, Object.keys(types))}`);
      return;
    }
    const all = mutationsOf(word);
    if (text.endsWith(':*')) for (const each of all) found.add(each);
    else if (all.includes(action)) found.add(action);
    else if (isReadAction(action)) tell('this is about changes; reads change nothing');
    else tell(`${word} have no such action${tools.near(text, all)}`);
  });
  return found;
};

/** The attribute that a name in rule spelling leads to; null where nobody gave it a meaning. */
export const attributeAt = (type: ResourceType, name: AttributeName): Attribute | null => {
  const { schema, attribute, sub } = pathOfName(name);
  const holder = schema === undefined ? type.schema : own(type.extensions, schema.toLowerCase());
  const top = own(holder?.attributes ?? {}, attribute.toLowerCase());
  if (top === undefined) return null;
  if (sub === undefined) return top;
  return own(top.sub ?? {}, sub.toLowerCase()) ?? null;
};

/** Names of attributes in rule spelling; `emails[].value` is read as `emails.value`. */
export const nameIn = (
  type: ResourceType,
  text: string,
  { resolveName }: Pick<SafetyTools, 'resolveName'>,
): AttributeName | null => resolveName(type, text.replaceAll('[]', ''));

/** What may stand for a name that does not resolve. */
export const attributeNames = (type: ResourceType): readonly string[] =>
  Object.values(type.schema.attributes).map(({ name }) => name);
