/**
 * Requests for the differential campaign: what clients may write, down to the spelling of numbers and
 * names, and beside it changes so plain that every PATCH engine must make the same of them.
 */
import * as fc from 'fast-check';
import type { Json, JsonObject } from '../../src/identity/json-value.ts';
import { printFilter } from '../../src/identity/scim/filter.ts';
import { printPath } from '../../src/identity/scim/path.ts';
import type { Change, Filter, Resource } from '../../src/identity/scim/schema-model.ts';
import { canonicalUser, userChange } from '../identity/scim/resource-arbitraries.ts';
import { groupSchema, patchSchema, userSchema } from '../support/scim-calls.ts';

/** One request, and the resource it meets. */
export type Drawn = Readonly<{
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Raw path below the route. */
  path: string;
  /** Raw query without `?`. */
  query: string;
  /** Text as sent. */
  body: string | null;
  before: Resource | null;
  /** Every PATCH engine must agree about it. */
  plain: boolean;
}>;

/** Stands in a value for a number that is written as it is. */
const numberMark = '\u{F8FF}';
/** Numbers as people and machines write them; some no two readers read alike. */
const numbers = (
  '0 -0 -0.0 1.0 100 1e2 1E+2 1e-7 0.1 1E400 -1E400 5e-324 9007199254740991 9007199254740992 ' +
  '9007199254740993 123456789012345678901234567890 1.7976931348623157e308 0.30000000000000004 ' +
  '1e21 2.5e-10'
).split(' ');
const number = fc.constantFrom(...numbers).map((text) => numberMark + text);
const word = fc.oneof(
  fc.constantFrom('', 'a', 'Zoë', '😀', '\u2028\u2029', '"', '\\', '\\u0041', '/', '%00', '&=+#?'),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
const names = ['level', 'Level', '__proto__', 'constructor', 'toString', 'a.b', 'é', '$ref'];
const free: fc.Arbitrary<Json> = fc.oneof(
  word,
  number,
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.oneof(word, number), { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('x', 'X', 'y', '__proto__', 'valueOf'), fc.oneof(word, number), {
    maxKeys: 3,
    noNullPrototype: false,
  }),
);

/** Members by name; `__proto__` becomes an own one. */
const members = (entries: readonly (readonly [string, Json])[]): JsonObject => {
  const out = Object.create(null) as Record<string, Json>;
  for (const [name, value] of entries) out[name] = value;
  return out;
};
const extension = fc
  .array(fc.tuple(fc.constantFrom(...names), free), { maxLength: 2 })
  .map(members);

/** JSON text with numbers as they were drawn; now and then half a character or a name twice. */
const written = (value: Json, spoil: number): string => {
  const text = JSON.stringify(value).replaceAll(
    new RegExp(`"${numberMark}([^"]*)"`, 'gu'),
    (_all, digits: string) => digits,
  );
  if (spoil === 0) return text.replace('"a"', String.raw`"\ud800"`);
  if (spoil === 1) return text.replace('{', '{"userName":"b",');
  return text;
};

const spoil = fc.integer({ min: 0, max: 40 });
const id = fc.oneof(fc.constantFrom('2819c223', 'a@b', 'ü', "it's", 'a b', '(1)*!'), fc.uuid());

const wholes = fc
  .record({
    user: canonicalUser,
    userName: word,
    title: word,
    extension,
    method: fc.constantFrom('POST' as const, 'PUT' as const),
    id,
    before: canonicalUser,
    spoil,
  })
  .map((drawn): Drawn => {
    const urn = 'urn:example:params:scim:schemas:extension:free:2.0:User';
    const { user, userName, title, method, before } = drawn;
    const resource = { ...user, userName, title, [urn]: drawn.extension };
    const body = written({ ...resource, schemas: [userSchema, urn] }, drawn.spoil);
    const path = method === 'POST' ? '/Users' : `/Users/${encodeURIComponent(drawn.id)}`;
    return {
      method,
      path,
      query: '',
      body,
      before: method === 'PUT' ? before : null,
      plain: false,
    };
  });

const operation = (change: Change, op: string): JsonObject => ({
  op,
  path: printPath(change.path),
  ...(change.op === 'remove' ? {} : { value: change.value }),
});
const patchText = (operations: readonly Json[], spoiled = 9): string =>
  written({ schemas: [patchSchema], Operations: operations }, spoiled);

const spelledOp = (op: string, capital: boolean): string =>
  capital ? op.charAt(0).toUpperCase() + op.slice(1) : op;

const patches = fc
  .record({
    changes: fc.array(fc.tuple(userChange, fc.boolean()), { minLength: 1, maxLength: 4 }),
    before: canonicalUser,
    more: fc.option(free),
    id,
    spoil,
  })
  .map(({ changes, before, more, id: of, spoil: spoiled }): Drawn => {
    const path = 'urn:example:params:scim:schemas:extension:free:2.0:User:level';
    const operations: Json[] = changes.map(([change, capital]) =>
      operation(change, spelledOp(change.op, capital)),
    );
    if (more !== null) operations.push({ op: 'replace', path, value: more });
    const body = patchText(operations, spoiled);
    const at = `/Users/${encodeURIComponent(of)}`;
    return { method: 'PATCH', path: at, query: '', body, before, plain: false };
  });

const low = fc.constantFrom('a', 'b', 'c', 'ab', 'x y', 'z@example.com');
const compare = (
  attribute: string,
  sub: string | undefined,
  value: fc.Arbitrary<string | boolean | number | null>,
  operators: readonly ('eq' | 'ne' | 'co' | 'sw' | 'ew')[],
): fc.Arbitrary<Filter> =>
  fc.record(
    {
      kind: fc.constant('compare' as const),
      path: fc.constant(sub === undefined ? { attribute } : { attribute, sub }),
      operator: fc.constantFrom(...operators),
      value,
    },
    { noNullPrototype: true },
  );
const textual = ['eq', 'ne', 'co', 'sw', 'ew'] as const;
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const leaf: fc.Arbitrary<Filter> = fc.oneof(
  compare('userName', undefined, low, textual),
  compare('name', 'givenName', fc.oneof(low, word), textual),
  compare('active', undefined, fc.boolean(), ['eq']),
  compare('title', undefined, fc.constant(null), ['eq', 'ne']),
  fc.constant<Filter>({ kind: 'present', path: { attribute: 'title' } }),
  fc.constant<Filter>({ kind: 'present', path: { schema: enterprise, attribute: 'department' } }),
  fc
    .tuple(compare('type', undefined, low, textual), compare('value', undefined, low, textual))
    .map(([left, right]): Filter => ({
      kind: 'values',
      path: { attribute: 'emails' },
      filter: { kind: 'and', terms: [left, right] },
    })),
);
const tree = (depth: number): fc.Arbitrary<Filter> => {
  if (depth === 0) return leaf;
  const inner = tree(depth - 1);
  const junction = fc
    .tuple(fc.constantFrom('and' as const, 'or' as const), inner, inner)
    .map(([kind, left, right]): Filter => ({ kind, terms: [left, right] }));
  return fc.oneof(
    leaf,
    junction,
    inner.map((term): Filter => ({ kind: 'not', term })),
  );
};

const searches = fc
  .record({
    filter: tree(2),
    sortBy: fc.option(fc.constantFrom('userName', 'name.givenName')),
    count: fc.nat(),
  })
  .map(({ filter, sortBy, count }): Drawn => {
    const sort = sortBy === null ? '' : `&sortBy=${sortBy}`;
    const query = `filter=${encodeURIComponent(printFilter(filter))}&count=${count}${sort}`;
    return { method: 'GET', path: '/Users', query, body: null, before: null, plain: false };
  });

const plainUser = fc
  .record({
    title: fc.option(low),
    givenName: low,
    active: fc.boolean(),
    types: fc.subarray(['work', 'home'], { minLength: 1 }),
  })
  .map(({ title, givenName, active, types }): Resource => ({
    schemas: [userSchema],
    userName: 'plain@example.com',
    ...(title === null ? {} : { title }),
    name: { givenName, familyName: 'family' },
    active,
    emails: types.map((type) => ({ type, value: `${type}@example.com` })),
  }));
const simple = (path: string, value: fc.Arbitrary<Json>): fc.Arbitrary<JsonObject> =>
  fc.record(
    { op: fc.constantFrom('add', 'replace'), path: fc.constant(path), value },
    { noNullPrototype: true },
  );
const plainChange = fc.oneof(
  simple('title', low),
  simple('displayName', low),
  simple('active', fc.boolean()),
  simple('name.givenName', low),
  simple('emails[type eq "work"].value', fc.constantFrom('new@example.com', 'work@example.com')),
  simple('emails[type eq "other"].value', fc.constantFrom('other@example.com')),
  fc.constant<JsonObject>({ op: 'remove', path: 'emails[type eq "home"]' }),
  fc.constant<JsonObject>({ op: 'remove', path: 'title' }),
  fc.constant<JsonObject>({ op: 'remove', path: 'name.familyName' }),
);
const plainPatches = fc
  .tuple(plainUser, fc.array(plainChange, { minLength: 1, maxLength: 3 }))
  .map(([before, operations]): Drawn => ({
    method: 'PATCH',
    path: '/Users/1',
    query: '',
    body: patchText(operations),
    before,
    plain: true,
  }));

const member = fc.constantFrom('u1', 'u2', 'u3', 'u4');
const memberChange = fc.oneof(
  fc.constant<JsonObject>({ op: 'Add', path: 'members', value: [{ value: 'new' }] }),
  member.map((value): JsonObject => ({ op: 'Remove', path: 'members', value: [{ value }] })),
  member.map((value): JsonObject => ({ op: 'remove', path: `members[value eq "${value}"]` })),
  simple('displayName', low),
);
/** A member that is there already is added twice by both engines (reference §4.2), so none is. */
const onceNew = (operations: readonly JsonObject[]): readonly JsonObject[] =>
  operations.map((each, index) =>
    each['op'] === 'Add'
      ? { ...each, value: [{ value: `new-${index}` }, { value: `more-${index}` }] }
      : each,
  );
const groupPatches = fc
  .tuple(fc.uniqueArray(member), fc.array(memberChange, { minLength: 1, maxLength: 3 }))
  .map(([all, operations]): Drawn => ({
    method: 'PATCH',
    path: '/Groups/1',
    query: '',
    body: patchText(onceNew(operations)),
    before: {
      schemas: [groupSchema],
      displayName: 'g',
      ...(all.length === 0 ? {} : { members: all.map((value) => ({ value })) }),
    },
    plain: true,
  }));

const requests = fc.oneof(wholes, patches, searches, plainPatches, groupPatches);

/** So many requests from a seed. */
export const drawRequests = (count: number, seed: number): readonly Drawn[] =>
  fc.sample(requests, { numRuns: count, seed });
