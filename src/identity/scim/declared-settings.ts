/**
 * The form of a schemas file: what a target publishes at /ResourceTypes and /Schemas (RFC 7643 §6,
 * §7), pinned for review. Bounded, and strict about what could be read in two ways; what it may
 * change of a type is declared-types.ts.
 */
import { z } from 'zod';

/** Most schemas and resource types of one file, attributes of one schema, and values of one list. */
const schemasMax = 64;
const attributesMax = 1_000;
const valuesMax = 500;

const attributeName = z
  .string()
  .regex(/^[A-Za-z$][-_A-Za-z0-9$]{0,127}$/, 'write an attribute name (RFC 7643 §2.1)');

const schemaUrn = z
  .string()
  .max(300)
  .regex(
    /^urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:[A-Za-z0-9._:/-]*[A-Za-z0-9_/-]$/i,
    'write a URN such as urn:example:params:scim:schemas:extension:2.0:User',
  );

const simpleTypes = [
  'string',
  'boolean',
  'decimal',
  'integer',
  'dateTime',
  'reference',
  'binary',
] as const;

const characteristics = {
  name: attributeName,
  multiValued: z.boolean().default(false),
  description: z.string().max(2_000).optional(),
  required: z.boolean().default(false),
  canonicalValues: z.array(z.string().max(300)).max(valuesMax).optional(),
  caseExact: z.boolean().default(false),
  mutability: z.enum(['readOnly', 'readWrite', 'immutable', 'writeOnly']).default('readWrite'),
  returned: z.enum(['always', 'never', 'default', 'request']).default('default'),
  uniqueness: z.enum(['none', 'server', 'global']).default('none'),
  referenceTypes: z.array(z.string().max(300)).max(valuesMax).optional(),
} as const;

type Named = Readonly<{ name: string }>;

/** Two names that differ by letter case are one name (RFC 7643 §2.1). */
const areDistinct = (names: readonly Named[]): boolean =>
  new Set(names.map(({ name }) => name.toLowerCase())).size === names.length;

const distinct = 'two attributes have one name';

/** There is no complex sub-attribute (EID 8415). */
const subAttribute = z.strictObject({
  ...characteristics,
  type: z.enum(simpleTypes).default('string'),
});

const attribute = z
  .strictObject({
    ...characteristics,
    type: z.enum([...simpleTypes, 'complex']).default('string'),
    subAttributes: z
      .array(subAttribute)
      .max(attributesMax)
      .refine(areDistinct, distinct)
      .optional(),
  })
  .refine(
    ({ type, subAttributes = [] }) => (type === 'complex') === subAttributes.length > 0,
    'a complex attribute has subAttributes, and no other has any',
  );

/** Can this attribute of a target stand in a schemas file? */
export const isDeclarable = (value: unknown): boolean => attribute.safeParse(value).success;

/** A schema as declared. */
export type SchemaSettings = z.output<typeof schemaSettings>;
export type AttributeSettings = z.output<typeof attribute>;

const schemaSettings = z.strictObject({
  id: schemaUrn,
  name: z.string().min(1).max(200).optional(),
  description: z.string().max(2_000).optional(),
  attributes: z.array(attribute).max(attributesMax).refine(areDistinct, distinct),
});

const resourceType = z.strictObject({
  name: z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/, 'write a name such as Device'),
  endpoint: z.string().regex(/^\/[A-Za-z][A-Za-z0-9]{0,62}$/, 'write an endpoint such as /Devices'),
  schema: schemaUrn,
  schemaExtensions: z
    .array(z.strictObject({ schema: schemaUrn, required: z.boolean().default(false) }))
    .max(schemasMax)
    .default([]),
});

const isBelow = (inner: string, outer: string): boolean => inner.startsWith(`${outer}:`);

/** A schemas file. Each schema stands once, and none below another: `urn:a:b` would be an attribute. */
export const schemasFile = z
  .strictObject({
    resourceTypes: z.array(resourceType).max(schemasMax).default([]),
    schemas: z.array(schemaSettings).max(schemasMax),
  })
  .superRefine(({ resourceTypes, schemas }, context) => {
    const ids = schemas.map(({ id }) => id.toLowerCase());
    for (const [index, id] of ids.entries()) {
      const path = ['schemas', index, 'id'];
      const tell = (message: string): void => context.addIssue({ code: 'custom', path, message });
      if (ids.indexOf(id) !== index) tell('this schema is written twice');
      if (ids.some((other) => isBelow(id, other))) tell('this id stands below another one');
    }
    const endpoints = resourceTypes.map(({ endpoint }) => endpoint.toLowerCase());
    for (const [index, endpoint] of endpoints.entries()) {
      if (endpoints.indexOf(endpoint) === index) continue;
      const path = ['resourceTypes', index, 'endpoint'];
      context.addIssue({ code: 'custom', path, message: 'this endpoint is written twice' });
    }
  });
export type SchemasFile = z.output<typeof schemasFile>;
