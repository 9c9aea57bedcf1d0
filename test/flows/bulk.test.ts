/** SCIM Bulk through a whole gateway to a real SCIM server (RFC 7644 §3.7). */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { LedgerId } from '../../src/ids.ts';
import {
  errorOf,
  idOf,
  inShort,
  operationExtension,
  post,
  resultsOf,
  sendBulk,
  type Result,
} from '../support/bulk-calls.ts';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import {
  assertScimError,
  base,
  group,
  make,
  membersOf,
  must,
  patch,
  read,
  user,
} from '../support/scim-calls.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

describe('Bulk', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({
      config: (url) =>
        mainConfig(url)
          .replace('before: capture', 'before: capture\n    bulk: { operations: 20 }')
          // So slow that none comes back while a test runs.
          .replace('rate: 60/m, burst: 30', 'rate: 30/d, burst: 30')
          .replace(
            'targets:\n',
            '  maker: { owner: iam@example.com, purpose: makes users, expires: 2099-12-31, auth: [{ apiKey: {} }] }\ntargets:\n',
          )
          .replace(
            'grants:\n',
            'grants:\n      - { client: maker, users: { actions: [read, create] } }\n',
          ),
      clients: ['full', 'narrow', 'maker'],
    });
  });
  after(() => fixture.stop());

  const member = (id: string) => ({ value: id });
  const named = (displayName: string, ...members: readonly string[]) => group(displayName, members);
  /** Asserts that neither the target saw a change nor the ledger an entry while `run` ran. */
  const unsent = async (run: () => Promise<unknown>): Promise<void> => {
    const allowed = async () =>
      (await fixture.gateway.context.ledger.list({ limit: 1_000 })).filter(
        ({ decision }) => decision === 'allow',
      ).length;
    const count = { seen: fixture.sandbox.seen().length, rows: await allowed() };
    await run();
    assert.equal(fixture.sandbox.seen().length, count.seen, 'something reached the target');
    assert.equal(await allowed(), count.rows, 'something was recorded as sent');
  };
  const entryOf = (result: Result): string => String(result[operationExtension]?.ledgerId);

  it('creates a user and a group with it as a member, by bulkId, whichever comes first', async () => {
    for (const [index, reversed] of [false, true].entries()) {
      const operations = [
        post('u', '/Users', user(`bulk-${index}@example.com`)),
        post('g', '/Groups', named(`bulk-${index}`, 'bulkId:u')),
      ];
      const answer = await sendBulk(fixture, reversed ? operations.toReversed() : operations);
      const results = resultsOf(answer);
      assert.deepEqual(
        inShort(results),
        reversed ? ['POST g 201', 'POST u 201'] : ['POST u 201', 'POST g 201'],
      );
      const [made, grouped] = (reversed ? results.toReversed() : results) as [Result, Result];
      assert.match(String(made.location), /\/scim\/sandbox\/Users\/[^/]+$/);
      assert.deepEqual(await membersOf(fixture, idOf(grouped)), [idOf(made)]);
    }
  });

  it('sends each operation as a single call under a ledger entry of its own', async () => {
    const count = fixture.sandbox.seen().length;
    const answer = await sendBulk(fixture, [
      post('a', '/Users', user('single-a@example.com')),
      post('b', '/Users', user('single-b@example.com')),
    ]);
    const results = resultsOf(answer);
    const seen = fixture.sandbox.seen().slice(count);
    assert.deepEqual(
      seen.map(({ method, path, ledgerId }) => [method, path, ledgerId]),
      results.map((result) => ['POST', '/Users', entryOf(result)]),
    );
    assert.equal(answer.headers['sallyport-ledger-id'], undefined);
    for (const result of results) {
      const shown = await fixture.gateway.context.ledger.show(entryOf(result) as LedgerId);
      assert.equal(shown?.row.traceId, answer.headers['trace-id']);
    }
  });

  it('changes, replaces and deletes, each seeing what the one before it left', async () => {
    const id = await make(fixture, 'Users', user('chain@example.com', { title: 'one' }));
    const results = resultsOf(
      await sendBulk(fixture, [
        {
          method: 'patch',
          path: `/Users/${id}`,
          data: patch({ op: 'replace', path: 'title', value: 'two' }),
        },
        {
          METHOD: 'PUT',
          Path: `/users/${id}`,
          DATA: user('chain@example.com', { title: 'three', displayName: 'C' }),
        },
        { method: 'DELETE', path: `/Users/${id}`, data: null },
        { method: 'DELETE', path: `/Users/${id}` },
      ]),
    );
    assert.deepEqual(inShort(results), ['PATCH 200', 'PUT 200', 'DELETE 204', 'DELETE 404']);
    assert.match(String(results[0]?.location), new RegExp(`/Users/${id}$`));
    assert.equal(errorOf(results[3] as Result)['code'], 'target_refused');
    assertScimError(await fixture.ask('GET', `${base}/Users/${id}`), 404, 'target_refused');
  });

  it('addresses what it has just made: /Groups/bulkId:g', async () => {
    const results = resultsOf(
      await sendBulk(fixture, [
        {
          method: 'PATCH',
          path: '/Groups/bulkId:g',
          data: patch({ op: 'add', path: 'members', value: [member('bulkId:u')] }),
        },
        post('g', '/Groups', named('addressed')),
        post('u', '/Users', user('addressed@example.com')),
      ]),
    );
    assert.deepEqual(inShort(results), ['PATCH 200', 'POST g 201', 'POST u 201']);
    assert.deepEqual(await membersOf(fixture, idOf(results[1] as Result)), [
      idOf(results[2] as Result),
    ]);
    assert.equal(results[0]?.location, results[1]?.location);
  });

  it('opens a circle of two groups: the second reference is a PATCH of its own', async () => {
    const count = fixture.sandbox.seen().length;
    const results = resultsOf(
      await sendBulk(fixture, [
        post('a', '/Groups', named('circle-a', 'bulkId:b')),
        post('b', '/Groups', named('circle-b', 'bulkId:a')),
      ]),
    );
    assert.deepEqual(inShort(results), ['POST a 201', 'POST b 201']);
    const [a, b] = results as [Result, Result];
    assert.deepEqual(await membersOf(fixture, idOf(a)), [idOf(b)]);
    assert.deepEqual(await membersOf(fixture, idOf(b)), [idOf(a)]);
    const seen = fixture.sandbox.seen().slice(count);
    assert.deepEqual(
      seen.map(({ method, path, ledgerId }) => [method, path, ledgerId]),
      [
        ['POST', '/Groups', entryOf(b)],
        ['POST', '/Groups', entryOf(a)],
        ['PATCH', `/Groups/${idOf(b)}`, b[operationExtension]?.completionLedgerId],
      ],
    );
    const rows = await fixture.gateway.context.ledger.list({ limit: 3 });
    assert.deepEqual(
      rows.map(({ operation, actions }) => [operation, actions]),
      [
        ['patch', ['groups:add-member']],
        ['create', ['groups:create', 'groups:add-member']],
        ['create', ['groups:create']],
      ],
    );
  });

  it('makes managers in a circle, and a manager of oneself', async () => {
    const led = (userName: string, manager: string) =>
      user(userName, {
        [enterprise]: { manager: { value: manager, $ref: `../Users/${manager}` } },
      });
    const results = resultsOf(
      await sendBulk(fixture, [
        post('ann', '/Users', led('boss-ann@example.com', 'bulkId:bob')),
        post('bob', '/Users', led('boss-bob@example.com', 'bulkId:ann')),
        post('eve', '/Users', led('boss-eve@example.com', 'bulkId:eve')),
      ]),
    );
    assert.deepEqual(inShort(results), ['POST ann 201', 'POST bob 201', 'POST eve 201']);
    const [ann, bob, eve] = results.map(idOf) as [string, string, string];
    const managerOf = async (id: string) =>
      ((await read(fixture, 'Users', id))[enterprise] as { manager: { value: string } }).manager
        .value;
    assert.deepEqual([await managerOf(ann), await managerOf(bob)], [bob, ann]);
    assert.equal(await managerOf(eve), eve);
  });

  it('goes on past an error, and answers 409 for what refers to what failed', async () => {
    await make(fixture, 'Users', user('taken@example.com'));
    const count = fixture.sandbox.seen().length;
    const results = resultsOf(
      await sendBulk(fixture, [
        post('u', '/Users', user('taken@example.com', { title: 'Another' })),
        post('g', '/Groups', named('never', 'bulkId:u')),
        post('h', '/Groups', named('never-either', 'bulkId:g')),
        post('v', '/Users', user('free@example.com')),
      ]),
    );
    assert.deepEqual(inShort(results), ['POST u 409', 'POST g 409', 'POST h 409', 'POST v 201']);
    assert.equal(fixture.sandbox.seen().length, count + 2);
    const [taken, grouped] = results as [Result, Result];
    assert.equal(taken.response?.['scimType'], 'uniqueness');
    assert.equal(taken.location, undefined, 'nothing was made');
    assert.match(String(errorOf(taken)['ledgerId']), /^led_/);
    assert.equal(errorOf(grouped)['code'], 'reference_unresolved');
    assert.match(String(grouped.response?.['detail']), /"u"/);
  });

  it('answers 409 for a circle whose other end failed: it was made without its reference', async () => {
    await make(fixture, 'Groups', named('taken-group'));
    const results = resultsOf(
      await sendBulk(fixture, [
        post('a', '/Groups', named('taken-group', 'bulkId:b')),
        post('b', '/Groups', named('half-made', 'bulkId:a')),
      ]),
    );
    assert.deepEqual(inShort(results), ['POST a 409', 'POST b 409']);
    const b = results[1] as Result;
    assert.equal(errorOf(b)['code'], 'reference_unresolved');
    assert.match(String(b.response?.['detail']), /was made, but not its reference to "a"/);
    assert.deepEqual(await membersOf(fixture, idOf(b)), []);
  });

  it('stops after failOnErrors errors; what was not executed is absent', async () => {
    const taken = (bulkId: string) =>
      post(bulkId, '/Users', user('taken@example.com', { title: 'Third' }));
    const operations = [
      taken('a'),
      post('b', '/Users', user('between@example.com')),
      taken('c'),
      post('d', '/Users', user('too-late@example.com')),
    ];
    const one = resultsOf(await sendBulk(fixture, operations, { failOnErrors: 1 }));
    assert.deepEqual(inShort(one), ['POST a 409']);
    const two = resultsOf(await sendBulk(fixture, operations, { failOnErrors: 2 }));
    assert.deepEqual(inShort(two), ['POST a 409', 'POST b 201', 'POST c 409']);
    const found = await must(
      fixture,
      'GET',
      `/Users?filter=${encodeURIComponent('userName eq "too-late@example.com"')}`,
    );
    assert.equal(found.body['totalResults'], 0);
  });

  it('sends nothing of a Bulk of which one operation is denied without reading', () =>
    unsent(async () => {
      const answer = await sendBulk(
        fixture,
        [
          post('u', '/Users', user('not-made@example.com', { active: undefined, title: 'x' })),
          { method: 'DELETE', path: '/Users/2819c223' },
        ],
        {},
        { key: fixture.keys['narrow'] as string },
      );
      const { rule } = answer.body['urn:sallyport:error'] as { rule: string };
      const detail = assertScimError(answer, 403, 'action_denied', { rule });
      assert.match(detail, /^Operation 2: .*users:delete/);
    }));

  it('sends nothing where what would add a circular reference is denied by itself', () =>
    unsent(async () => {
      const led = (userName: string, manager: string) =>
        user(userName, { active: undefined, [enterprise]: { manager: { value: manager } } });
      const answer = await sendBulk(
        fixture,
        [
          post('ann', '/Users', led('maker-ann@example.com', 'bulkId:bob')),
          post('bob', '/Users', led('maker-bob@example.com', 'bulkId:ann')),
        ],
        {},
        { key: fixture.keys['maker'] as string },
      );
      const { rule } = answer.body['urn:sallyport:error'] as { rule: string };
      const detail = assertScimError(answer, 403, 'action_denied', { rule });
      assert.match(detail, /^Operation 2 \(bulkId "bob"\): .*users:update/);
    }));

  it('sends nothing of a Bulk of which one operation is denied by the current resource', async () => {
    const admins = await make(fixture, 'Groups', named('plain'));
    const id = await make(fixture, 'Users', user('in-group@example.com'));
    await unsent(async () => {
      const answer = await sendBulk(fixture, [
        post('u', '/Users', user('not-made-either@example.com')),
        {
          method: 'PATCH',
          path: `/Groups/${admins}`,
          data: patch({ op: 'replace', path: 'displayName', value: 'eu-admins' }),
        },
      ]);
      const { rule } = answer.body['urn:sallyport:error'] as { rule: string };
      const detail = assertScimError(answer, 403, 'action_denied', { rule });
      assert.match(detail, /^Operation 2: /);
    });
    // A denial is written within 20 ms; asked until it is there.
    for (;;) {
      const [row] = await fixture.gateway.context.ledger.list({ limit: 1 });
      if (row?.decision !== 'deny') continue;
      assert.deepEqual([row.operation, row.actions], ['patch', ['groups:update']]);
      break;
    }
    await unsent(async () => {
      const answer = await sendBulk(fixture, [
        {
          method: 'PATCH',
          path: `/Groups/${admins}`,
          data: patch({ op: 'add', path: 'members', value: [member(id)] }),
        },
        post('eu', '/Groups', named('us-admins', id)),
      ]);
      const { rule } = answer.body['urn:sallyport:error'] as { rule: string };
      assert.match(
        assertScimError(answer, 403, 'action_denied', { rule }),
        /^Operation 2 \(bulkId "eu"\): /,
      );
    });
  });

  it('sends nothing of a Bulk of which one operation cannot be understood', () =>
    unsent(async () => {
      const good = post('u', '/Users', user('unread@example.com'));
      const cases = [
        [{ method: 'GET', path: '/Users/1' }, 400, 'value_invalid', 'invalidValue'],
        [post('x', '/Users', { userName: 1 }), 400, 'value_invalid', 'invalidValue'],
        [
          { method: 'DELETE', path: '/Users/1', versoin: 'x' },
          400,
          'body_malformed',
          'invalidSyntax',
        ],
        [post('u', '/Users', user('twice@example.com')), 400, 'value_invalid', 'invalidValue'],
        [post('x', '/Groups', named('x', 'bulkId:who')), 400, 'value_invalid', 'invalidValue'],
        [{ method: 'DELETE', path: '/Users/../Groups/1' }, 400, 'request_suspicious', undefined],
        [{ method: 'DELETE', path: '/Nowhere/1' }, 400, 'value_invalid', 'invalidValue'],
        [{ method: 'POST', path: '/Bulk', bulkId: 'b' }, 400, 'value_invalid', 'invalidValue'],
      ] as const;
      for (const [bad, status, code, scimType] of cases) {
        const answer = await sendBulk(fixture, [good, bad]);
        const facts = scimType === undefined ? {} : { scimType };
        assert.match(assertScimError(answer, status, code, facts), /^Operation 2/);
      }
    }));

  it('refuses too many operations and too large a body with 413 and the limit', () =>
    unsent(async () => {
      const many = Array.from({ length: 21 }, (_, index) =>
        post(`u${index}`, '/Users', user(`many-${index}@example.com`)),
      );
      assert.match(
        assertScimError(await sendBulk(fixture, many), 413, 'body_too_large'),
        /20 operations/,
      );
      const large = [post('u', '/Users', user('l@example.com', { title: 'x'.repeat(66_000) }))];
      assert.match(
        assertScimError(await sendBulk(fixture, large), 413, 'body_too_large'),
        /65536 bytes/,
      );
    }));

  it('takes every operation from the limits: the one beyond them is answered 429', async () => {
    const ask = { key: fixture.keys['narrow'] as string };
    const count = fixture.sandbox.seen().length;
    const operations = Array.from({ length: 20 }, (_, index) =>
      post(`n${index}`, '/Users', {
        schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
        userName: `rate-${index}@example.com`,
        title: 'x',
      }),
    );
    const first = resultsOf(await sendBulk(fixture, operations, {}, ask));
    assert.ok(first.every(({ status }) => status === '201'));
    const again = operations.map(
      (each) => JSON.parse(JSON.stringify(each).replaceAll('rate-', 'more-')) as object,
    );
    const second = resultsOf(await sendBulk(fixture, again, {}, ask));
    const limited = second.filter(({ status }) => status === '429');
    assert.equal(limited.length, 10, inShort(second).join());
    assert.equal(errorOf(limited[0] as Result)['code'], 'rate_limited');
    assert.equal(fixture.sandbox.seen().length, count + 40 - limited.length);
  });

  it('is shown by ServiceProviderConfig with its limits, and takes POST alone', async () => {
    const { body } = await must(fixture, 'GET', '/ServiceProviderConfig');
    assert.deepEqual(body['bulk'], { supported: true, maxOperations: 20, maxPayloadSize: 65_536 });
    const answer = await fixture.ask('GET', `${base}/Bulk`);
    assertScimError(answer, 405, 'method_unsupported');
    assert.equal(answer.headers['allow'], 'POST');
  });

  it('is one request to telemetry, with a mutation told for each operation', async () => {
    await sendBulk(fixture, [
      post('t', '/Users', user('told@example.com')),
      post('tt', '/Groups', named('told', 'bulkId:t')),
    ]);
    const told = fixture.observed.at(-1);
    assert.equal(told?.httpRoute, '/scim/sandbox/Bulk');
    assert.equal(told.operation, 'bulk');
    assert.deepEqual(told.actions, ['users:create', 'groups:create', 'groups:add-member']);
    assert.equal(told.mutation, null);
    assert.deepEqual(
      told.parts?.map(({ operation, status, decision, mutation }) => [
        operation,
        status,
        decision,
        mutation?.outcome,
      ]),
      [
        ['create', 201, 'allow', 'applied'],
        ['create', 201, 'allow', 'applied'],
      ],
    );
    assert.equal(told.attempts.length, 2);
  });
});
