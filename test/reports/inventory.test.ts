/** The inventory as a reviewer reads it: every kind of thing, its ends and uses, and what calls for a question. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { InventoryRow } from '../../src/reports/inventory.ts';
import { flagTexts } from '../../src/reports/inventory.ts';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import { runInProcess } from '../support/run-program.ts';
import { issueToken } from '../support/people.ts';

const hook = '0123456789abcdef0123456789abcdef0123';
const iso = (days: number): string =>
  new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

const config = (url: string): string =>
  mainConfig(url)
    .replace(
      'owner: iam@example.com, purpose: joiners',
      'owner: alice@example.com, purpose: joiners',
    )
    .replace(
      '{ owner: iam@example.com, purpose: reports, expires: 2099-12-31',
      `{ owner: iam@example.com, purpose: reports, expires: ${iso(20)}`,
    )
    .replace(
      'targets:\n',
      `  mover: { owner: alice@example.com, purpose: what webhooks ask for, expires: 2099-12-31, auth: internal }
targets:
  bare: { baseUrl: https://bare.example.com }
`,
    )
    .replace(
      '    timeout: 5s\n',
      `    timeout: 5s
    tenant: suite
    guards: [{ name: leave, actions: [users:deactivate], count: 5, percent: 10%, in: 1h }]
    protected: [{ name: glass, users: { ids: [id-1] }, never: [deactivate] }]
`,
    )
    .replace(
      'routes:\n',
      `plans:
  leave:
    as: mover
    steps:
      - { name: off, route: sandbox, find: { userName: event.subject }, do: deactivate }
routes:
  hooks:
    path: /hooks/hr
    webhook: { scheme: github, secrets: ["\${env:HOOK}"] }
    deliver:
      - { name: off, plan: leave }
      - { name: on, to: bare, path: /in, sign: none }
  again:
    path: /scim/again
    scim: sandbox
    approval: { required: [users:delete] }
    grants:
      - { client: full, users: { actions: ["*"] }, mode: shadow, until: 2099-12-31 }
      - { client: mover, users: { actions: [read, search, deactivate] } }
`,
    )
    .replace(
      '      - { client: full, use: provision }\n',
      '      - { client: full, use: provision }\n      - { client: mover, users: { actions: [read, search, deactivate] } }\n',
    );

let fixture: Fixture;
before(async () => {
  fixture = await startFixture({
    config,
    env: { HOOK: hook },
    clients: ['full', 'narrow', 'reader'],
  });
});
after(() => fixture.stop());

const inventory = (days = 90): Promise<readonly InventoryRow[]> =>
  fixture.gateway.context.reports.inventory(days);
const one = async (kind: string, name: string): Promise<InventoryRow> => {
  const row = (await inventory()).find((each) => each.kind === kind && each.name === name);
  assert.ok(row !== undefined, `${kind} ${name}`);
  return row;
};

void suite('the inventory', () => {
  void test('holds everything that is configured, and no secret', async () => {
    const rows = await inventory();
    assert.deepEqual(
      rows.map(({ kind, name }) => `${kind} ${name}`),
      [
        ...['full', 'narrow', 'reader', 'stranger', 'mover'].map((name) => `client ${name}`),
        'target bare',
        'target sandbox',
        'credential targets.sandbox.auth[0]',
        'webhook hooks',
        'deliver hooks/off',
        'deliver hooks/on',
        'plan leave',
        'guard leave',
        'protection glass',
        'approval routes.again.approval',
        'person alice@example.com',
      ],
    );
    assert.ok(!JSON.stringify(rows).includes(hook));
    for (const { flags } of rows) {
      for (const flag of flags) assert.ok((flag.split(':')[0] ?? '') in flagTexts, flag);
    }
  });

  void test('says of clients what they may, by what, until when, and what is odd about it', async () => {
    const full = await one('client', 'full');
    assert.deepEqual(full.flags, [
      'far-end',
      'wildcard:again/users',
      'trial:again',
      'wildcard:sandbox/users',
      'wildcard:sandbox/groups',
      'owner-unknown',
    ]);
    assert.deepEqual((await one('client', 'narrow')).flags, ['far-end']);
    assert.deepEqual((await one('client', 'reader')).flags, ['ends-soon', 'owner-unknown']);
    assert.deepEqual((await one('client', 'stranger')).flags, [
      'far-end',
      'no-key',
      'no-grant',
      'owner-unknown',
    ]);
    const mover = await one('client', 'mover');
    assert.deepEqual([mover.flags, mover['credentials']], [['far-end'], ['internal']]);
    const reader = await one('client', 'reader');
    assert.equal(reader.until, iso(20));
    assert.deepEqual(reader['routes'], [
      { route: 'sandbox', actions: ['users:read', 'users:search'] },
    ]);
    assert.equal((reader['keys'] as unknown[]).length, 1);
  });

  void test('says what leads to targets, and what stands in the way', async () => {
    assert.deepEqual((await one('target', 'bare')).flags, ['no-credential']);
    assert.deepEqual((await one('target', 'sandbox')).flags, []);
    const slot = await one('credential', 'targets.sandbox.auth[0]');
    assert.deepEqual(
      [slot.flags, slot['form'], slot['routes']],
      [['no-end', 'shared'], 'bearer', ['again', 'sandbox']],
    );
    const receiver = await one('webhook', 'hooks');
    assert.deepEqual([receiver.about, receiver.flags], ['from github, 1 secret', ['never-silent']]);
    assert.deepEqual((await one('deliver', 'hooks/on')).flags, ['unsigned']);
    const guard = await one('guard', 'leave');
    assert.equal(guard.about, 'users:deactivate: 5 or 10% in 1h per client, then hold');
    assert.deepEqual((await one('approval', 'routes.again.approval')).flags, ['one-approval']);
    assert.deepEqual((await one('person', 'alice@example.com')).flags, ['far-end', 'no-key']);
  });

  void test('is a table on the command line, and rows as JSON', async () => {
    const token = await issueToken(fixture, 'alice@example.com');
    const ask = (...more: readonly string[]) =>
      runInProcess(
        [
          'report',
          'inventory',
          ...more,
          '--config',
          fixture.configPath,
          '--admin',
          `http://127.0.0.1:${fixture.gateway.admin.port}`,
        ],
        { SALLYPORT_ADMIN_TOKEN: token },
      );
    const table = await ask();
    assert.equal(table.code, 0, table.err);
    assert.match(table.out, /^kind +name +until +flags +about\nclient +full +2099-12-31 +far-end,/);
    assert.match(table.out, /\nperson +alice@example\.com +2099-12-31 +far-end +viewer, operator/);
    const listed = await ask('--json');
    const rows = JSON.parse(listed.out) as readonly InventoryRow[];
    assert.deepEqual([listed.code, rows.length], [0, (await inventory()).length]);
    const bad = await ask('--days', 'x');
    assert.deepEqual([bad.code, bad.out], [1, '']);
    assert.match(bad.err, /^days: /);
  });
});
