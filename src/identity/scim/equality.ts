/**
 * When two values of an attribute are the same: RFC 7643's types decide, not the spelling. Unassigned,
 * null, `[]`, `{}` and an absent value are one; sets have no order; elements that refer to resources
 * are compared by their `value` (C25). Pure and linear in the size of the values (but for sorting).
 */
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import { instantOf } from './instant.ts';
import type { Attribute } from './schema-model.ts';

/** Do elements of the attribute refer to resources by id (members, groups, manager)? */
export const refersToResources = (attribute: Attribute | null): boolean =>
  attribute?.sub?.['$ref'] !== undefined && attribute.sub['value'] !== undefined;

/** A string as `attribute` compares it; strings nobody gave a meaning are compared exactly. */
export const foldedString = (text: string, attribute: Attribute | null): string =>
  attribute === null || attribute.caseExact ? text : text.toLowerCase();

const stringText = (text: string, attribute: Attribute | null): string => {
  if (attribute?.type === 'dateTime') {
    const instant = instantOf(text);
    if (!Number.isNaN(instant)) return `t${instant}`;
  }
  const folded = foldedString(text, attribute);
  return `s${folded.length}:${folded}`;
};

const objectText = (value: JsonObject, attribute: Attribute | null): string => {
  const byValue = refersToResources(attribute) && Object.hasOwn(value, 'value');
  const keys = byValue ? ['value'] : Object.keys(value).toSorted();
  let text = '';
  for (const key of keys) {
    const member = value[key];
    // `primary: false` says no more than its absence (RFC 7643 §2.4).
    if (key === 'primary' && member === false) continue;
    const inner = foldedText(member, attribute?.sub?.[key.toLowerCase()] ?? null);
    if (inner !== '') text += `${stringText(key, null)}${inner}`;
  }
  return text === '' ? '' : `{${text}}`;
};

/** One text for all spellings of a value that are equal; `''` = unassigned. */
export const foldedText = (value: Json | undefined, attribute: Attribute | null): string => {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return stringText(value, attribute);
  if (typeof value !== 'object') return `n${value}`;
  if (!isArray(value)) return objectText(value, attribute);
  const texts = value
    .map((element) => foldedText(element, attribute))
    .filter((text) => text !== '');
  return texts.length === 0 ? '' : `[${[...new Set(texts)].toSorted().join(',')}]`;
};

/**
 * Are the values equal as values of `attribute` (null = nobody gave it a meaning)? For read-backs and
 * no-op checks: `userName` ignores case, ids do not, sets ignore order and repetition.
 */
export const equalValues = (
  left: Json | undefined,
  right: Json | undefined,
  attribute: Attribute | null,
): boolean => left === right || foldedText(left, attribute) === foldedText(right, attribute);

/** Are the values the same JSON, the order of object members aside? */
export const sameJson = (left: Json | undefined, right: Json | undefined): boolean => {
  if (left === right) return true;
  if (isArray(left)) {
    if (!isArray(right) || left.length !== right.length) return false;
    return left.every((element, at) => sameJson(element, right[at]));
  }
  if (!isObject(left) || !isObject(right)) return false;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && sameJson(left[key], right[key]));
};
