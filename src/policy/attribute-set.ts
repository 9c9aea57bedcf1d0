/**
 * Sets of attribute names, compiled from the lists of the route file. A name stands for itself and
 * all below it (`name` for `name.givenName`, a URN for its extension); letter case never matters.
 * A container of which only parts are inside is not covered: ask for the parts.
 */
import type { AttributeName } from '../identity/operation.ts';
import type { AttributeSet } from './decision.ts';

/** Covers every attribute. */
export const everything: AttributeSet = Object.freeze({ covers: () => true });

/** What `attributeSet` compiles; all names in rule spelling. */
export type AttributeSetParts = Readonly<{
  /** Names inside; null = every name. */
  included: readonly AttributeName[] | null;
  /** Names taken out again; they win. */
  excluded: readonly AttributeName[];
  /** URNs that are whole schemas, so that their last part is not mistaken for an attribute. */
  schemas: readonly string[];
}>;

const noNames: ReadonlySet<string> = new Set();

/** Compiles one set. Answering costs one lower-casing and a few hash look-ups. */
export const attributeSet = (parts: AttributeSetParts): AttributeSet => {
  if (parts.included === null && parts.excluded.length === 0) return everything;
  const schemas = lowered(parts.schemas);
  const included = parts.included === null ? null : lowered(parts.included);
  const excluded = parts.excluded.length === 0 ? noNames : lowered(parts.excluded);
  const splitByExclusion = new Set<string>();
  for (const name of excluded) {
    for (let up = above(name, schemas); up !== null; up = above(up, schemas))
      splitByExclusion.add(up);
  }
  return Object.freeze({
    covers: (attribute: AttributeName): boolean => {
      const name = attribute.toLowerCase();
      if (included !== null && !holds(included, name, schemas)) return false;
      return (
        excluded.size === 0 || (!splitByExclusion.has(name) && !holds(excluded, name, schemas))
      );
    },
  });
};

/** Covers what any of the sets covers; no set covers nothing. */
export const unionOf = (sets: readonly AttributeSet[]): AttributeSet => {
  const distinct = [...new Set(sets)];
  if (distinct.length === 1) return distinct[0] as AttributeSet;
  if (distinct.includes(everything)) return everything;
  return { covers: (attribute) => distinct.some((set) => set.covers(attribute)) };
};

const lowered = (names: readonly string[]): ReadonlySet<string> =>
  new Set(names.map((name) => name.toLowerCase()));

const holds = (names: ReadonlySet<string>, name: string, schemas: ReadonlySet<string>): boolean => {
  for (let at: string | null = name; at !== null; at = above(at, schemas)) {
    if (names.has(at)) return true;
  }
  return false;
};

/** The attribute of a sub-attribute, the schema of an extension's attribute, else null. */
const above = (name: string, schemas: ReadonlySet<string>): string | null => {
  if (schemas.has(name)) return null;
  const colon = name.startsWith('urn:') ? name.lastIndexOf(':') : -1;
  // The version inside a URN has a dot too (`…:2.0:User`), so only the part after it is looked at.
  const dot = name.indexOf('.', colon + 1);
  if (dot > 0) return name.slice(0, dot);
  return colon > 0 ? name.slice(0, colon) : null;
};
