import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffSnapshots } from '../../src/config/widening.ts';
import { diffLines, printDiff } from '../../src/commands/print-diff.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import { load, store } from './loading.ts';

const base = `version: 1
${store}admin:
  people: [{ name: a@x, roles: [approver], until: 2027-06-30 }]
holds:
  notify: []
clients:
  c1: { owner: abc, purpose: abc, expires: 2027-06-30, auth: [{ apiKey: {} }] }
targets:
  t1:
    baseUrl: https://t1.example.com
    tenant: prod
    guards:
      - { name: leave, actions: [users:deactivate, users:delete], count: 25, percent: 5%, in: 1h, slow: { count: 100, in: 7d }, per: client, then: deny, by: 2 }
      - { name: empty, detect: emptied, above: 3 }
      - { name: swap, detect: replaced, share: 50% }
      - { name: clear, detect: cleared, attributes: [title, emails], count: 2, in: 1h }
    protected:
      - { name: glass, users: { userName: [a, b], memberOf: [m], when: before.active }, never: [delete, deactivate] }
    privileged: { groups: [g1, g2], attributes: [title, nickName] }
  t2: { baseUrl: https://t2.example.com, tenant: prod }
  pdp: { baseUrl: https://pdp.example.com }
routes:
  r1:
    path: /r1
    scim: t1
    approval: { required: [groups:delete, users:delete], by: 2, expires: 24h }
    authzen: { target: pdp, actions: [users:create, users:update] }
    grants:
      - { client: c1, users: { actions: [read, deactivate] }, urgent: 5/h }
`;

const snapshotOf = async (text: string): Promise<Snapshot> => {
  const { snapshot, problems } = await load(text);
  assert.deepEqual(problems, []);
  assert.ok(snapshot !== null);
  return snapshot;
};

const tenant = (what: string): string => `tenant prod: ${what}`;

/** `[from, to, what is newly allowed one way, and the other way]`. */
const cases: readonly (readonly [string | RegExp, string, readonly string[], readonly string[]])[] =
  [
    [/ {6}- \{ name: leave.*\n/, '', [tenant('guard leave is removed')], []],
    [
      ', users:delete], count',
      '], count',
      [tenant('guard leave no longer counts users:delete')],
      [],
    ],
    ['count: 25', 'count: 26', [tenant('guard leave lets 26 or 5% in 1h pass')], []],
    ['count: 25, ', '', [tenant('guard leave lets 5% in 1h pass')], []],
    ['percent: 5%', 'percent: 6%', [tenant('guard leave lets 25 or 6% in 1h pass')], []],
    ['in: 1h, slow', 'in: 30m, slow', [tenant('guard leave lets 25 or 5% in 30m pass')], []],
    [', slow: { count: 100, in: 7d }', '', [tenant('guard leave has no slow window any more')], []],
    ['per: client', 'per: tenant', [], [tenant('guard leave counts per client')]],
    ['then: deny', 'then: hold', [tenant('guard leave holds instead of denying')], []],
    [
      'by: 2 }\n      - { name: empty',
      'by: 1 }\n      - { name: empty',
      [tenant('guard leave needs 1 approvals')],
      [],
    ],
    ['above: 3', 'above: 9', [tenant('guard empty passes over groups of up to 9 members')], []],
    [
      'above: 3',
      'count: 2, in: 1h',
      [tenant('guard empty lets 2 in 1h pass')],
      [tenant('guard empty passes over groups of up to 3 members')],
    ],
    ['share: 50%', 'share: 90%', [tenant('guard swap lets 90% of the members go')], []],
    ['[title, emails]', '[title]', [tenant('guard clear no longer watches emails')], []],
    [/ {4}protected:\n.*\n/, '', [tenant('protection glass is removed')], []],
    [
      'never: [delete, deactivate]',
      'never: [delete]',
      [tenant('protection glass no longer forbids users:deactivate')],
      [],
    ],
    [
      'userName: [a, b]',
      'userName: [a]',
      [tenant('protection glass protects fewer by userName (1 removed)')],
      [],
    ],
    [
      'memberOf: [m], ',
      '',
      [tenant('protection glass protects fewer by memberOf (1 removed)')],
      [],
    ],
    [
      'before.active',
      'before.title == "x"',
      [tenant('protection glass condition changed')],
      [tenant('protection glass condition changed')],
    ],
    ['groups: [g1, g2]', 'groups: [g1]', [tenant('groups no longer privileged: g2')], []],
    ['groups: [g1, g2], ', '', [tenant('groups no longer privileged: g1, g2')], []],
    ['[title, nickName]', '[title]', [tenant('attributes no longer privileged: nickName')], []],
    [/ {4}approval: .*\n/, '', ['without approval: groups:delete, users:delete'], []],
    [
      'required: [groups:delete, users:delete]',
      'required: [users:delete]',
      ['without approval: groups:delete'],
      [],
    ],
    ['by: 2, expires', 'by: 1, expires', ['approval by 1'], []],
    ['expires: 24h', 'expires: 48h', ['approvals wait for 2d'], []],
    ['expires: 24h', 'passwords: keep', ['passwords of held changes are kept'], []],
    [/ {4}authzen: .*\n/, '', ['no external decision is asked for'], []],
    [', actions: [users:create, users:update]', '', [], ['no external decision on some actions']],
    [
      '[users:create, users:update]',
      '[users:create]',
      ['no external decision on users:update'],
      [],
    ],
    [
      'target: pdp, actions',
      'target: pdp, path: /other, actions',
      ['decisions are asked of pdp/other'],
      ['decisions are asked of pdp/access/v1/evaluation'],
    ],
    ['urgent: 5/h', 'urgent: 6/h', ['urgent: 6 revocations per 3600s past the guards'], []],
    ['urgent: 5/h', 'urgent: 5/m', ['urgent: 5 revocations per 60s past the guards'], []],
    [', urgent: 5/h', '', [], ['urgent: 5 revocations per 3600s past the guards']],
    ['holds:\n', 'holds:\n  expires: 48h\n', ['held changes wait for 2d'], []],
    [
      'notify: []',
      'notify: [{ name: n, to: pdp, path: /x, sign: none }]',
      ['pdp/x is told of held changes'],
      [],
    ],
    // Written at another target of the same tenant it is the same rule.
    [
      'tenant: prod }',
      'tenant: prod, guards: [{ name: empty, detect: emptied, above: 3 }] }',
      [],
      [],
    ],
  ];

test('each loosening of safety is told in the direction it widens', async () => {
  const old = await snapshotOf(base);
  for (const [from, to, allowed, denied] of cases) {
    const text = base.replace(from, to);
    assert.notEqual(text, base, String(from));
    const diff = diffSnapshots(old, await snapshotOf(text));
    const whats = (side: 'allowed' | 'denied') => diff[side].map(({ what }) => what);
    assert.deepEqual(whats('allowed'), allowed, `${String(from)} -> ${to}`);
    assert.deepEqual(whats('denied'), denied, `${to} -> ${String(from)}`);
  }
});

test('rules that go with the last target of their tenant loosen nothing', async () => {
  const gone = base
    .replace(/ {2}t1:\n(?: {4}.*\n)+/, '')
    .replace(/ {2}t2: .*\n/, '  t1: { baseUrl: https://other.example.com }\n');
  const diff = diffSnapshots(await snapshotOf(base), await snapshotOf(gone));
  assert.deepEqual(
    diff.allowed.map(({ what }) => what),
    ['target now at https://other.example.com', 'tenant now https://other.example.com'],
  );
});

test('diff prints them', async () => {
  const next = await snapshotOf(base.replace('count: 25', 'count: 99'));
  const text = printDiff(diffLines(diffSnapshots(await snapshotOf(base), next))).join('\n');
  assert.match(text, /tenant prod: guard leave lets 99 or 5% in 1h pass/);
});
