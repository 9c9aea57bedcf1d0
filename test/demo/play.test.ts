import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { has, differences, type Played } from '../../src/demo/play-session.ts';
import { playDemo } from '../../src/demo/play.ts';
import { session } from '../../src/demo/session.ts';

const folders = async (): Promise<readonly string[]> =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('sallyport-demo-'));

test('the demo plays its session as expected, and leaves nothing behind', async () => {
  const before = await folders();
  const out: string[] = [];
  const code = await playDemo(
    {
      env: {},
      version: '0.0.0',
      write: async (text) => void out.push(text),
      error: (line) => void out.push(line),
      onSignal: () => undefined,
    },
    { once: true },
  );
  const text = out.join('');
  assert.equal(code, 0, text);
  assert.match(text, new RegExp(`${session.length} of ${session.length} calls went as expected`));
  assert.match(text, /the export with one word altered: NOT verified: edited/);
  assert.doesNotMatch(text, /DIFF/);
  assert.deepEqual(await folders(), before);
});

const played = (change: Partial<Played>): Played => ({
  step: {
    says: 'a step',
    client: 'entra',
    method: 'GET',
    path: '/Users/1',
    expect: { status: 200, actions: ['users:read'], holds: { active: false } },
  },
  status: 200,
  code: null,
  detail: null,
  ledgerId: null,
  traceId: '',
  actions: ['users:read'],
  decision: 'allow',
  repairs: [],
  held: { active: false, userName: 'x' },
  ...change,
});

test('a row that differs is told, whatever differs', () => {
  const told = (change: Partial<Played>) => differences(played(change), undefined, new Map());
  assert.deepEqual(told({}), []);
  assert.deepEqual(told({ status: 500 }), ['status: expected 200, got 500']);
  assert.deepEqual(told({ code: 'internal' }), ['code: expected null, got "internal"']);
  assert.equal(told({ actions: [] }).length, 1);
  assert.equal(told({ held: { active: true } }).length, 1);
  assert.equal(told({ held: null }).length, 1);
});

test('a mutation that the ledger does not know is told', () => {
  const step = {
    ...played({}).step,
    method: 'DELETE',
    expect: { status: 204, actions: ['users:delete'] },
  } as const;
  const told = differences(
    played({ step, status: 204, actions: ['users:delete'], ledgerId: 'led_1' }),
    undefined,
    new Map(),
  );
  assert.equal(told.length, 4);
});

test('has: objects at least, arrays whole', () => {
  assert.ok(has({ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ c: 2 }] }));
  assert.ok(!has({ b: [{ c: 2 }, { c: 3 }] }, { b: [{ c: 2 }] }));
  assert.ok(!has({ b: 'x' }, { b: { c: 1 } }));
  assert.ok(!has(null, { a: undefined }));
});
