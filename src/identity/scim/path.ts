/**
 * PATCH paths (RFC 7644 §3.5.2): `attr`, `attr.sub`, `attr[filter]`, `attr[filter].sub`, each with or
 * without its schema's URN, in any letter case (C37). The split between name and filter is the first
 * bracket and never a colon or dot, so values may hold any of them.
 */
import { refuse, type Refusal } from '../../errors.ts';
import type { AttributeName } from '../operation.ts';
import { filterLengthMax, makeCursor, readValueFilter } from './filter-reader.ts';
import { printFilter } from './filter.ts';
import type { Path, ResourceType } from './schema-model.ts';
import { attributeName, lookUp, quoteName, resolveName, resolveSub } from './schemas.ts';

const malformed = (detail: string): Refusal => refuse('path_malformed', detail);

/**
 * Parses a path into canonical spelling, or refuses with `path_malformed` naming the attribute. A
 * filter only fits a multi-valued attribute. The URN of a whole extension is no path: it stands for
 * many (`resolveExtension` tells it).
 */
export const parsePath = (text: string, type: ResourceType): Path | Refusal => {
  if (text.length > filterLengthMax) {
    return malformed(`A path has at most ${filterLengthMax} characters.`);
  }
  const bracket = text.indexOf('[');
  const name = bracket < 0 ? text : text.slice(0, bracket);
  const path = resolveName(type, name);
  if (path === null) {
    return malformed(
      name === '' ? 'The path is empty.' : `There is no attribute ${quoteName(name)}.`,
    );
  }
  if (bracket < 0) return path;
  const attribute = lookUp(type, path);
  if (path.sub !== undefined || attribute?.multiValued === false) {
    return malformed(`${quoteName(name)} has no values that a filter could choose from.`);
  }
  const cursor = makeCursor(text, type, {});
  cursor.at = bracket + 1;
  const filter = readValueFilter(cursor, attribute);
  if (filter === null) return malformed(cursor.problem ?? 'The filter of the path is not valid.');
  const rest = text.slice(cursor.at);
  if (rest === '') return { ...path, filter };
  const sub = rest.startsWith('.') ? resolveSub(attribute, rest.slice(1)) : null;
  // Below a simple multi-valued attribute `value` names the element itself, which `attr[filter]` does.
  if (sub === null || (attribute !== null && attribute.sub === undefined)) {
    return malformed(`There is no attribute ${quoteName(name + rest)}.`);
  }
  return { ...path, filter, sub: sub.name };
};

/** Prints a path in canonical text. */
export const printPath = (path: Path): string => {
  if (path.filter === undefined) return pathName(path);
  const name = attributeName(
    path.schema === undefined
      ? { attribute: path.attribute }
      : { schema: path.schema, attribute: path.attribute },
  );
  const filtered = `${name}[${printFilter(path.filter)}]`;
  return path.sub === undefined ? filtered : `${filtered}.${path.sub}`;
};

/** Rule spelling of what a path touches, its filter left out: `emails.value`. */
export const pathName = (path: Path): AttributeName => attributeName(path);
