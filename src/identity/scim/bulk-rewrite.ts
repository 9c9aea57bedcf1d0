/**
 * Where a reference by bulkId may stand in a canonical operation, and what replaces it (RFC 7644
 * §3.7.2): the id in the path, the `value` of what refers to resources (members, manager, and objects
 * nobody gave a meaning), and a filter on it. The same text elsewhere is data and stays. Pure; for
 * bulk-references.ts.
 */
import { isArray, isObject, type Json, type JsonObject } from '../json-value.ts';
import type { Mutation } from '../operation.ts';
import { refersToResources } from './equality.ts';
import type {
  Attribute,
  AttributePath,
  Change,
  Filter,
  Path,
  Resource,
  ResourceType,
} from './schema-model.ts';
import { lookUp } from './schemas.ts';

/** Told of each reference; gives the id to write, or undefined to leave the element out. */
export type Visit = (bulkId: string, at: Attribute | null | 'path') => string | undefined;

const prefix = 'bulkid:';

/** The bulkId a text refers to, or null where it is no reference. */
const referenceIn = (text: Json | undefined): string | null =>
  typeof text === 'string' && text.slice(0, prefix.length).toLowerCase() === prefix
    ? text.slice(prefix.length)
    : null;

const referringLink = /(?:^|\/)bulkid:([^/]+)$/i;

/** The reference of an element: in its `value`, or in its `$ref` where it has no value. */
const referenceOf = ({ value, $ref: link }: JsonObject): string | null =>
  value === undefined && typeof link === 'string'
    ? (referringLink.exec(link)?.[1] ?? null)
    : referenceIn(value);

/** Of a resource that does not exist yet no link can be known; the target makes its own. */
const withoutLink = (value: JsonObject): JsonObject => {
  const { $ref: link, ...rest } = value;
  return typeof link === 'string' && link.toLowerCase().includes(prefix) ? rest : value;
};

const rewriteObject = (
  value: JsonObject,
  attribute: Attribute | null,
  visit: Visit,
): Json | undefined => {
  const refers = attribute === null || refersToResources(attribute);
  const bulkId = refers ? referenceOf(value) : null;
  if (bulkId !== null) {
    const id = visit(bulkId, attribute);
    return id === undefined ? undefined : { ...withoutLink(value), value: id };
  }
  if (attribute !== null) return value;
  let out: Record<string, Json | undefined> | null = null;
  for (const name of Object.keys(value)) {
    const rewritten = rewriteValue(value[name], null, visit);
    if (rewritten === value[name]) continue;
    out ??= { ...value };
    if (rewritten === undefined) delete out[name];
    else out[name] = rewritten;
  }
  return out ?? value;
};

/** One attribute's value with its references replaced; undefined where nothing is left of it. */
export const rewriteValue = (
  value: Json | undefined,
  attribute: Attribute | null,
  visit: Visit,
): Json | undefined => {
  if (isArray(value)) {
    const items = value.map((item) => rewriteValue(item, attribute, visit));
    if (items.every((item, index) => item === value[index])) return value;
    const left = items.filter((item) => item !== undefined);
    return left.length === 0 ? undefined : left;
  }
  return isObject(value) ? rewriteObject(value, attribute, visit) : value;
};

/** One attribute of a resource, extensions included. */
type Held = Readonly<{ path: AttributePath; value: Json }>;

/** Every attribute a resource holds, one by one. */
export const attributesOf = (resource: Resource): readonly Held[] =>
  Object.keys(resource).flatMap((name): Held[] => {
    const value = resource[name];
    if (value === undefined || name === 'schemas') return [];
    if (!name.includes(':') || !isObject(value)) return [{ path: { attribute: name }, value }];
    return Object.keys(value).flatMap((attribute): Held[] => {
      const inner = value[attribute];
      return inner === undefined ? [] : [{ path: { schema: name, attribute }, value: inner }];
    });
  });

/** A copy of `resource` with one attribute set, or taken out where the value is undefined. */
export const withAttribute = (
  resource: Resource,
  { schema, attribute }: AttributePath,
  value: Json | undefined,
): Resource => {
  const holder = schema === undefined ? resource : resource[schema];
  const members = { ...(isObject(holder) ? holder : {}) };
  if (value === undefined) delete members[attribute];
  else members[attribute] = value;
  if (schema === undefined) return members;
  if (Object.keys(members).length > 0) return { ...resource, [schema]: members };
  const { [schema]: _empty, ...rest } = resource;
  return rest;
};

const rewriteResource = (resource: Resource, type: ResourceType, visit: Visit): Resource => {
  let out = resource;
  for (const { path, value } of attributesOf(resource)) {
    const rewritten = rewriteValue(value, lookUp(type, path), visit);
    if (rewritten !== value) out = withAttribute(out, path, rewritten);
  }
  return out;
};

/** Inside a filter of a path, `value eq "bulkId:ann"` names a resource too. */
const rewriteFilter = (filter: Filter, attribute: Attribute | null, visit: Visit): Filter => {
  if (filter.kind === 'and' || filter.kind === 'or') {
    const terms = filter.terms.map((term) => rewriteFilter(term, attribute, visit));
    return { ...filter, terms };
  }
  if (filter.kind === 'not') {
    return { ...filter, term: rewriteFilter(filter.term, attribute, visit) };
  }
  if (filter.kind !== 'compare' || filter.path.attribute !== 'value') return filter;
  const bulkId = referenceIn(filter.value);
  return bulkId === null ? filter : { ...filter, value: visit(bulkId, attribute) ?? filter.value };
};

const attributeOf = (type: ResourceType, { schema, attribute }: Path): Attribute | null =>
  lookUp(type, schema === undefined ? { attribute } : { schema, attribute });

/** What one change becomes; null where nothing is left to change. */
const rewriteChange = (change: Change, type: ResourceType, visit: Visit): Change | null => {
  const attribute = attributeOf(type, change.path);
  const refers = attribute === null || refersToResources(attribute);
  const { filter, sub } = change.path;
  const path =
    filter === undefined || !refers
      ? change.path
      : { ...change.path, filter: rewriteFilter(filter, attribute, visit) };
  if (change.op === 'remove') return { ...change, path };
  if (sub === undefined) {
    const value = rewriteValue(change.value, attribute, visit);
    return value === undefined ? null : { ...change, path, value };
  }
  const bulkId = refers && sub === 'value' ? referenceIn(change.value) : null;
  if (bulkId === null) return { ...change, path };
  const value = visit(bulkId, attribute);
  return value === undefined ? null : { ...change, path, value };
};

/** The operation with every reference replaced by what `visit` gives for it. */
export const rewriteReferences = (operation: Mutation, visit: Visit): Mutation => {
  const { type } = operation;
  if (operation.verb === 'create') {
    return { ...operation, resource: rewriteResource(operation.resource, type, visit) };
  }
  const bulkId = referenceIn(operation.id);
  const id = bulkId === null ? operation.id : (visit(bulkId, 'path') ?? operation.id);
  if (operation.verb === 'delete') return { ...operation, id };
  if (operation.verb === 'replace') {
    return { ...operation, id, resource: rewriteResource(operation.resource, type, visit) };
  }
  const changes = operation.changes
    .map((change) => rewriteChange(change, type, visit))
    .filter((change) => change !== null);
  return { ...operation, id, changes };
};
