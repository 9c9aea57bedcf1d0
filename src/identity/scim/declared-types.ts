/**
 * Resource types with what a pinned schemas file says of them. Such a file never loosens: attributes
 * of RFC 7643 keep their meaning, though a target may make more of them read-only, required or never
 * returned; what it adds to User and Group must be named by a grant that writes it.
 */
import type { TypesByEndpoint } from './address.ts';
import type { AttributeSettings, SchemaSettings, SchemasFile } from './declared-settings.ts';
import type { Attribute, ResourceType, Schema } from './schema-model.ts';
import { commonAttributes } from './schemas.ts';

type Attributes = Readonly<Record<string, Attribute>>;
type Members = Record<string, Attribute>;

const newMembers = (from: Attributes = {}): Members =>
  Object.assign(Object.create(null) as Members, from);

const attributeOf = (settings: AttributeSettings, beyond: boolean): Attribute => {
  const { description: _text, subAttributes, canonicalValues, referenceTypes, ...rest } = settings;
  const sub = newMembers();
  for (const each of subAttributes ?? []) sub[each.name.toLowerCase()] = attributeOf(each, false);
  return Object.freeze({
    ...rest,
    ...(canonicalValues === undefined ? {} : { canonicalValues }),
    ...(referenceTypes === undefined ? {} : { referenceTypes }),
    ...(subAttributes === undefined ? {} : { sub: Object.freeze(sub) }),
    ...(beyond ? { beyond: true as const } : {}),
  });
};

/** A secret stays one: read-only, it would be taken for something that can be seen. */
const strictest = (
  known: Attribute['mutability'],
  stated: Attribute['mutability'],
): Attribute['mutability'] => {
  if (known === 'writeOnly' || stated === 'writeOnly' || stated === 'readWrite') return known;
  return known === 'readOnly' ? known : stated;
};

/** What is stricter of both; everything else stays as the RFC has it. */
const tightened = (known: Attribute, stated: AttributeSettings): Attribute => {
  const sub = newMembers(known.sub);
  for (const each of stated.subAttributes ?? []) {
    const name = each.name.toLowerCase();
    const below = Object.hasOwn(sub, name) ? sub[name] : undefined;
    if (below !== undefined) sub[name] = tightened(below, each);
  }
  return Object.freeze({
    ...known,
    required: known.required || stated.required,
    mutability: strictest(known.mutability, stated.mutability),
    returned: stated.returned === 'never' ? 'never' : known.returned,
    ...(known.sub === undefined ? {} : { sub: Object.freeze(sub) }),
  });
};

/** A schema of RFC 7643 with what a target says of it. */
const refined = (known: Schema, stated: SchemaSettings): Schema => {
  const attributes = newMembers(known.attributes);
  for (const each of stated.attributes) {
    const name = each.name.toLowerCase();
    if (commonAttributes.has(name)) continue;
    const ours = attributes[name];
    attributes[name] = ours === undefined ? attributeOf(each, true) : tightened(ours, each);
  }
  return Object.freeze({ ...known, attributes: Object.freeze(attributes) });
};

const schemaOf = (stated: SchemaSettings, base: Attributes, open: boolean): Schema => {
  const attributes = newMembers(base);
  for (const each of stated.attributes) {
    const name = each.name.toLowerCase();
    attributes[name] ??= attributeOf(each, false);
  }
  return Object.freeze({
    id: stated.id,
    name: stated.name ?? stated.id,
    attributes: Object.freeze(attributes),
    ...(open ? { open: true as const } : {}),
  });
};

/** Namespaces of core resources and messages: never those of an extension. */
const reserved = /^urn:(?:ietf:params:scim:(?:schemas:core|api):|scim:schemas:)/i;

type Stated = Readonly<{
  byId: ReadonlyMap<string, SchemaSettings>;
  byEndpoint: ReadonlyMap<string, SchemasFile['resourceTypes'][number]>;
}>;

const statedOf = ({ schemas, resourceTypes }: SchemasFile): Stated => ({
  byId: new Map(schemas.map((schema) => [schema.id.toLowerCase(), schema])),
  byEndpoint: new Map(resourceTypes.map((type) => [type.endpoint.slice(1).toLowerCase(), type])),
});

/** Extensions of a type: those it has, refined, and those that were declared for it. */
const extensionsOf = (type: ResourceType, stated: Stated): Readonly<Record<string, Schema>> => {
  const out = Object.assign(Object.create(null) as Record<string, Schema>, type.extensions);
  const declared = stated.byEndpoint.get(type.word)?.schemaExtensions ?? [];
  for (const { schema: urn } of declared) {
    const settings = stated.byId.get(urn.toLowerCase());
    const known = Object.hasOwn(out, urn.toLowerCase()) ? out[urn.toLowerCase()] : undefined;
    if (settings === undefined || known !== undefined || reserved.test(urn)) continue;
    out[urn.toLowerCase()] = schemaOf(settings, {}, type.open);
  }
  for (const [urn, known] of Object.entries(type.extensions)) {
    const settings = stated.byId.get(urn);
    if (settings !== undefined) out[urn] = refined(known, settings);
  }
  return Object.freeze(out);
};

const declaredType = (type: ResourceType, stated: Stated): ResourceType => {
  const extensions = extensionsOf(type, stated);
  if (type.schema.id !== '') {
    const settings = stated.byId.get(type.schema.id.toLowerCase());
    const schema = settings === undefined ? type.schema : refined(type.schema, settings);
    return Object.freeze({ ...type, schema, extensions });
  }
  const declared = stated.byEndpoint.get(type.word);
  const settings = declared && stated.byId.get(declared.schema.toLowerCase());
  if (declared === undefined || settings === undefined) return type;
  const schema = schemaOf(settings, type.schema.attributes, false);
  return Object.freeze({ ...type, name: declared.name, schema, extensions });
};

/**
 * The types of a route as their target's schemas file describes them. Types are those that the route
 * file names: a schemas file adds none. One whose endpoint it does not describe stays generic.
 */
export const declareTypes = (types: TypesByEndpoint, file: SchemasFile): TypesByEndpoint => {
  const stated = statedOf(file);
  const out = Object.create(null) as Record<string, ResourceType>;
  for (const [word, type] of Object.entries(types)) out[word] = declaredType(type, stated);
  return Object.freeze(out);
};

/** Problems of a file beside those of its form, each at its place. */
export const schemasProblems = (
  file: SchemasFile,
): readonly Readonly<{ path: readonly (string | number)[]; message: string }>[] => {
  const { byId } = statedOf(file);
  const missing = 'this file has no such schema';
  return file.resourceTypes.flatMap((type, index) => {
    const base = ['resourceTypes', index] as const;
    const known = wellKnown.has(type.endpoint.toLowerCase());
    const own =
      known || byId.has(type.schema.toLowerCase())
        ? []
        : [{ path: [...base, 'schema'], message: missing }];
    const below = type.schemaExtensions.flatMap(({ schema }, at) => {
      const path = [...base, 'schemaExtensions', at, 'schema'];
      if (reserved.test(schema)) return [{ path, message: 'a core schema extends nothing' }];
      return byId.has(schema.toLowerCase()) || enterprise.test(schema)
        ? []
        : [{ path, message: missing }];
    });
    return [...own, ...below];
  });
};

const wellKnown: ReadonlySet<string> = new Set(['/users', '/groups']);
const enterprise = /^urn:ietf:params:scim:schemas:extension:enterprise:2\.0:User$/i;
