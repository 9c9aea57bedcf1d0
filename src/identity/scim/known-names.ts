/**
 * Names as they are mostly written, as the schema spells them or all in lower case, resolved once per
 * resource type or attribute. It spares work and decides nothing: each entry is what the long way
 * answered, and a name that is not in a table goes the long way. schemas.ts is its only caller.
 */
import type { Attribute, AttributePath, ResourceType, Schema } from './schema-model.ts';

const pathTables = new WeakMap<ResourceType, ReadonlyMap<string, AttributePath>>();
const subTables = new WeakMap<Attribute, ReadonlyMap<string, object>>();

/** `userName`, `name.givenName`, …: all names below a schema as it spells them. */
const spelledBelow = ({ attributes }: Schema): readonly string[] =>
  Object.values(attributes).flatMap((attribute) => [
    attribute.name,
    ...Object.values(attribute.sub ?? {}).map((sub) => `${attribute.name}.${sub.name}`),
  ]);

const spelledNames = ({ schema, extensions }: ResourceType): readonly string[] => [
  ...spelledBelow(schema),
  ...(schema.id === '' ? [] : spelledBelow(schema).map((name) => `${schema.id}:${name}`)),
  ...Object.values(extensions).flatMap((extension) =>
    spelledBelow(extension).map((name) => `${extension.id}:${name}`),
  ),
];

const tableOf = <Owner, Found extends object>(
  owner: Owner,
  names: readonly string[],
  resolve: (owner: Owner, text: string) => Found | null,
): ReadonlyMap<string, Found> => {
  const table = new Map<string, Found>();
  for (const spelled of names) {
    for (const name of [spelled, spelled.toLowerCase()]) {
      const found = resolve(owner, name);
      if (found !== null) table.set(name, Object.freeze(found));
    }
  }
  return table;
};

/** The paths of a type's names, frozen because they are shared; `resolve` is the long way. */
export const knownPaths = (
  type: ResourceType,
  resolve: (type: ResourceType, text: string) => AttributePath | null,
): ReadonlyMap<string, AttributePath> => {
  let table = pathTables.get(type);
  if (table === undefined) {
    table = tableOf(type, spelledNames(type), resolve);
    pathTables.set(type, table);
  }
  return table;
};

/** The sub-attributes of one attribute by name; always asked with the same `resolve`. */
export const knownSubs = <Found extends object>(
  parent: Attribute,
  resolve: (parent: Attribute, text: string) => Found | null,
): ReadonlyMap<string, Found> => {
  let table = subTables.get(parent) as ReadonlyMap<string, Found> | undefined;
  if (table === undefined) {
    // A simple multi-valued attribute has `value` alone, which is the element.
    const names = Object.values(parent.sub ?? {}).map(({ name }) => name);
    table = tableOf(parent, parent.sub === undefined ? ['value'] : names, resolve);
    subTables.set(parent, table);
  }
  return table;
};
