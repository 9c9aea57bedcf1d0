/**
 * Sorting as RFC 7644 §3.4.2.3 has it, for targets that do not sort: by the attribute's type and
 * `caseExact`, a multi-valued attribute by its primary or else its first value, resources without a
 * value last in ascending order and first in descending. Stable. Pure.
 */
import { isArray, isObject } from '../json-value.ts';
import type { Json } from '../json-value.ts';
import type { AttributeName, Page } from '../operation.ts';
import { instantOf } from './instant.ts';
import type { Attribute, Resource, ResourceType } from './schema-model.ts';
import { lookUp, resolveName } from './schemas.ts';

type Key = string | number | null;

const keyOf = (value: Json | undefined, attribute: Attribute | null): Key => {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string') return null;
  if (attribute?.type === 'dateTime') {
    const instant = instantOf(value);
    return Number.isNaN(instant) ? null : instant;
  }
  return attribute?.caseExact === true ? value : value.toLowerCase();
};

const firstOf = (value: Json | undefined): Json | undefined => {
  if (!isArray(value)) return value;
  return value.find((item) => isObject(item) && item['primary'] === true) ?? value[0];
};

const keyReader = (type: ResourceType, name: AttributeName): ((resource: Resource) => Key) => {
  const path = resolveName(type, name);
  if (path === null) return () => null;
  const { schema, attribute, sub = 'value' } = path;
  const whole = lookUp(type, schema === undefined ? { attribute } : { schema, attribute });
  const definition = lookUp(type, { ...path, sub }) ?? whole;
  return (resource) => {
    const holder = schema === undefined ? resource : resource[schema];
    const value = isObject(holder) ? firstOf(holder[attribute]) : undefined;
    return keyOf(isObject(value) ? value[sub] : value, definition);
  };
};

const compareKeys = (left: Key, right: Key): number => {
  if (left === right) return 0;
  if (left === null) return 1;
  if (right === null) return -1;
  if (typeof left !== typeof right) return typeof left === 'number' ? -1 : 1;
  return left < right ? -1 : 1;
};

/** The resources in the order a search asks for; the same list where it asks for none. */
export const sortResources = (
  resources: readonly Resource[],
  type: ResourceType,
  { sortBy, sortOrder }: Page,
): readonly Resource[] => {
  if (sortBy === undefined) return resources;
  const read = keyReader(type, sortBy);
  const sign = sortOrder === 'descending' ? -1 : 1;
  return resources
    .map((resource) => ({ resource, key: read(resource) }))
    .sort((one, other) => sign * compareKeys(one.key, other.key))
    .map(({ resource }) => resource);
};
