/**
 * A target's answers to /ResourceTypes and /Schemas as a schemas file: only what has a meaning here,
 * in a fixed order, so that two discoveries of one target differ only where the target does. What
 * cannot stand in such a file is left out and told.
 */
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import { isDeclarable } from './declared-settings.ts';
import { readRawList } from './target-resource.ts';

/** A schemas file, and what the target says beside it. */
export type PinnedSchemas = Readonly<{
  file: JsonObject;
  /** Names of what was left out, for a person. */
  leftOut: readonly string[];
}>;

const inCodeOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const pick = (from: JsonObject, names: readonly string[]): Record<string, Json> => {
  const out: Record<string, Json> = {};
  for (const name of names) {
    const value = from[name];
    if (value !== undefined && value !== null) out[name] = value;
  }
  return out;
};

const attributeMembers = [
  'name',
  'type',
  'multiValued',
  'required',
  'canonicalValues',
  'caseExact',
  'mutability',
  'returned',
  'uniqueness',
  'referenceTypes',
] as const;

const objectsOf = (value: Json | undefined): readonly JsonObject[] =>
  isArray(value) ? value.filter((item) => isObject(item)) : [];

const nameOf = (attribute: JsonObject): string => {
  const { name } = attribute;
  return typeof name === 'string' ? name : '?';
};

/** Attributes that can stand in the file; each with its declarable sub-attributes. */
const pinAttributes = (
  stated: readonly JsonObject[],
  above: string,
  leftOut: string[],
): readonly JsonObject[] =>
  stated.flatMap((attribute) => {
    const name = `${above}${nameOf(attribute)}`;
    const subs = objectsOf(attribute['subAttributes']);
    const pinned = {
      ...pick(attribute, attributeMembers),
      ...(subs.length === 0 ? {} : { subAttributes: pinAttributes(subs, `${name}.`, leftOut) }),
    };
    if (isDeclarable(pinned)) return [pinned];
    leftOut.push(name);
    return [];
  });

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

/** `https://host/scim/v2/Devices/` -> `/Devices`. */
const pinEndpoint = (value: Json | undefined): string =>
  `/${textOf(value).replace(/\/+$/, '').split('/').at(-1) ?? ''}`;

type PinnedType = Readonly<{
  name: string;
  endpoint: string;
  schema: string;
  schemaExtensions: readonly Readonly<{ schema: string; required: boolean }>[];
}>;

const pinType = (document: JsonObject): PinnedType => ({
  name: textOf(document['name'] ?? document['id']),
  endpoint: pinEndpoint(document['endpoint']),
  schema: textOf(document['schema']),
  schemaExtensions: objectsOf(document['schemaExtensions']).map((extension) => ({
    schema: textOf(extension['schema']),
    required: extension['required'] === true,
  })),
});

/** Schemas of discovery itself: no resource is of them. */
const ofDiscovery =
  /^urn:ietf:params:scim:schemas:core:2\.0:(?:Schema|ResourceType|ServiceProviderConfig)$/i;

const schemasNamed = (types: readonly PinnedType[]): ReadonlySet<string> =>
  new Set(
    types
      .flatMap(({ schema, schemaExtensions }) => [
        schema,
        ...schemaExtensions.map((extension) => extension.schema),
      ])
      .map((urn) => urn.toLowerCase()),
  );

/**
 * Makes a schemas file of what a target answered; null where the second answer is no list of schemas.
 * Types without schema, and schemas of no type, are left out.
 */
export const pinSchemas = (
  resourceTypes: Json | undefined,
  schemas: Json | undefined,
): PinnedSchemas | null => {
  const listed = readRawList(schemas)?.raw;
  if (listed === undefined) return null;
  const leftOut: string[] = [];
  const ids = new Set(listed.map(({ id }) => textOf(id).toLowerCase()));
  const types = (readRawList(resourceTypes)?.raw ?? []).map(pinType).map((type) => ({
    ...type,
    schemaExtensions: type.schemaExtensions.filter(({ schema }) => ids.has(schema.toLowerCase())),
  }));
  const kept = types.filter(({ schema }) => ids.has(schema.toLowerCase()));
  const named = schemasNamed(kept);
  const wanted = listed.filter(({ id }) => {
    const urn = textOf(id);
    return !ofDiscovery.test(urn) && (kept.length === 0 || named.has(urn.toLowerCase()));
  });
  for (const type of types) if (!kept.includes(type)) leftOut.push(type.endpoint);
  for (const each of listed) if (!wanted.includes(each)) leftOut.push(textOf(each['id']));
  const pinned = wanted.map((document) => {
    const id = textOf(document['id']);
    const attributes = pinAttributes(objectsOf(document['attributes']), `${id}:`, leftOut);
    return { id, ...pick(document, ['name']), attributes };
  });
  return {
    file: {
      resourceTypes: kept.toSorted((a, b) => inCodeOrder(a.endpoint, b.endpoint)),
      schemas: pinned.toSorted((a, b) => inCodeOrder(a.id, b.id)),
    },
    leftOut,
  };
};
