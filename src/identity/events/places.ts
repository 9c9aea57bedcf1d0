/**
 * Places in JSON as short texts, and values there as opaque texts. `data.id` names members,
 * `target[0]` an element, `target[type=User]` the first element with that member (or what is no list), `changes[].name` that
 * member of each element, `.` the whole.
 */
import { isArray, isObject, type Json } from '../json-value.ts';

type Step = (value: Json | undefined) => Json | undefined;

const member =
  (name: string): Step =>
  (value) =>
    isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;

const element =
  (index: number): Step =>
  (value) =>
    isArray(value) ? value[index] : undefined;

const elementWith =
  (name: string, wanted: string): Step =>
  (value) =>
    (isArray(value) ? value : [value]).find((one) => member(name)(one) === wanted);

const stepsOf = (segment: string): readonly Step[] => {
  const match = /^([^[\]]+)(?:\[(?:(\d{1,4})|([^=\]]+)=([^\]]*))\])?$/.exec(segment);
  if (match === null) return [member(segment)];
  const first = member(String(match[1]));
  if (match[2] !== undefined) return [first, element(Number(match[2]))];
  return match[3] === undefined ? [first] : [first, elementWith(match[3], String(match[4]))];
};

/** Compiles a place; what it gives is undefined where there is nothing. */
export const compilePlace = (place: string): Step => {
  if (place === '.') return (value) => value;
  const each = place.indexOf('[].');
  if (each >= 0) {
    const [list, rest] = [compilePlace(place.slice(0, each)), compilePlace(place.slice(each + 3))];
    return (value) => {
      const items = list(value);
      return isArray(items) ? items.flatMap((item) => rest(item) ?? []) : undefined;
    };
  }
  const steps = place.split('.').flatMap(stepsOf);
  return (value) => {
    let at = value;
    for (const step of steps) {
      if (at === undefined) return undefined;
      at = step(at);
    }
    return at;
  };
};

/** Longest id, key or subject, characters. */
const textLengthMax = 512;

/**
 * A value as an opaque identifier: leading zeros, case and length stay. Null where it is none: no text
 * and no whole number, empty, longer than 512 characters, or with control or other unseen characters.
 */
export const opaque = (value: unknown): string | null => {
  const text =
    typeof value === 'string'
      ? value
      : typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))
        ? String(value)
        : '';
  if (text === '' || text.length > textLengthMax || text.trim() === '') return null;
  return /[\p{C}\p{Zl}\p{Zp}]/u.test(text) ? null : text;
};
