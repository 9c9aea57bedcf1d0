/** What a target takes of a mutation that was decided: rows T3, T9, T12, T16, T17, T20. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import type { Knobs } from '../../../src/identity/dialects/knobs.ts';
import { adaptWriting, type Writing } from '../../../src/identity/scim/adapt-writes.ts';
import type { Change } from '../../../src/identity/scim/schema-model.ts';
import { creating, knobsWith, patching, replacing, set, user, userType } from './plan-fixture.ts';
import { accepted, enterpriseUrn, plain } from './scim-fixture.ts';

const adapted = (writing: Writing, over: Partial<Knobs>): Writing =>
  accepted(adaptWriting(writing, knobsWith(over)));
const refused = (writing: Writing, over: Partial<Knobs>) => {
  const result = adaptWriting(writing, knobsWith(over));
  assert.ok(isRefusal(result), 'expected a refusal');
  return result;
};
const rows = ({ operation }: Writing): readonly string[] =>
  operation.repairs.map(({ row, path }) => `${row} ${path}`);

const emails = [
  { value: 'a@x.org', type: 'work' },
  { value: 'b@x.org', type: 'home', primary: true },
];

test('T3 a create keeps the primary of several values, else the first', () => {
  const phoneNumbers = [{ value: '1' }, { value: '2' }];
  const done = adapted(creating(userType, user({ emails, phoneNumbers })), {
    single: { users: ['emails', 'phoneNumbers'] },
  });
  assert.deepEqual(plain(done.resource), {
    userName: 'ann',
    emails: [emails[1]],
    phoneNumbers: [{ value: '1' }],
  });
  assert.deepEqual(rows(done), ['T3 emails', 'T3 phoneNumbers']);
  assert.deepEqual(done.after, done.resource);
});

test('T3 an added value replaces the one there only where it is the primary', () => {
  const over = { single: { users: ['emails'] } };
  const before = user({ emails: emails.slice(0, 1) });
  const add = (value: object): Change => ({
    op: 'add',
    path: { attribute: 'emails' },
    value: [value as never],
  });
  const moved = adapted(patching(userType, before, add(emails[1] as object)), over);
  assert.deepEqual(plain(moved.changes), [
    { op: 'replace', path: { attribute: 'emails' }, value: [emails[1]] },
  ]);
  const kept = adapted(patching(userType, before, add({ value: 'c@x.org' })), over);
  assert.deepEqual([kept.changes, rows(kept)], [[], ['T3 emails']]);
});

test('T3 T20 what a target does not take is left out and told', () => {
  const over = { unsupported: { users: ['ims', 'name.middleName', enterpriseUrn] } };
  const resource = user({
    ims: [{ value: 'x' }],
    name: { givenName: 'A', middleName: 'B' },
    [enterpriseUrn]: { department: 'D' },
  });
  const made = adapted(creating(userType, resource), over);
  assert.deepEqual(plain(made.resource), { userName: 'ann', name: { givenName: 'A' } });
  assert.deepEqual(rows(made), ['T3 ims', 'T3 name.middleName', `T3 ${enterpriseUrn}:department`]);
  const changed = adapted(
    replacing(userType, user(), set('title', 't'), set('ims', [{ value: 'x' }])),
    over,
  );
  assert.deepEqual(plain(changed.resource), { userName: 'ann', title: 't' });
});

test('T9 parts of elements are left out, the elements stay', () => {
  const addresses = [{ type: 'work', country: 'DE' }, { type: 'home' }];
  const made = adapted(creating(userType, user({ addresses })), {
    unsupported: { users: ['addresses.type'] },
  });
  assert.deepEqual(plain(made.resource), { userName: 'ann', addresses: [{ country: 'DE' }] });
});

test('a change of which nothing is left is refused with the names', () => {
  const refusal = refused(patching(userType, user(), set('ims', [{ value: 'x' }])), {
    unsupported: { users: ['ims'] },
  });
  assert.equal(refusal.refused, 'value_invalid');
  assert.match(refusal.detail, /does not take ims/);
});

test('T12 what never changes is refused, unless it says the same', () => {
  const over = { immutable: { users: ['userName'] } };
  const refusal = refused(patching(userType, user(), set('userName', 'bob')), over);
  assert.deepEqual([refusal.refused, refusal.scimType], ['value_invalid', 'mutability']);
  assert.match(refusal.detail, /never changes userName/);
  const same = adapted(patching(userType, user(), set('userName', 'ANN'), set('title', 't')), over);
  assert.deepEqual(plain(same.changes), [
    { op: 'replace', path: { attribute: 'title' }, value: 't' },
  ]);
  assert.ok(
    isRefusal(adaptWriting(patching(userType, null, set('userName', 'x')), knobsWith(over))),
  );
  const first = adapted(patching(userType, { title: 't' }, set('userName', 'ann')), over);
  assert.equal(first.changes?.length, 1, 'what is not set yet may be set');
});

test('T16 T17 a create gets its defaults, then must have what is required', () => {
  const required = { users: ['entitlements', 'name.familyName'] };
  const refusal = refused(creating(userType, user()), { required });
  assert.match(refusal.detail, /needs entitlements, name\.familyName to create a User/);
  const made = adapted(creating(userType, user({ name: { givenName: 'A' } })), {
    required,
    defaults: {
      users: {
        entitlements: [{ value: 'profile' }],
        'name.familyName': '-',
        [`${enterpriseUrn}:department`]: 'None',
        userName: 'never used',
      },
    },
  });
  assert.deepEqual(plain(made.resource), {
    userName: 'ann',
    name: { givenName: 'A', familyName: '-' },
    entitlements: [{ value: 'profile' }],
    [enterpriseUrn]: { department: 'None' },
  });
  assert.deepEqual(rows(made), [
    'T17 entitlements',
    'T17 name.familyName',
    `T17 ${enterpriseUrn}:department`,
  ]);
});

test('a mutation that a target takes as it is stays the same object', () => {
  const writing = patching(userType, user(), set('title', 't'));
  assert.equal(adapted(writing, { unsupported: { users: ['ims'] } }), writing);
});
