/**
 * Values, names and filters of the campaigns' own SCIM server (scim-store.ts). Nothing of src/ on
 * purpose: a mistake there must not be repeated here.
 */

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };
export type Resource = Record<string, Json>;
/** The server refuses a request: what it answers. */
export class Refused extends Error {
  readonly status: number;
  readonly scimType: string;

  constructor(status: number, scimType: string) {
    super(scimType);
    this.status = status;
    this.scimType = scimType;
  }
}

export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
export const isMap = (value: Json | undefined): value is { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A text, or '' where the value is none. */
export const plain = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

/** The name under which an object holds a member, whatever its letter case. */
export const spelling = (object: { readonly [name: string]: Json }, name: string): string =>
  Object.keys(object).find((key) => key.toLowerCase() === name.toLowerCase()) ?? name;

const coreUrn = /^urn:ietf:params:scim:schemas:core:2\.0:(?:user|group)$/i;
const numberless = new Set(['true', 'false', 'null']);

type Test = (item: Json) => boolean;

/** `attr op value`, and, or, not, brackets: recursive descent over tokens. */
export const readFilter = (text: string): Test => {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[()[\]]|[^\s()[\]"]+/g) ?? [];
  let at = 0;
  const word = (): string => (tokens[at] ?? '').toLowerCase();
  const either = (): Test => {
    let left = both();
    while (word() === 'or') {
      at += 1;
      const [one, other] = [left, both()];
      left = (item) => one(item) || other(item);
    }
    return left;
  };
  const both = (): Test => {
    let left = term();
    while (word() === 'and') {
      at += 1;
      const [one, other] = [left, term()];
      left = (item) => one(item) && other(item);
    }
    return left;
  };
  const bracketed = (close: string): Test => {
    at += 1;
    const inner = either();
    if (tokens[at] !== close) throw new Refused(400, 'invalidFilter');
    at += 1;
    return inner;
  };
  const term = (): Test => {
    if (word() === 'not') {
      at += 1;
      const inner = bracketed(')');
      return (item) => !inner(item);
    }
    if (word() === '(') return bracketed(')');
    const name = tokens[at] ?? '';
    at += 1;
    if (tokens[at] === '[') {
      const inner = bracketed(']');
      return (item) => elementsAt(item, name).some(inner);
    }
    return compare(name);
  };
  const compare = (name: string): Test => {
    const operator = word();
    at += 1;
    if (operator === 'pr') return (item) => elementsAt(item, name).length > 0;
    const raw = tokens[at] ?? '';
    at += 1;
    const quotedOrBare = raw.startsWith('"') || numberless.has(raw) || /^-?[0-9]/.test(raw);
    const judge = comparisons.get(operator);
    if (!quotedOrBare || judge === undefined) throw new Refused(400, 'invalidFilter');
    const wanted = JSON.parse(raw) as Json;
    return (item) => {
      const found = elementsAt(item, name);
      if (operator === 'ne') return !found.some((value) => comparisons.get('eq')?.(value, wanted));
      return found.some((value) => judge(value, wanted));
    };
  };
  const test = either();
  if (at !== tokens.length) throw new Refused(400, 'invalidFilter');
  return test;
};

export const fold = (value: Json): Json =>
  typeof value === 'string' ? value.toLowerCase() : value;
const texts =
  (judge: (found: string, wanted: string) => boolean) =>
  (found: Json, wanted: Json): boolean =>
    typeof found === 'string' &&
    typeof wanted === 'string' &&
    judge(found.toLowerCase(), wanted.toLowerCase());
const comparisons: ReadonlyMap<string, (found: Json, wanted: Json) => boolean> = new Map([
  ['eq', (found: Json, wanted: Json) => fold(found) === fold(wanted)],
  ['ne', (found: Json, wanted: Json) => fold(found) !== fold(wanted)],
  ['co', texts((found, wanted) => found.includes(wanted))],
  ['sw', texts((found, wanted) => found.startsWith(wanted))],
  ['ew', texts((found, wanted) => found.endsWith(wanted))],
  ['gt', texts((found, wanted) => found > wanted)],
  ['ge', texts((found, wanted) => found >= wanted)],
  ['lt', texts((found, wanted) => found < wanted)],
  ['le', texts((found, wanted) => found <= wanted)],
]);

export type Place = Readonly<{
  schema: string | null;
  attribute: string;
  filter: string | null;
  sub: string | null;
}>;

/** `urn:…:User:emails[type eq "x"].value`: the last colon outside of brackets ends the URN. */
export const readPlace = (path: string): Place => {
  const open = path.indexOf('[');
  const close = path.lastIndexOf(']');
  const head = open < 0 ? path : path.slice(0, open);
  const tail = open < 0 ? '' : path.slice(close + 1);
  const colon = head.toLowerCase().startsWith('urn:') ? head.lastIndexOf(':') : -1;
  const urn = colon < 0 ? null : head.slice(0, colon);
  const [attribute = '', inHead] = head.slice(colon + 1).split('.', 2);
  const core = urn !== null && coreUrn.test(urn);
  return {
    schema: core ? null : urn,
    attribute,
    filter: open < 0 ? null : path.slice(open + 1, close),
    sub: open < 0 ? (inHead ?? null) : tail.startsWith('.') ? tail.slice(1) : null,
  };
};

/** Values that a dotted name reaches, lists opened. */
const elementsAt = (item: Json, path: string): readonly Json[] => {
  if (!isMap(item)) return path.toLowerCase() === 'value' ? [item] : [];
  const { schema, attribute, sub } = readPlace(path);
  const outer = schema === null ? item : item[spelling(item, schema)];
  if (!isMap(outer)) return [];
  const value = outer[spelling(outer, attribute)];
  const list = value === undefined || value === null ? [] : isList(value) ? value : [value];
  return sub === null ? list : list.flatMap((element) => elementsAt(element, sub));
};
