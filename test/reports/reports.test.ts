/** Reports and drift as people ask for them, over a real gateway: roles, answers, what is recorded. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { parse } from 'yaml';
import { adminOperations } from '../../src/admin/operations.ts';
import { localPerson, perform, type Person } from '../../src/admin/operation.ts';
import { isRefusal } from '../../src/errors.ts';
import { shadowRows } from '../../src/reports/shadow-report.ts';
import type { LedgerRow } from '../../src/ledger/record.ts';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture({
    config: (url) =>
      mainConfig(url).replace(
        '{ client: narrow, use: join,',
        '{ client: narrow, use: join, mode: shadow, until: 2099-12-31,',
      ),
  });
});
after(() => fixture.stop());

const ask = async (name: string, input: object, person: Person = localPerson) => {
  const entry = adminOperations.find((one) => one.name === name);
  assert.ok(entry !== undefined);
  return perform(entry, fixture.gateway.context, person, input);
};
const jsonOf = async (name: string, input: object): Promise<unknown> => {
  const answer = await ask(name, input);
  assert.ok('json' in answer, JSON.stringify(answer));
  return answer.json;
};

void suite('reports', () => {
  void test('no grant is called too wide before anything was counted', async () => {
    const answer = await ask('reports.access', { yaml: 'true' });
    assert.ok(isRefusal(answer));
    assert.match(answer.detail, /Nothing was counted yet/);
    const rows = (await jsonOf('reports.access', {})) as Record<string, unknown>[];
    for (const { since, unused } of rows) assert.deepEqual([since, unused], [null, []]);
  });

  void test('shadow: what a trial let pass, by rule, from the ledger', async () => {
    const body = {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      userName: 'ann@elsewhere.org',
    };
    const key = fixture.keys['narrow'] ?? null;
    const made = await fixture.ask('POST', '/scim/sandbox/Users', { key, body });
    assert.equal(made.status, 201, made.text);
    const [row] = (await jsonOf('reports.shadow', {})) as Record<string, unknown>[];
    assert.deepEqual(
      [row?.['rule'], row?.['count'], row?.['clients'], row?.['examples']],
      ['permissions.join.users.when', 1, ['narrow'], [made.headers['sallyport-ledger-id']]],
    );
    assert.deepEqual(await jsonOf('reports.shadow', { since: '2099-01-01' }), []);
  });

  void test('access: every grant, used or not; the YAML is text', async () => {
    const rows = (await jsonOf('reports.access', { days: '7' })) as Record<string, unknown>[];
    const full = rows.filter(({ client }) => client === 'full');
    assert.deepEqual(
      full.map(({ resource, used }) => [resource, used]),
      [
        ['users', {}],
        ['groups', {}],
      ],
    );
    const answer = await ask('reports.access', { yaml: 'true' });
    assert.ok('lines' in answer);
    let text = '';
    for await (const line of answer.lines) text += line;
    assert.match(
      text,
      /^# Grants .*\n# Nothing was counted before \d{4}-\d\d-\d\d: .*\n# They .*\nroutes:\n {2}sandbox:\n {4}grants:\n/,
    );
    assert.ok(parse(text), 'it is YAML');
  });

  void test('drift: without a room it is empty, and values are for operators', async () => {
    assert.deepEqual(await jsonOf('drift.list', {}), []);
    const viewer = { name: 'v@example.com', roles: new Set(['viewer'] as const) };
    const id = `drf_${'0'.repeat(32)}`;
    for (const [name, input] of [
      ['drift.show', { id }],
      ['drift.reapply', { id }],
      ['drift.dismiss', { id, reason: 'as agreed' }],
    ] as const) {
      const refused = await ask(name, input, viewer);
      assert.ok(isRefusal(refused) && refused.refused === 'action_denied', name);
      assert.ok(isRefusal(await ask(name, input)), name);
    }
  });
});

void suite('the shadow report', () => {
  const rowAt = (index: number): LedgerRow =>
    ({
      id: `led_${index}`,
      at: new Date(1_700_000_000_000 - Math.floor(index / 3)).toISOString(),
      client: `c${index % 2}`,
      route: 'r',
      actions: ['users:update'],
      shadowed: index % 10 === 0 ? ['guards.mass', 'p.users.when'] : [],
    }) as unknown as LedgerRow;
  const ledgerOf = (rows: readonly LedgerRow[]) => ({
    list: async ({ limit, until }: Readonly<{ limit: number; until?: number }>) =>
      rows.filter(({ at }) => until === undefined || Date.parse(at) < until).slice(0, limit),
  });
  const rows = Array.from({ length: 5_001 }, (_, index) => rowAt(index));

  void test('counts each entry once, whatever instants pages meet at', async () => {
    const found = await shadowRows(ledgerOf(rows), {});
    assert.ok(!isRefusal(found));
    assert.deepEqual(
      found.map(({ rule, count, examples }) => [rule, count, examples]),
      [
        ['guards.mass', 501, ['led_0', 'led_10', 'led_20']],
        ['p.users.when', 501, ['led_0', 'led_10', 'led_20']],
      ],
    );
  });

  void test('says so where there is more than it reads', async () => {
    const many = Array.from({ length: 52_000 }, (_, index) => rowAt(index));
    assert.ok(isRefusal(await shadowRows(ledgerOf(many), {})));
  });
});
