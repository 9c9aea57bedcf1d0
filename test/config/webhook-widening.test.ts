/** What a change to webhook routes and plans newly lets in or sends out: what a careful reload waits for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { widenings } from '../../src/config/widening.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import { load } from './loading.ts';
import { webhooks } from './webhooks.ts';

const settings = (more: string): string =>
  `{ scheme: bamboohr, secrets: ['\${env:HOOK}', { value: '\${env:OLD}', until: 2027-06-30 }], ${more} }`;
const base = webhooks({
  webhook: settings('tolerance: 5m, dedupe: { window: 10d, by: id }, rate: 50/s, maxBody: 64KiB'),
});

const snapshotOf = async (text: string): Promise<Snapshot> => {
  const { snapshot, problems } = await load(text);
  assert.deepEqual(problems, []);
  assert.ok(snapshot !== null);
  return snapshot;
};

const route = (...whats: readonly string[]) =>
  whats.map((what) => ({ client: null, route: 'hook', what }));
const plan = (...whats: readonly string[]) =>
  whats.map((what) => ({ client: null, route: null, what: `plan leaver: ${what}` }));

type Told = ReturnType<typeof route> | ReturnType<typeof plan>;

/** `[from, to, what is newly allowed one way, and the other way]`. */
const cases: readonly (readonly [string, string, Told, Told])[] = [
  [
    "['${env:HOOK}', {",
    "['${env:HOOK}', '${env:NEW}', {",
    route('webhooks signed with a further key (secrets[1])'),
    [],
  ],
  [
    'until: 2027-06-30',
    'until: 2027-07-31',
    route('webhooks signed with secrets[1] until 2027-07-31'),
    [],
  ],
  [', until: 2027-06-30', '', route('webhooks signed with secrets[1] without end'), []],
  ['tolerance: 5m', 'tolerance: 10m', route('signed times 600s off'), []],
  [
    'tolerance: 5m, ',
    '',
    route('signed times as the sender has it off'),
    route('signed times 300s off'),
  ],
  ['window: 10d', 'window: 9d', route('repeats told for 777600s'), []],
  ['by: id', 'by: none', route('repeats told by none'), route('repeats told by id')],
  ['rate: 50/s', 'rate: 60/s', route('webhooks limit 60 per 1s, burst 60'), []],
  [', rate: 50/s', '', route('webhooks limit removed'), []],
  ['maxBody: 64KiB', 'maxBody: 65KiB', route('webhooks of 66560 bytes'), []],
  ['maxBody: 64KiB', 'maxBody: 64KiB, silentAfter: 2d', [], []],
  ['path: /in', 'path: /out', route('delivers to flow/out'), route('delivers to flow/in')],
  [
    "sign: { secret: '${env:SIGN}' }",
    'sign: none',
    route('delivers to flow/in'),
    route('delivers to flow/in'),
  ],
  [
    '      - { name: leave',
    '      - { name: again, to: flow, sign: none }\n      - { name: leave',
    route('delivers to flow'),
    [],
  ],
  [', when: event.kind == "leaver"', '', route('runs plan leaver: condition removed'), []],
  [
    '"leaver"',
    '"mover"',
    route('runs plan leaver: condition changed'),
    route('runs plan leaver: condition changed'),
  ],
  ['path: /in,', 'path: /in, attempts: 20, concurrent: 99, order: event.id,', [], []],
  [
    '/v1/{event.subject}',
    '/v2/{event.subject}',
    route('reads /v2/{event.subject} at api'),
    route('reads /v1/{event.subject} at api'),
  ],
  [
    'kind: enriched.status',
    'kind: enriched.state',
    route('what its events mean changed'),
    route('what its events mean changed'),
  ],
  [
    'https://flow.',
    'https://flew.',
    route('target now at https://flew.example.com', 'tenant now https://flew.example.com'),
    route('target now at https://flow.example.com', 'tenant now https://flow.example.com'),
  ],
  [
    'do: deactivate',
    'do: delete',
    plan('step t1: delete users through scim'),
    plan('step t1: deactivate users through scim'),
  ],
  [
    'do: deactivate }',
    'do: deactivate }\n      - { name: t2, route: scim, find: { userName: event.subject }, do: delete }',
    plan('step t2: delete users through scim'),
    [],
  ],
  ['    as: c1', '    as: c1\n    deadline: 1h', [], []],
];

test('a change is told in the direction in which it lets in or sends out more', async () => {
  const old = await snapshotOf(base);
  for (const [from, to, newly, back] of cases) {
    assert.ok(base.includes(from), from);
    const next = await snapshotOf(base.replace(from, to));
    assert.deepEqual(widenings(old, next), newly, `${from} -> ${to}`);
    assert.deepEqual(widenings(next, old), back, `${to} -> ${from}`);
  }
});

test('a new webhook route is told with all it does; one that goes is not', async () => {
  const without = base.replace(/ {2}hook:\n(?: {4,}.*\n)*/, '');
  const [old, next] = [await snapshotOf(without), await snapshotOf(base)];
  assert.deepEqual(
    widenings(old, next),
    route(
      'webhooks of bamboohr at /hooks/a',
      'reads /v1/{event.subject} at api',
      'delivers to flow/in',
      'runs plan leaver',
    ),
  );
  assert.deepEqual(widenings(next, old), []);
});

test('what only moves or renames is no widening', async () => {
  const old = await snapshotOf(base);
  assert.deepEqual(widenings(old, old), []);
  assert.deepEqual(widenings(old, await snapshotOf(base.replace('  hook:', '  hooks:'))), []);
});

test('steps in another order are told', async () => {
  const step = (name: string): string =>
    `      - { name: ${name}, route: scim, find: { userName: event.subject }, do: delete }\n`;
  const [old, next] = [
    await snapshotOf(webhooks({ steps: step('a') + step('b') })),
    await snapshotOf(webhooks({ steps: step('b') + step('a') })),
  ];
  assert.deepEqual(widenings(old, next), plan('its steps have another order'));
});
