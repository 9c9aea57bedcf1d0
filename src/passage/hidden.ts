/**
 * Attributes whose current value cannot be known: what a target never shows (a password), and what
 * it shows only when asked (RFC 7643 §2.4). Nothing may be concluded from their absence, and a value
 * that a target shows against the rules is neither kept nor sent back. Pure.
 */
import { isObject, type Json } from '../identity/json-value.ts';
import type { Path, Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { lookUp } from '../identity/scim/schemas.ts';

const definitionOf = (type: ResourceType, { schema, attribute }: Path) =>
  lookUp(type, schema === undefined ? { attribute } : { schema, attribute });

const isSecret = (type: ResourceType, path: Path): boolean => {
  const found = definitionOf(type, path);
  return found?.returned === 'never' || found?.mutability === 'writeOnly';
};

/** Does a plain read leave open what stands at this path? */
export const isUnseen = (type: ResourceType, path: Path): boolean =>
  isSecret(type, path) || definitionOf(type, path)?.returned === 'request';

const without = (
  type: ResourceType,
  members: Readonly<Record<string, Json | undefined>>,
  schema: string | undefined,
): Resource => {
  const out = Object.create(null) as Record<string, Json | undefined>;
  for (const [name, value] of Object.entries(members)) {
    const path = schema === undefined ? { attribute: name } : { schema, attribute: name };
    if (schema === undefined && name.includes(':') && isObject(value)) {
      out[name] = without(type, value, name) as Json;
    } else if (!isSecret(type, path)) out[name] = value;
  }
  return out;
};

/** A resource as read from a target, without what no target may show. */
export const withoutSecrets = (resource: Resource, type: ResourceType): Resource =>
  without(type, resource, undefined);
