/** `explain` as a function over a route file: what each call would mean and how it is printed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explainCall, type AskedCall, type Facts } from '../../src/commands/explain.ts';
import { printFacts } from '../../src/commands/explain-text.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import { load, now, store } from '../config/loading.ts';
import { patch, user } from '../support/scim-calls.ts';

const routeFile = `version: 1
${store}server: { maxBody: 4KiB }
clients:
  c1: { owner: abc, purpose: abc, expires: 2027-06-30, auth: [{ apiKey: {} }], limits: { writes: 10/s } }
  okta: { owner: abc, purpose: abc, expires: 2027-06-30, auth: [{ apiKey: {} }], dialect: okta }
  keeper: { owner: abc, purpose: abc, expires: 2027-06-30, auth: [{ apiKey: {} }], dialect: okta }
  old: { owner: abc, purpose: abc, expires: 2026-06-30, auth: [{ apiKey: {} }] }
targets:
  t1: { baseUrl: https://t1.example.com }
profiles:
  w: { users: { userName: [lowercase], title: [trim] } }
permissions:
  p1:
    users:
      actions: [read, search, create, update, deactivate, activate]
      write: { only: [title, displayName] }
      when: after.userName.endsWith("@example.com")
routes:
  r1:
    path: /scim/r1
    scim: t1
    normalise: w
    before: capture
    grants:
      - { client: c1, use: p1 }
      - { client: old, use: p1 }
      - { client: okta, use: p1 }
      - { client: keeper, users: { actions: [create, activate, password] } }
`;

const loaded = await load(routeFile);
assert.ok(loaded.snapshot !== null);
const snapshot: Snapshot = loaded.snapshot;

const before = { id: '7', userName: 'ann@example.com', title: 'Engineer', active: true };
const users = '/scim/r1/Users';

const explained = (asked: Partial<AskedCall> & { send?: object }): Facts =>
  explainCall(
    snapshot,
    {
      client: 'c1',
      method: 'GET',
      path: users,
      body: asked.send === undefined ? null : JSON.stringify(asked.send),
      before: null,
      ...asked,
    },
    now,
  );

describe('explain', () => {
  const cases: readonly (readonly [string, Parameters<typeof explained>[0], Partial<Facts>])[] = [
    ['no such route', { path: '/scim/r9/Users' }, { decision: 'deny', code: 'route_unknown' }],
    ['a way around', { path: '/scim/r1/../x' }, { decision: 'deny', code: 'request_suspicious' }],
    ['no such method', { method: 'TRACE' }, { decision: 'deny', code: 'method_unsupported' }],
    ['no such client', { client: 'c9' }, { decision: 'deny', code: 'caller_refused' }],
    ['an ended client', { client: 'old' }, { decision: 'deny', code: 'caller_refused' }],
    [
      'a body beyond maxBody',
      { method: 'POST', send: user('a@example.com', { title: 'x'.repeat(5_000) }) },
      { decision: 'deny', code: 'body_too_large' },
    ],
    [
      'a search with its canonical filter',
      { path: `${users}?filter=USERNAME%20Eq%20%22Ann@Example.com%22&count=1` },
      {
        decision: 'allow',
        operation: 'search',
        actions: ['users:read'],
        rule: 'permissions.p1.users',
        canonical: { filter: 'userName eq "ann@example.com"', page: { count: 1 }, projection: {} },
        calls: [
          {
            method: 'GET',
            path: '/Users?filter=userName%20eq%20%22ann%40example.com%22&count=1',
            body: null,
          },
        ],
      },
    ],
    [
      'a change whose current resource nobody gave',
      {
        method: 'PATCH',
        path: `${users}/7`,
        send: patch({ op: 'replace', path: 'title', value: 'x' }),
      },
      { decision: 'unknown', calls: [] },
    ],
    [
      'a change, repaired and normalised',
      {
        method: 'PATCH',
        path: `${users}/7`,
        before,
        send: patch({ op: 'Replace', path: 'TITLE', value: ' Manager ' }),
      },
      {
        decision: 'allow',
        resource: { type: 'User', id: '7' },
        canonical: {
          changes: [{ op: 'replace', path: 'title', value: 'Manager' }],
          projection: {},
        },
        effects: [{ action: 'users:update', attributes: ['title'] }],
        normalised: [{ path: 'title', rule: 'trim' }],
        limits: [{ policy: 'client-writes', count: 10, seconds: 1, burst: 10 }],
        unchanged: false,
      },
    ],
    [
      'a change that changes nothing',
      {
        method: 'PATCH',
        path: `${users}/7`,
        before,
        send: patch({ op: 'replace', path: 'title', value: 'Engineer' }),
      },
      { decision: 'allow', unchanged: true, calls: [] },
    ],
    [
      'what takes access away goes out even where the target seems to hold it',
      {
        method: 'PATCH',
        path: `${users}/7`,
        before: { ...before, active: false },
        send: patch({ op: 'replace', path: 'active', value: false }),
      },
      { decision: 'allow', actions: ['users:deactivate'], unchanged: false },
    ],
    [
      'an attribute beyond the grant',
      { method: 'POST', send: user('a@example.com', { nickName: 'Al' }) },
      {
        decision: 'deny',
        code: 'attribute_denied',
        rule: 'permissions.p1.users.write',
        calls: [],
      },
    ],
    [
      'a condition that is not met',
      { method: 'POST', send: user('a@example.org') },
      { decision: 'deny', code: 'condition_denied', rule: 'permissions.p1.users.when' },
    ],
    [
      'the random password of Okta, dropped as it is when served (C27)',
      {
        client: 'okta',
        method: 'POST',
        send: user('a@example.com', { password: 'pass1', groups: [] }),
      },
      { decision: 'allow', actions: ['users:create'] },
    ],
  ];
  for (const [name, asked, expected] of cases) {
    it(name, () => {
      const facts = explained(asked);
      const told = Object.keys(expected).map((key) => [key, facts[key as keyof Facts]]);
      assert.deepEqual(JSON.parse(JSON.stringify(Object.fromEntries(told))), expected);
    });
  }

  it('never shows a password, not even where it is granted and sent', () => {
    const facts = explained({
      client: 'keeper',
      method: 'POST',
      send: user('a@example.com', { password: 'pass-Zq81' }),
    });
    assert.ok(facts.actions.includes('users:password'), facts.detail ?? '');
    assert.ok(JSON.stringify(facts.calls).includes('"password":"********"'));
    for (const shown of [JSON.stringify(facts), printFacts(facts)])
      assert.ok(!shown.includes('pass-Zq81'));
  });

  it('prints labelled, aligned, short lines', () => {
    const facts = explained({
      method: 'PATCH',
      path: `${users}/7`,
      before,
      send: patch({ op: 'replace', path: 'title', value: ' Manager ' }),
    });
    assert.equal(
      printFacts(facts),
      `client      c1
route       r1, to the target t1
operation   patch User 7
changes     replace title = "Manager"
actions     users:update  title
normalised  title  trim
decision    allow
rule        permissions.p1.users
limits      client-writes  10 per 1 s  burst 10
call        PATCH /Users/7
            {
              "schemas": [
                "urn:ietf:params:scim:api:messages:2.0:PatchOp"
              ],
              "Operations": [
                {
                  "op": "replace",
                  "path": "title",
                  "value": "Manager"
                }
              ]
            }`,
    );
    const repaired = explained({
      method: 'PATCH',
      path: `${users}/7`,
      before,
      send: patch({ op: 'Replace', path: 'title', value: 'Manager' }),
    });
    assert.match(printFacts(repaired), /^repairs {5}C1 {2}\S/m);
    const long = explained({ method: 'POST', send: user('a@example.com', { nickName: 'Al' }) });
    for (const line of printFacts(long).split('\n')) assert.ok(line.length <= 100, line);
    assert.match(printFacts(long), /^decision {4}deny \(attribute_denied\)$/m);
    assert.match(printFacts(long), /^calls {7}none$/m);
  });
});

describe('explain of a Bulk', () => {
  const bulk = (...operations: readonly object[]): Facts =>
    explained({
      method: 'POST',
      path: '/scim/r1/Bulk',
      client: 'keeper',
      send: {
        schemas: ['urn:ietf:params:scim:api:messages:2.0:BulkRequest'],
        Operations: operations,
      },
    });
  const create = (bulkId: string) => ({
    method: 'POST',
    path: '/Users',
    bulkId,
    data: user(`${bulkId}@example.com`),
  });

  it('shows each operation and all calls in the order in which they would go out', () => {
    const facts = bulk(create('a'), create('b'));
    assert.equal(facts.decision, 'allow');
    assert.deepEqual(
      facts.operations?.map(({ position, bulkId, decision }) => [position, bulkId, decision]),
      [
        [1, 'a', 'allow'],
        [2, 'b', 'allow'],
      ],
    );
    assert.deepEqual(
      facts.calls.map(({ method, path }) => `${method} ${path}`),
      ['POST /Users', 'POST /Users'],
    );
    assert.match(printFacts(facts), /operations {2}1 {2}a {2}create User {2}allow/);
  });

  it('is denied whole, with the reason of the operation that is', () => {
    const facts = bulk(create('a'), { method: 'DELETE', path: '/Users/7' });
    assert.equal(facts.decision, 'deny');
    assert.equal(facts.code, 'action_denied');
    assert.equal(facts.operations?.[1]?.decision, 'deny');
  });
});
