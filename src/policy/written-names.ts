/**
 * Which attributes a resource holds or a change writes, as names in rule spelling, and sets of names that
 * answer whether a change could touch them: a name, what lies below it, and what it lies in.
 */
import type { AttributeName } from '../identity/operation.ts';
import type { AttributePath, Change, Filter, Resource } from '../identity/scim/schema-model.ts';
import type { AttributeSet } from './decision.ts';
import { hasValue, isArray, isObject, own, pathOfName } from './values.ts';

/** The rule spelling of a path, its filter left out. */
export const nameOfPath = ({ schema, attribute, sub }: AttributePath): AttributeName => {
  const name = schema === undefined ? attribute : `${schema}:${attribute}`;
  return sub === undefined ? name : `${name}.${sub}`;
};

const envelope: ReadonlySet<string> = new Set(['schemas', 'id', 'meta']);

const namesBelow = (holder: Resource, schema: string | undefined): readonly AttributeName[] =>
  Object.keys(holder).flatMap((attribute): readonly AttributeName[] => {
    const value = own(holder, attribute);
    if (!hasValue(value)) return [];
    if (schema === undefined && attribute.includes(':') && isObject(value)) {
      return namesBelow(value, attribute);
    }
    if (schema === undefined && envelope.has(attribute)) return [];
    const top = schema === undefined ? { attribute } : { schema, attribute };
    const subs = new Set<string>();
    for (const each of isArray(value) ? value : [value]) {
      if (!isObject(each)) continue;
      for (const sub of Object.keys(each)) if (hasValue(own(each, sub))) subs.add(sub);
    }
    return [nameOfPath(top), ...[...subs].map((sub) => nameOfPath({ ...top, sub }))];
  });

/** Every attribute and sub-attribute that has a value, in rule spelling; not id, schemas and meta. */
export const namesIn = (resource: Resource): readonly AttributeName[] =>
  namesBelow(resource, undefined);

/** The same without what has parts: `name.givenName`, not `name`. */
export const leavesIn = (resource: Resource): readonly AttributeName[] => {
  const names = namesIn(resource);
  // Parts follow the attribute they are of.
  return names.filter((name, at) => names[at + 1]?.startsWith(`${name}.`) !== true);
};

/** A name and all it lies in: `name.givenName` and `name`; of an extension its attribute and its URN. */
const upwards = (name: AttributeName, schemas: ReadonlySet<string>): readonly string[] => {
  if (schemas.has(name)) return [name];
  const { schema, attribute, sub } = pathOfName(name);
  const top = nameOfPath(schema === undefined ? { attribute } : { schema, attribute });
  return [...(sub === undefined ? [] : [name]), top, ...(schema === undefined ? [] : [schema])];
};

/**
 * A set that covers whatever a change of could touch one of the names: the name itself, all below it, and
 * all it lies in. `schemas` are URNs that stand for themselves. Letter case never matters.
 */
export const touchSet = (
  names: readonly AttributeName[],
  schemas: readonly string[] = [],
): AttributeSet => {
  const urns = new Set(schemas.map((urn) => urn.toLowerCase()));
  const lowered = names.map((name) => name.toLowerCase());
  const exact = new Set(lowered);
  const containers = new Set(lowered.flatMap((name) => upwards(name, urns)));
  return Object.freeze({
    covers: (attribute: AttributeName): boolean => {
      const name = attribute.toLowerCase();
      return containers.has(name) || upwards(name, urns).some((each) => exact.has(each));
    },
  });
};

const isByValue = (filter: Filter): boolean =>
  filter.kind === 'compare'
    ? filter.path.attribute.toLowerCase() === 'value' && filter.operator === 'eq'
    : filter.kind === 'or' && filter.terms.every(isByValue);

/**
 * Can it not be told from the resource before and after what these changes do to the attributes? Several
 * values in turn, of which a target may keep any; or a removal of what a filter chooses by parts that the
 * target need not show.
 */
export const isUncertain = (changes: readonly Change[], attributes: AttributeSet): boolean => {
  const seen = new Set<string>();
  return changes.some(({ op, path }) => {
    if (path.filter !== undefined && (op !== 'remove' || isByValue(path.filter))) return false;
    const name = nameOfPath(path);
    if (!attributes.covers(name)) return false;
    if (path.filter !== undefined || seen.has(name.toLowerCase())) return true;
    seen.add(name.toLowerCase());
    return false;
  });
};
