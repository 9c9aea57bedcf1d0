import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../src/identity/json-value.ts';
import { asSent } from '../../src/policy/as-sent.ts';
import { enterprise } from './fixtures.ts';

type Fields = Readonly<Record<string, Json>>;
const plain = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value));
const work = (value: string, more: Fields = {}) => ({ value, type: 'work', ...more });
const department = `${enterprise}:department`;

type Case = Readonly<{
  what: string;
  before: Fields | null;
  after: Fields | null;
  changed: readonly string[];
  drop: readonly string[];
  /** null: cannot be told. */
  seen: Readonly<{ after: Fields | null; changed: readonly string[] }> | null;
}>;
const cases: readonly Case[] = [
  {
    what: 'a dropped attribute is as before',
    before: { title: 'a', nickName: 'old' },
    after: { title: 'b', nickName: 'new' },
    changed: ['title', 'nickName'],
    drop: ['nickName'],
    seen: { after: { title: 'b', nickName: 'old' }, changed: ['title'] },
  },
  {
    what: 'a dropped removal is no removal',
    before: { nickName: 'old' },
    after: {},
    changed: ['nickName'],
    drop: ['nickName'],
    seen: { after: { nickName: 'old' }, changed: [] },
  },
  {
    what: 'a part of a complex attribute',
    before: { name: { givenName: 'A', familyName: 'B' } },
    after: { name: { givenName: 'X', familyName: 'Y' } },
    changed: ['name'],
    drop: ['name.givenName'],
    seen: { after: { name: { givenName: 'A', familyName: 'Y' } }, changed: ['name'] },
  },
  {
    what: 'a complex attribute of which only a dropped part changed',
    before: { name: { givenName: 'A', familyName: 'B' } },
    after: { name: { givenName: 'X', familyName: 'B' } },
    changed: ['name', 'name.givenName'],
    drop: ['name.givenName'],
    seen: { after: { name: { givenName: 'A', familyName: 'B' } }, changed: [] },
  },
  {
    what: 'the only part of a new complex attribute',
    before: null,
    after: { name: { givenName: 'X' } },
    changed: ['name'],
    drop: ['name.givenName'],
    seen: { after: {}, changed: [] },
  },
  {
    what: 'all leaves of a multi-valued attribute',
    before: { emails: [work('a')], title: 'x' },
    after: { emails: [work('b')], title: 'y' },
    changed: ['emails', 'title'],
    drop: ['emails.value', 'emails.type'],
    seen: { after: { emails: [work('a')], title: 'y' }, changed: ['title'] },
  },
  {
    what: 'an added element of which every part is dropped',
    before: { emails: [work('a', { primary: true })] },
    after: { emails: [work('a', { primary: true }), work('b')] },
    changed: ['emails.value', 'emails.type'],
    drop: ['emails.value', 'emails.type'],
    seen: { after: { emails: [work('a', { primary: true })] }, changed: [] },
  },
  {
    what: 'an element of which a part is dropped and a part is sent',
    before: { emails: [work('a')] },
    after: { emails: [{ value: 'b', type: 'home' }] },
    changed: ['emails'],
    drop: ['emails.value'],
    seen: null,
  },
  {
    what: 'an attribute dropped whole beside a part of it',
    before: { emails: [work('a')] },
    after: { emails: [work('b')] },
    changed: ['emails'],
    drop: ['emails.value', 'emails', 'emails.type'],
    seen: { after: { emails: [work('a')] }, changed: [] },
  },
  {
    what: 'an attribute of an extension',
    before: { [enterprise]: { department: 'IT', division: 'd' } },
    after: { [enterprise]: { department: 'HR', division: 'e' } },
    changed: [department, `${enterprise}:division`],
    drop: [department],
    seen: {
      after: { [enterprise]: { department: 'IT', division: 'e' } },
      changed: [`${enterprise}:division`],
    },
  },
  {
    what: 'a part of an attribute of an extension',
    before: null,
    after: { [enterprise]: { manager: { value: '1', displayName: 'M' } } },
    changed: [enterprise],
    drop: [`${enterprise}:manager.value`],
    seen: { after: { [enterprise]: { manager: { displayName: 'M' } } }, changed: [enterprise] },
  },
  {
    what: 'a whole extension',
    before: { [enterprise]: { department: 'IT' } },
    after: { [enterprise]: { department: 'HR' } },
    changed: [enterprise],
    drop: [enterprise],
    seen: { after: { [enterprise]: { department: 'IT' } }, changed: [] },
  },
  {
    what: 'an extension that neither side has',
    before: {},
    after: { title: 'x' },
    changed: ['title'],
    drop: [department],
    seen: { after: { title: 'x' }, changed: ['title'] },
  },
  {
    what: 'a delete has no after',
    before: { title: 'x' },
    after: null,
    changed: [],
    drop: ['title'],
    seen: { after: null, changed: [] },
  },
];
for (const { what, before, after, changed, drop, seen } of cases) {
  test(what, () => {
    const facts = asSent({ before, after, changed }, new Set(drop));
    assert.deepEqual(
      facts === null ? null : { after: plain(facts.after), changed: facts.changed },
      seen,
    );
  });
}

test('nothing is known of what stays where the former values were not gathered', () => {
  assert.equal(asSent({ before: undefined, after: {}, changed: [] }, new Set(['title'])), null);
  const untouched = { before: undefined, after: {}, changed: [] };
  assert.equal(asSent(untouched, new Set()), untouched);
});

test('names of object properties restore nothing and break nothing', () => {
  const facts = asSent(
    { before: {}, after: { title: 'x' }, changed: ['__proto__'] },
    new Set(['__proto__', 'constructor.name', 'toString']),
  );
  assert.deepEqual(plain(facts?.after), { title: 'x' });
});
