import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Answer } from '../../../src/identity/call.ts';
import type { JsonObject } from '../../../src/identity/json-value.ts';
import { isMutation } from '../../../src/identity/operation.ts';
import type { Mutation } from '../../../src/identity/operation.ts';
import { classify } from '../../../src/identity/scim/classify.ts';
import {
  compareReadBack,
  expectedOf,
  locate,
  readBackId,
} from '../../../src/identity/scim/readback.ts';
import type { Comparison, Expected } from '../../../src/identity/scim/readback.ts';
import {
  answerOf,
  groupUrn,
  meant,
  patchUrn,
  plain,
  scimErrorUrn,
  userUrn,
} from './scim-fixture.ts';

const mutationOf = (method: string, target: string, body: unknown = null): Mutation => {
  const operation = meant(method, target, body);
  assert.ok(isMutation(operation));
  return operation;
};
const patchOf = (target: string, ...Operations: object[]): Mutation =>
  mutationOf('PATCH', target, { schemas: [patchUrn], Operations });

/** As it comes back from the ledger. */
const stored = (mutation: Mutation, before: JsonObject | null): Expected | null =>
  plain(expectedOf(mutation, {}, before)) as Expected | null;

const html = { readable: false, body: undefined, excerpt: '<html>' };
const gone = answerOf(404, { schemas: [scimErrorUrn], status: '404' });
const created = { schemas: [userUrn], userName: 'a', title: 't', emails: [{ value: 'a@x.y' }] };

suite('what an answer says', () => {
  const create = mutationOf('POST', '/Users', created);
  const patch = patchOf('/Users/1', { op: 'replace', path: 'title', value: 'x' });
  const remove = mutationOf('DELETE', '/Users/1');
  const cases: readonly (readonly [string, Mutation, Answer, string, string | null])[] = [
    ['201 with an id', create, answerOf(201, { id: '7' }), 'applied', '7'],
    ['200 with an id', create, answerOf(200, { id: '7' }), 'applied', '7'],
    [
      '201 with a Location',
      create,
      answerOf(201, undefined, { location: 'https://t.example/v2/Users/7/' }),
      'applied',
      '7',
    ],
    [
      '201 with a Location elsewhere',
      create,
      answerOf(201, undefined, { location: 'https://t.example/login/7' }),
      'applied',
      null,
    ],
    ['201 with nothing', create, answerOf(201), 'applied', null],
    ['a login page instead', create, answerOf(200, undefined, {}, html), 'in-doubt', null],
    ['202', create, answerOf(202), 'in-doubt', null],
    ['204', patch, answerOf(204), 'applied', '1'],
    ['a login page for a patch', patch, answerOf(200, undefined, {}, html), 'in-doubt', '1'],
    ['an error in a success', patch, answerOf(200, { schemas: [scimErrorUrn] }), 'in-doubt', '1'],
    ['302', patch, answerOf(302), 'in-doubt', '1'],
    ['400', patch, answerOf(400), 'rejected', '1'],
    ['401', patch, answerOf(401), 'rejected', '1'],
    ['408', patch, answerOf(408), 'in-doubt', '1'],
    ['409', create, answerOf(409), 'rejected', null],
    ['412', patch, answerOf(412), 'rejected', '1'],
    ['429', patch, answerOf(429), 'rejected', '1'],
    ['500', patch, answerOf(500), 'in-doubt', '1'],
    ['501', patch, answerOf(501), 'rejected', '1'],
    ['503', patch, answerOf(503, undefined, { 'retry-after': '3' }), 'in-doubt', '1'],
    ['504', create, answerOf(504), 'in-doubt', null],
    ['delete 204', remove, answerOf(204), 'applied', '1'],
    ['delete 404', remove, gone, 'rejected', '1'],
  ];
  for (const [name, mutation, answer, outcome, resourceId] of cases) {
    test(name, () => assert.deepEqual(classify(mutation, answer), { outcome, resourceId }));
  }
});

suite('what a read-back says', () => {
  const group = (...values: string[]): JsonObject => ({
    schemas: [groupUrn],
    id: '1',
    displayName: 'g',
    ...(values.length === 0 ? {} : { members: values.map((value) => ({ value })) }),
  });
  const seen = (...values: string[]): Answer =>
    answerOf(200, {
      ...group(...values),
      members: values.map((value) => ({ value, display: 'x', $ref: `https://t/Users/${value}` })),
    });
  const title = patchOf('/Users/1', { op: 'replace', path: 'title', value: 'new' });
  const user = (more: JsonObject): JsonObject => ({
    schemas: [userUrn],
    id: '1',
    userName: 'a',
    ...more,
  });
  const work = patchOf('/Users/1', {
    op: 'replace',
    path: 'emails[type eq "work"].value',
    value: 'new@x.y',
  });
  const emails = (value: string): JsonObject => ({
    emails: [
      { type: 'work', value },
      { type: 'home', value: 'h@x.y' },
    ],
  });
  const add = patchOf('/Groups/1', { op: 'add', path: 'members', value: [{ value: '2' }] });
  const drop = patchOf('/Groups/1', { op: 'remove', path: 'members[value eq "2"]' });
  const full = patchOf('/Groups/1', { op: 'replace', path: 'members', value: [{ value: '2' }] });
  const empty = patchOf('/Groups/1', { op: 'replace', path: 'members', value: [] });
  const clear = patchOf('/Users/1', { op: 'remove', path: 'title' });
  const put = mutationOf('PUT', '/Users/1', { schemas: [userUrn], userName: 'a', title: 'new' });
  const twice = patchOf(
    '/Users/1',
    { op: 'replace', path: 'title', value: 'first' },
    { op: 'replace', path: 'title', value: 'new' },
  );
  const remove = mutationOf('DELETE', '/Users/1');
  const old = user({ title: 'old' });
  const cases: readonly (readonly [string, Mutation, JsonObject | null, Answer, Comparison])[] = [
    ['the value is there', title, old, answerOf(200, user({ title: 'new' })), 'holds'],
    ['the old value is there', title, old, answerOf(200, old), 'differs'],
    ['nothing is there', title, old, answerOf(200, user({})), 'differs'],
    [
      'it was there before',
      title,
      user({ title: 'new' }),
      answerOf(200, user({ title: 'new' })),
      'before-already-held',
    ],
    ['no before-image', title, null, answerOf(200, user({ title: 'new' })), 'before-already-held'],
    ['no before-image, another value', title, null, answerOf(200, old), 'differs'],
    ['the resource is gone', title, old, gone, 'differs'],
    ['an HTML 404', title, old, answerOf(404, undefined, {}, html), 'unreadable'],
    ['a failure', title, old, answerOf(500), 'unreadable'],
    ['a list', title, old, answerOf(200, { Resources: [] }), 'unreadable'],
    ['the later of two changes', twice, old, answerOf(200, user({ title: 'new' })), 'holds'],
    ['the earlier of two changes', twice, old, answerOf(200, user({ title: 'first' })), 'differs'],
    ['cleared', clear, old, answerOf(200, user({ title: null })), 'holds'],
    ['not cleared', clear, old, answerOf(200, old), 'differs'],
    ['one element', work, user(emails('old@x.y')), answerOf(200, user(emails('new@x.y'))), 'holds'],
    [
      'another element',
      work,
      user(emails('old@x.y')),
      answerOf(200, user(emails('old@x.y'))),
      'differs',
    ],
    ['a member added', add, group('1'), seen('1', '2'), 'holds'],
    ['a member beside others', add, group('1'), seen('1', '2', '3'), 'holds'],
    ['a member not added', add, group('1'), seen('1'), 'differs'],
    ['a member added before', add, group('1', '2'), seen('1', '2'), 'before-already-held'],
    ['a member removed', drop, group('1', '2'), seen('1'), 'holds'],
    ['the last member removed', drop, group('2'), answerOf(200, group()), 'holds'],
    ['a member not removed', drop, group('1', '2'), seen('2'), 'differs'],
    ['a full push', full, group('1'), seen('2'), 'holds'],
    ['a full push that only added', full, group('1'), seen('1', '2'), 'differs'],
    ['a push of nothing', empty, group('1'), answerOf(200, group()), 'holds'],
    ['a push of nothing ignored', empty, group('1'), seen('1'), 'differs'],
    [
      'a replace',
      put,
      user({ title: 'old', nickName: 'n' }),
      answerOf(200, user({ title: 'new' })),
      'holds',
    ],
    [
      'a replace that kept',
      put,
      user({ title: 'old', nickName: 'n' }),
      answerOf(200, user({ title: 'new', nickName: 'n' })),
      'differs',
    ],
    ['deleted', remove, old, gone, 'holds'],
    ['deleted, or never there', remove, null, gone, 'before-already-held'],
    ['not deleted', remove, old, answerOf(200, old), 'differs'],
    ['deleted, says a proxy', remove, old, answerOf(404, undefined, {}, html), 'unreadable'],
  ];
  for (const [name, mutation, before, answer, comparison] of cases) {
    test(name, () => {
      const expected = stored(mutation, before);
      assert.ok(expected !== null);
      assert.equal(compareReadBack(expected, before, answer, mutation.type), comparison);
    });
  }
});

suite('a create', () => {
  const create = mutationOf('POST', '/Users', created);
  const expected = stored(create, null);
  assert.ok(expected !== null);
  const listOf = (...Resources: JsonObject[]): Answer =>
    answerOf(200, { totalResults: Resources.length, Resources });
  const found = { id: '7', userName: 'A', title: 't', emails: [{ value: 'a@x.y', type: 'work' }] };
  const compare = (answer: Answer, before: JsonObject | null = null): Comparison =>
    compareReadBack(expected, before, answer, create.type);

  test('is found by its matching attribute', () => {
    const call = locate(expected, create.type);
    assert.ok(call !== 'unlocatable');
    assert.equal(call.path, '/Users');
    assert.equal(call.query, 'filter=userName%20eq%20%22a%22&count=2');
    assert.equal(compare(listOf(found)), 'holds');
    assert.equal(readBackId(expected, listOf(found), create.type), '7');
  });
  test('is not there, is another, or cannot be told', () => {
    assert.equal(compare(listOf()), 'differs');
    assert.equal(readBackId(expected, listOf(), create.type), null);
    assert.equal(compare(listOf({ ...found, title: 'other' })), 'differs');
    assert.equal(compare(listOf({ ...found, userName: 'somebody' })), 'differs');
    assert.equal(compare(listOf(found, found)), 'unreadable');
    assert.equal(compare(listOf(found), found), 'before-already-held');
    assert.equal(compare(answerOf(400)), 'unreadable');
  });
  test('of a group goes by externalId, else by displayName; of others by externalId', () => {
    const of = (target: string, body: object): unknown => {
      const mutation = mutationOf('POST', target, body);
      const call = locate(stored(mutation, null), mutation.type);
      return call === 'unlocatable' ? call : decodeURIComponent(call.query);
    };
    const group = { schemas: [groupUrn], displayName: 'g' };
    assert.equal(of('/Groups', group), 'filter=displayName eq "g"&count=2');
    assert.equal(of('/Groups', { ...group, externalId: 'e' }), 'filter=externalId eq "e"&count=2');
    assert.equal(of('/Devices', { schemas: ['urn:x:D'], serial: '1' }), 'unlocatable');
  });
});

test('what writes a password cannot be settled by reading', () => {
  assert.equal(stored(mutationOf('POST', '/Users', { ...created, password: 'p' }), null), null);
  const patch = patchOf('/Users/1', { op: 'replace', path: 'password', value: 'p' });
  assert.equal(stored(patch, { id: '1' }), null);
  assert.equal(locate(stored(patch, null), patch.type), 'unlocatable');
});

test('a change is looked for by id', () => {
  const patch = patchOf('/Users/1', { op: 'replace', path: 'title', value: 'x' });
  const call = locate(stored(patch, null), patch.type);
  assert.ok(call !== 'unlocatable' && call.path === '/Users/1' && call.method === 'GET');
});
