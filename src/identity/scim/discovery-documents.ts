/**
 * Discovery documents made from what the route knows of its resource types (RFC 7643 §5-7): for a
 * target that serves none, so that no client breaks on it, and to correct one that is wrong about
 * what the gateway judges by. Who shows them is discovery.ts.
 */
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { TypesByEndpoint } from './address.ts';
import type { Attribute, ResourceType, Schema } from './schema-model.ts';
import { commonAttributes } from './schemas.ts';

const schemaUrn = 'urn:ietf:params:scim:schemas:core:2.0:Schema';
const typeUrn = 'urn:ietf:params:scim:schemas:core:2.0:ResourceType';

/** Most resources of one answer, told where nobody knows how many a target gives. */
const likelyMaxResults = 200;

/** What a target is taken to do that does not say: what every client needs, and nothing else. */
export const plainConfig: JsonObject = {
  patch: { supported: true },
  filter: { supported: true, maxResults: likelyMaxResults },
  changePassword: { supported: false },
  sort: { supported: false },
  etag: { supported: false },
};

const printAttribute = (attribute: Attribute): JsonObject => {
  const { sub, canonicalValues, referenceTypes, ...rest } = attribute;
  return {
    name: rest.name,
    type: rest.type,
    ...(sub === undefined ? {} : { subAttributes: Object.values(sub).map(printAttribute) }),
    multiValued: rest.multiValued,
    required: rest.required,
    ...(canonicalValues === undefined ? {} : { canonicalValues }),
    caseExact: rest.caseExact,
    mutability: rest.mutability,
    returned: rest.returned,
    uniqueness: rest.uniqueness,
    ...(referenceTypes === undefined ? {} : { referenceTypes }),
  };
};

/** A Schema document without `meta`. The attributes of every resource stand in none (§3.1, §8.7.1). */
const printSchema = (schema: Schema): JsonObject => ({
  schemas: [schemaUrn],
  id: schema.id,
  name: schema.name,
  description: schema.name,
  attributes: Object.values(schema.attributes)
    .filter(({ name }) => !commonAttributes.has(name.toLowerCase()))
    .map(printAttribute),
});

const printType = (type: ResourceType): JsonObject => ({
  schemas: [typeUrn],
  id: type.name,
  name: type.name,
  endpoint: `/${type.endpoint}`,
  description: type.name,
  schema: type.schema.id,
  schemaExtensions: Object.values(type.extensions).map(({ id }) => ({
    schema: id,
    required: false,
  })),
});

/** Types whose schema somebody told us; of others there is nothing to say. */
const describedTypes = (types: TypesByEndpoint): readonly ResourceType[] =>
  Object.values(types).filter(({ schema }) => schema.id !== '');

/** Schemas of the route's types by lower-cased URN, each once. */
const schemasOf = (types: TypesByEndpoint): ReadonlyMap<string, Schema> =>
  new Map(
    describedTypes(types)
      .flatMap(({ schema, extensions }) => [schema, ...Object.values(extensions)])
      .map((schema) => [schema.id.toLowerCase(), schema]),
  );

/** ResourceType documents of the route, without `meta`. */
export const typeDocuments = (types: TypesByEndpoint): readonly JsonObject[] =>
  describedTypes(types).map(printType);

/** Schema documents of the route, without `meta`. */
export const schemaDocuments = (types: TypesByEndpoint): readonly JsonObject[] =>
  [...schemasOf(types).values()].map(printSchema);

/** Does the route serve what this schema describes, as far as anybody can tell? */
export const isServedSchema = (types: TypesByEndpoint, id: string): boolean => {
  const lower = id.toLowerCase();
  // An unknown type may be of any schema, and the schemas of discovery itself belong to all.
  const all = Object.values(types);
  return (
    !lower.startsWith(coreOfResources) ||
    discoverySchemas.has(lower) ||
    all.some(({ schema }) => schema.id === '') ||
    schemasOf(types).has(lower)
  );
};

const coreOfResources = 'urn:ietf:params:scim:schemas:core:2.0:';
const discoverySchemas: ReadonlySet<string> = new Set(
  [schemaUrn, typeUrn, `${coreOfResources}ServiceProviderConfig`].map((urn) => urn.toLowerCase()),
);

/**
 * One attribute as it is judged here: its type, and what is stricter of both sides. Group.displayName
 * is required (EID 5368) and a password is never returned, whatever a target publishes.
 */
const correctAttribute = (document: Json, known: Attributes): Json => {
  if (!isObject(document) || typeof document['name'] !== 'string') return document;
  const lower = document['name'].toLowerCase();
  const ours = Object.hasOwn(known, lower) ? known[lower] : undefined;
  if (ours === undefined) return document;
  const { subAttributes, ...stated } = document;
  const subs =
    ours.sub !== undefined && isArray(subAttributes)
      ? { subAttributes: correctAll(subAttributes, ours.sub) }
      : {};
  return {
    ...stated,
    name: ours.name,
    type: ours.type,
    ...subs,
    multiValued: ours.multiValued,
    required: ours.required || stated['required'] === true,
    mutability:
      ours.mutability === 'readWrite' && typeof stated['mutability'] === 'string'
        ? stated['mutability']
        : ours.mutability,
    returned:
      ours.returned === 'never' || typeof stated['returned'] !== 'string'
        ? ours.returned
        : stated['returned'],
  };
};

type Attributes = Readonly<Record<string, Attribute>>;

const correctAll = (documents: readonly Json[], known: Attributes): readonly Json[] =>
  documents.map((each) => correctAttribute(each, known));

/** A target's Schema document, corrected where the route knows better. */
export const correctSchema = (types: TypesByEndpoint, document: JsonObject): JsonObject => {
  const { id, attributes } = document;
  const known = typeof id === 'string' ? schemasOf(types).get(id.toLowerCase()) : undefined;
  return known === undefined || !isArray(attributes)
    ? document
    : { ...document, attributes: correctAll(attributes, known.attributes) };
};
