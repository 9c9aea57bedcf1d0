/** Random canonical resources and changes for property tests of the changing engines. */
import * as fc from 'fast-check';
import type { Json, JsonObject } from '../../../src/identity/json-value.ts';
import { enterpriseUserSchema } from '../../../src/identity/scim/rfc-schemas.ts';
import type { Change, Filter, Path } from '../../../src/identity/scim/schema-model.ts';
import { groupType, userType } from '../../../src/identity/scim/schemas.ts';

const enterprise = enterpriseUserSchema.id;
const custom = 'urn:example:params:scim:schemas:extension:acme:2.0:User';

/** The value with arrays sorted and members in order: sets compare as sets, prototypes aside. */
export const withoutOrder = (value: Json | undefined): unknown => {
  if (Array.isArray(value)) {
    return value
      .map((element) => withoutOrder(element as Json))
      .toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1));
  }
  if (typeof value !== 'object' || value === null) return value;
  const members = value as JsonObject;
  return Object.fromEntries(
    Object.keys(members)
      .toSorted()
      .map((key) => [key, withoutOrder(members[key])]),
  );
};

const word = fc.constantFrom('a', 'A', 'b', 'c', 'É', 'ß', 'i', 'İ', '', '"', '\\', 'x y');
const id = fc.constantFrom('u1', 'U1', 'u2', 'u3', 'u4', 'u5');
const kind = fc.constantFrom('work', 'home', 'Work');

const partial = (shape: Record<string, fc.Arbitrary<Json>>): fc.Arbitrary<JsonObject> =>
  fc.record(shape, { requiredKeys: [] });

const filled = (arbitrary: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> =>
  arbitrary.filter((value) => Object.keys(value).length > 0);

/** At most one primary, as canonical form has it. */
const onePrimary = (elements: readonly JsonObject[]): JsonObject[] => {
  let seen = false;
  return elements.map((element) => {
    if (element['primary'] !== true) return element;
    const next = seen ? { ...element, primary: false } : element;
    seen = true;
    return next;
  });
};

const nameValue = filled(partial({ givenName: word, familyName: word, formatted: word }));
const email = filled(partial({ value: word, type: kind, display: word, primary: fc.boolean() }));
const address = filled(partial({ streetAddress: word, type: kind, primary: fc.boolean() }));
const emails = fc.array(email, { minLength: 1, maxLength: 5 }).map(onePrimary);
const addresses = fc.array(address, { minLength: 1, maxLength: 3 }).map(onePrimary);
const member = fc.record(
  { value: id, display: word, type: fc.constant('User') },
  { requiredKeys: ['value'] },
);
const members = fc.array(member, { minLength: 1, maxLength: 6 });
const manager = filled(partial({ value: id, $ref: word }));
const plain = fc.oneof(
  word,
  fc.boolean(),
  fc.integer(),
  fc.array(word, { minLength: 1, maxLength: 3 }),
  filled(partial({ constructor: word, toString: word, x: word })),
) as fc.Arbitrary<Json>;

const withSchemas = (core: string, resource: JsonObject): JsonObject => {
  const urns = Object.keys(resource).filter((name) => name.includes(':'));
  return { schemas: [core, ...urns], ...resource };
};

/** A canonical User. */
export const canonicalUser: fc.Arbitrary<JsonObject> = partial({
  userName: word,
  title: word,
  active: fc.boolean(),
  name: nameValue,
  emails,
  addresses,
  [enterprise]: filled(partial({ department: word, manager })),
  [custom]: filled(partial({ level: plain, constructor: plain })),
}).map((resource) => withSchemas(userType.schema.id, resource));

/** A canonical Group; members may repeat and differ by case alone. */
export const canonicalGroup: fc.Arbitrary<JsonObject> = partial({
  displayName: word,
  members,
}).map((resource) => withSchemas(groupType.schema.id, resource));

const by = (attribute: string, value: string | boolean): Filter => ({
  kind: 'compare',
  path: { attribute },
  operator: 'eq',
  value,
});

const filters: fc.Arbitrary<Filter> = fc.oneof(
  word.map((value) => by('value', value)),
  kind.map((value) => by('type', value)),
  fc.constant(by('primary', true)),
  fc.record({ type: kind, value: word }).map(({ type, value }): Filter => ({
    kind: 'and',
    terms: [by('type', type), by('value', value)],
  })),
  kind.map((value): Filter => ({ kind: 'not', term: by('type', value) })),
);

const writes = (path: fc.Arbitrary<Path>, value: fc.Arbitrary<Json>): fc.Arbitrary<Change> =>
  fc.oneof(
    fc.record({ op: fc.constantFrom('add' as const, 'replace' as const), path, value }),
    fc.record({ op: fc.constant('remove' as const), path }),
  );

const at = (path: Path): fc.Arbitrary<Path> => fc.constant(path);
const filtered = (attribute: string, sub?: string): fc.Arbitrary<Path> =>
  filters.map((filter) => (sub === undefined ? { attribute, filter } : { attribute, filter, sub }));

/** A canonical change of a User. */
export const userChange: fc.Arbitrary<Change> = fc.oneof(
  writes(at({ attribute: 'userName' }), word),
  writes(at({ attribute: 'active' }), fc.boolean()),
  writes(at({ attribute: 'name' }), nameValue),
  writes(at({ attribute: 'name', sub: 'givenName' }), word),
  writes(at({ attribute: 'emails' }), emails as fc.Arbitrary<Json>),
  writes(filtered('emails'), email),
  writes(filtered('emails', 'value'), word),
  writes(filtered('emails', 'primary'), fc.boolean()),
  writes(filtered('emails', 'display'), word),
  writes(at({ attribute: 'addresses' }), addresses as fc.Arbitrary<Json>),
  writes(at({ schema: enterprise, attribute: 'department' }), word),
  writes(at({ schema: enterprise, attribute: 'manager' }), manager),
  writes(at({ schema: enterprise, attribute: 'manager', sub: 'value' }), id),
  writes(at({ schema: custom, attribute: 'level' }), plain),
  writes(at({ schema: custom, attribute: 'constructor' }), plain),
  writes(at({ schema: custom, attribute: 'level', sub: 'toString' }), word),
);

/** A canonical change of a Group. */
export const groupChange: fc.Arbitrary<Change> = fc.oneof(
  writes(at({ attribute: 'displayName' }), word),
  writes(at({ attribute: 'members' }), members as fc.Arbitrary<Json>),
  writes(
    id.map((value): Path => ({ attribute: 'members', filter: by('value', value) })),
    member as fc.Arbitrary<Json>,
  ),
  writes(
    id.map((value): Path => ({ attribute: 'members', filter: by('value', value), sub: 'display' })),
    word,
  ),
);
