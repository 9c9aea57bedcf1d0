import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isRefusal } from '../../../src/errors.ts';
import type { Json } from '../../../src/identity/json-value.ts';
import type { Mutation } from '../../../src/identity/operation.ts';
import { echoed, nextEchoes, type Echo } from '../../../src/identity/scim/echo.ts';
import { applyChanges } from '../../../src/identity/scim/patch.ts';
import type { Change, Path, Resource } from '../../../src/identity/scim/schema-model.ts';
import { userType } from '../../../src/identity/scim/schemas.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const common = { type: userType, projection: {}, repairs: [] };
const addressed = { ...common, id: '1', preconditions: {} };
const create = (resource: Resource): Mutation => ({ verb: 'create', resource, ...common });
const put = (resource: Resource): Mutation => ({ verb: 'replace', resource, ...addressed });
const patch = (...changes: readonly Change[]): Mutation => ({
  verb: 'patch',
  changes,
  ...addressed,
});
const set = (attribute: string, value: Json, more: Partial<Path> = {}): Change => ({
  op: 'replace',
  path: { attribute, ...more },
  value,
});
const add = (attribute: string, value: Json): Change => ({ op: 'add', path: { attribute }, value });
const drop = (attribute: string): Change => ({ op: 'remove', path: { attribute } });
const work = {
  kind: 'compare',
  path: { attribute: 'type' },
  operator: 'eq',
  value: 'work',
} as const;

/** A profile: everything in lower case. */
const lowered = (value: Json): Json => JSON.parse(JSON.stringify(value).toLowerCase()) as Json;
const lowerChange = (change: Change): Change =>
  change.op === 'remove' ? change : { ...change, value: lowered(change.value) };

const pairs = (echoes: readonly Echo[]): readonly string[] =>
  echoes.map(({ path, sent, held }) => {
    const { schema = '', attribute, sub = '' } = path;
    return `${schema && 'ext:'}${attribute}${sub && `.${sub}`} ${sent} ${held}`;
  });

const title: Echo = { path: { attribute: 'title' }, sent: 'T', held: 't' };
const given: Echo = { path: { attribute: 'name', sub: 'givenName' }, sent: 'Ann', held: 'ann' };
const mail: Echo = { path: { attribute: 'emails', sub: 'value' }, sent: 'A@x', held: 'a@x' };

describe('pairs of what was sent and what is held (C14)', () => {
  const created = create({
    userName: 'ANN',
    name: { givenName: 'Ann', familyName: 'lee' },
    emails: [{ value: 'A@x', type: 'work' }],
    [enterprise]: { department: 'IT', manager: { value: 'M1' } },
    active: true,
  });
  const held = create({
    userName: 'ann',
    name: { givenName: 'ann', familyName: 'lee' },
    emails: [{ value: 'a@x', type: 'work' }],
    [enterprise]: { department: 'it', manager: { value: 'm1' } },
    active: true,
  });

  it('are made by a create, leaf by leaf, where both forms differ', () => {
    assert.deepEqual(pairs(nextEchoes([], created, held, null)), [
      'userName ANN ann',
      'name.givenName Ann ann',
      'emails.value A@x a@x',
      'ext:department IT it',
      'ext:manager.value M1 m1',
    ]);
  });

  const all = [title, given, mail];
  const cases: readonly (readonly [
    string,
    Mutation,
    Mutation,
    Resource | null,
    readonly string[],
  ])[] = [
    [
      'another value of the attribute',
      patch(set('title', 'U')),
      patch(set('title', 'u')),
      null,
      ['name.givenName Ann ann', 'emails.value A@x a@x', 'title U u'],
    ],
    [
      'the normal form itself',
      patch(set('title', 't')),
      patch(set('title', 't')),
      null,
      ['name.givenName Ann ann', 'emails.value A@x a@x'],
    ],
    [
      'a removal',
      patch(drop('title'), drop('emails')),
      patch(drop('title'), drop('emails')),
      null,
      ['name.givenName Ann ann'],
    ],
    [
      'another member of a complex value leaves its neighbours',
      patch(set('name', { familyName: 'LEE' })),
      patch(set('name', { familyName: 'lee' })),
      null,
      ['title T t', 'name.givenName Ann ann', 'emails.value A@x a@x', 'name.familyName LEE lee'],
    ],
    [
      'an element more leaves the others',
      patch(add('emails', [{ value: 'B@x' }])),
      patch(add('emails', [{ value: 'b@x' }])),
      null,
      ['title T t', 'name.givenName Ann ann', 'emails.value A@x a@x', 'emails.value B@x b@x'],
    ],
    [
      'the whole set replaces all',
      patch(set('emails', [{ value: 'B@x' }])),
      patch(set('emails', [{ value: 'b@x' }])),
      null,
      ['title T t', 'name.givenName Ann ann', 'emails.value B@x b@x'],
    ],
    [
      'an element by filter: what the resource does not hold any more is forgotten',
      patch(set('emails', 'C@x', { filter: work, sub: 'value' })),
      patch(set('emails', 'c@x', { filter: work, sub: 'value' })),
      { title: 't', name: { givenName: 'ann' }, emails: [{ value: 'c@x', type: 'work' }] },
      ['title T t', 'name.givenName Ann ann', 'emails.value C@x c@x'],
    ],
    [
      'a change that the profile dropped',
      patch(set('country', 'Nowhere'), set('title', 'U')),
      patch(set('title', 'u')),
      null,
      ['name.givenName Ann ann', 'emails.value A@x a@x', 'title U u'],
    ],
    [
      'a PUT writes what it states and removes what it omits',
      put({ title: 'U' }),
      put({ title: 'u' }),
      { title: 'u', name: { givenName: 'ann' } },
      ['name.givenName Ann ann', 'title U u'],
    ],
    [
      'an attribute that was dropped as not granted',
      patch(set('nickName', 'N')),
      patch(set('nickName', 'n')),
      { title: 't' },
      ['title T t', 'name.givenName Ann ann', 'emails.value A@x a@x'],
    ],
    ['a delete', { verb: 'delete', ...addressed }, { verb: 'delete', ...addressed }, null, []],
    [
      'another type is no spelling of the value',
      patch(set('active', 'True')),
      patch(set('active', true)),
      null,
      ['title T t', 'name.givenName Ann ann', 'emails.value A@x a@x'],
    ],
  ];
  for (const [name, sent, done, after, expected] of cases) {
    it(`after ${name}`, () =>
      assert.deepEqual(pairs(nextEchoes(all, sent, done, after)), expected));
  }

  it('are a hundred at most, of 1,024 characters each', () => {
    const emails = Array.from({ length: 150 }, (_, at) => ({ value: `A${at}` }));
    const many = nextEchoes(
      [],
      create({ emails, title: 'T'.repeat(1_025) }),
      create({ emails: lowered(emails), title: 't'.repeat(1_025) }),
      null,
    );
    assert.equal(many.length, 100);
    assert.equal(many.at(-1)?.sent, 'A149');
    assert.ok(many.every(({ path }) => path.attribute === 'emails'));
  });
});

describe('a resource as its client sent it', () => {
  it('shows the sent form where the held one stands, and nothing else', () => {
    const resource = {
      id: '1',
      title: 't',
      name: { givenName: 'other', familyName: 'ann' },
      emails: [{ value: 'a@x' }, { value: 'b@x' }],
    };
    assert.deepEqual(echoed(resource, [title, given, mail]), {
      id: '1',
      title: 'T',
      name: { givenName: 'other', familyName: 'ann' },
      emails: [{ value: 'A@x' }, { value: 'b@x' }],
    });
    assert.equal(resource.title, 't', 'the given resource is left alone');
    const plain = { id: '1', title: 'else' };
    assert.equal(echoed(plain, [title, given, mail]), plain);
  });

  it('takes one form for another only once', () => {
    const back: Echo = { ...mail, sent: 'a@x', held: 'A@x' };
    const resource = { emails: [{ value: 'a@x' }, { value: 'A@x' }] };
    assert.deepEqual(echoed(resource, [mail, back]), {
      emails: [{ value: 'A@x' }, { value: 'a@x' }],
    });
  });
});

const word = fc.constantFrom('Ann', 'ANN', 'ann', 'Bob', 'bob', 'BOB', 'x');
const single = fc.constantFrom<Path>(
  { attribute: 'title' },
  { attribute: 'userName' },
  { attribute: 'name', sub: 'givenName' },
  { schema: enterprise, attribute: 'department' },
);
const step = fc.record({
  foreign: fc.boolean(),
  how: fc.constantFrom('replace', 'add', 'remove', 'put'),
  path: single,
  value: word,
  captured: fc.boolean(),
});

const applied = (resource: Resource, change: Change): Resource => {
  const done = applyChanges(resource, [change], userType);
  assert.ok(!isRefusal(done));
  return done.resource;
};
const at = (resource: Resource, { schema, attribute, sub }: Path): Json | undefined => {
  const owner = (schema === undefined ? resource : resource[schema]) as Resource | undefined;
  const value = owner?.[attribute];
  return sub === undefined ? value : (value as Resource | undefined)?.[sub];
};
const nameOf = (path: Path): string => JSON.stringify(path);

describe('whatever clients and others write', () => {
  it('a client reads what it sent exactly while the target holds the normal form', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        let target: Resource = {};
        let echoes: readonly Echo[] = [];
        const last = new Map<string, { path: Path; sent: string }>();
        for (const { foreign, how, path, value, captured } of steps) {
          const change: Change =
            how === 'remove'
              ? { op: 'remove', path }
              : { op: how === 'add' ? 'add' : 'replace', path, value };
          if (foreign) {
            target = applied(target, lowerChange(change));
            continue;
          }
          // A PUT of what the client reads, with one value changed, is what synchronisers send.
          const sent = how === 'put' ? put(applied(echoed(target, echoes), change)) : patch(change);
          const held =
            sent.verb === 'replace'
              ? put(lowered(sent.resource) as Resource)
              : patch(lowerChange(change));
          target =
            held.verb === 'replace'
              ? unlowered(held.resource)
              : applied(target, lowerChange(change));
          const known = captured || held.verb === 'replace' ? target : null;
          echoes = nextEchoes(echoes, unloweredIn(sent), unloweredIn(held), known);
          if (sent.verb === 'replace') {
            for (const each of paths) {
              const there = at(sent.resource, each);
              if (typeof there === 'string') last.set(nameOf(each), { path: each, sent: there });
              else last.delete(nameOf(each));
            }
          } else if (how === 'remove') last.delete(nameOf(path));
          else last.set(nameOf(path), { path, sent: value });
        }
        const read = echoed(target, echoes);
        for (const { path, sent } of last.values()) {
          const there = at(target, path);
          assert.equal(at(read, path), there === sent.toLowerCase() ? sent : there);
        }
      }),
      { numRuns: 500 },
    );
  });
});

const paths: readonly Path[] = [
  { attribute: 'title' },
  { attribute: 'userName' },
  { attribute: 'name', sub: 'givenName' },
  { schema: enterprise, attribute: 'department' },
];

/** `lowered` lowers names too: gives them back. */
const unlowered = (resource: Resource): Resource =>
  JSON.parse(
    JSON.stringify(resource)
      .replaceAll('"username"', '"userName"')
      .replaceAll('"givenname"', '"givenName"')
      .replaceAll(enterprise.toLowerCase(), enterprise),
  ) as Resource;
const unloweredIn = (operation: Mutation): Mutation =>
  operation.verb === 'replace'
    ? { ...operation, resource: unlowered(operation.resource) }
    : operation;
