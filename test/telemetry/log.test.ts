import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { GatewayError } from '../../src/errors.ts';
import { describeFailure } from '../../src/telemetry/failure.ts';
import { makeLog } from '../../src/telemetry/log.ts';
import { makeObserver } from '../../src/telemetry/make-observer.ts';
import type { RequestSettled } from '../../src/telemetry/observe.ts';
import { part, refusedPart, settled, settledRead } from './settled.ts';

const canary = 'canary-jane.doe@example.com';

const logging = (level = 'debug') => {
  let text = '';
  const destination = {
    write: (piece: string) => {
      text += piece;
    },
  };
  const log = makeLog({ level, destination });
  const lines = async (): Promise<readonly Record<string, unknown>[]> => {
    await log.flush();
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  return { log, observer: makeObserver({ log, clock: systemClock }), lines, text: () => text };
};

test('a mutation is one line with these fields and no others', async () => {
  const { observer, lines } = logging();
  observer.requestSettled(settled());
  const [{ time, ...line } = {}, ...more] = await lines();
  assert.deepEqual(more, []);
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(line, {
    level: 'info',
    event: 'sallyport.mutation',
    trace_id: '018bcfe568004bf92f3577b34da6a3ce',
    span_id: 'b7ad6b7169203331',
    request_id: 'req_AAAAAAAAAAAAAAAA',
    ledger_id: 'led_0123abcd000001',
    method: 'PATCH',
    http_route: '/scim/slack/Users/{id}',
    status: 200,
    route: 'slack',
    client: 'entra-slack',
    key_id: 'abcdefghij',
    target: 'slack',
    operation: 'patch',
    actions: ['users:update', 'users:deactivate'],
    decision: 'allow',
    rule: 'routes.slack.grants.0',
    outcome: 'applied',
    settled_by: 'answer',
    duration_ms: 12.5,
    target_ms: 9,
    attempts: 1,
    normalised: 2,
    repairs: ['C3'],
    config_version: 'c0ffee',
    client_address: '203.0.113.7',
  });
});

test('a Bulk is one line of a request and one of a mutation for each of its operations', async () => {
  const { observer, lines } = logging();
  const whole = {
    operation: 'bulk',
    httpRoute: '/scim/slack/Bulk',
    mutation: null,
    decision: null,
  };
  observer.requestSettled(settled({ ...whole, parts: [part({}), refusedPart] }));
  const told = await lines();
  assert.deepEqual(
    told.map(({ event, operation, status, code, ledger_id, outcome, http_route }) => [
      event,
      operation,
      status,
      code,
      ledger_id,
      outcome,
      http_route,
    ]),
    [
      ['sallyport.request', 'bulk', 200, undefined, undefined, undefined, '/scim/slack/Bulk'],
      [
        'sallyport.mutation',
        'create',
        201,
        undefined,
        'led_0123abcd000002',
        'applied',
        '/scim/slack/Bulk',
      ],
      [
        'sallyport.mutation',
        'create',
        409,
        'reference_unresolved',
        undefined,
        undefined,
        '/scim/slack/Bulk',
      ],
    ],
  );
  assert.equal(new Set(told.map((line) => line['trace_id'])).size, 1);
});

test('levels follow the error table; changes and denials are never below info', async () => {
  const cases: readonly [RequestSettled, string, string][] = [
    [settledRead(), 'debug', 'sallyport.request'],
    [settledRead({ code: 'route_unknown', status: 404 }), 'debug', 'sallyport.request'],
    [settledRead({ code: 'action_denied', decision: 'deny' }), 'info', 'sallyport.request'],
    [settledRead({ code: 'target_timeout', status: 504 }), 'error', 'sallyport.request'],
    [settledRead({ code: 'toString' }), 'debug', 'sallyport.request'],
    [settled({ code: 'value_invalid', mutation: null }), 'info', 'sallyport.mutation'],
    [settled({ code: 'guard_tripped', decision: 'deny' }), 'warn', 'sallyport.mutation'],
  ];
  const { observer, lines } = logging();
  for (const [record] of cases) observer.requestSettled(record);
  assert.deepEqual(
    (await lines()).map(({ level, event }) => [level, event]),
    cases.map(([, level, event]) => [level, event]),
  );
});

test('LOG_LEVEL holds back, and an unknown one is info and says so', async () => {
  const quiet = logging('warn');
  quiet.observer.requestSettled(settled());
  assert.deepEqual(await quiet.lines(), []);
  const silent = logging('silent');
  silent.observer.note('error', 'x', {});
  assert.deepEqual(await silent.lines(), []);
  const odd = logging('constructor');
  odd.observer.requestSettled(settledRead());
  assert.deepEqual(
    (await odd.lines()).map(({ level, event }) => [level, event]),
    [['warn', 'log.level.unknown']],
  );
});

test("a defect's cause is told by name, code and place, never by its message", async () => {
  const { observer, lines, text } = logging();
  const inner = Object.assign(new RangeError(`row ${canary}\n    at ${canary} (/x.ts:1:1)`), {
    code: 'SQLITE_FULL',
  });
  const cause = new GatewayError('internal', { cause: inner });
  observer.requestSettled(settled({ status: 503, code: 'internal', cause, internal: 'in walk' }));
  const [line] = await lines();
  assert.equal(line?.['internal'], 'in walk');
  const [outer, nested] = line['cause'] as [Record<string, unknown>, Record<string, unknown>];
  assert.equal(outer['name'], 'GatewayError');
  assert.equal(outer['code'], 'internal');
  assert.equal(nested['name'], 'RangeError');
  assert.equal(nested['code'], 'SQLITE_FULL');
  assert.match((nested['stack'] as string[])[0] as string, /^at .*log\.test\.ts:\d+:\d+\)?$/);
  assert.ok(!text().includes('canary'));
});

test('whatever is thrown can be described, and none of its text is told', () => {
  const hostile = new Error(canary);
  Object.defineProperty(hostile, 'name', { value: canary });
  Object.defineProperty(hostile, 'stack', { value: `${canary}\n    at ${canary}` });
  const loop = new Error('a');
  loop.cause = loop;
  const throwing = new Proxy(new Error('x'), {
    get: () => {
      throw new Error(canary);
    },
  });
  for (const thrown of [hostile, loop, throwing, canary, 7, Symbol(canary), { message: canary }]) {
    const described = describeFailure(thrown);
    assert.ok(described.length >= 1 && described.length <= 5);
    assert.ok(!JSON.stringify(described).includes('canary'));
  }
});

test('a note keeps flat values and leaves the rest out', async () => {
  const { observer, lines } = logging();
  observer.note('warn', 'some.event', {
    text: 'a\nb',
    count: 2,
    list: ['a', { hidden: canary }, 3],
    object: { hidden: canary },
    error: new Error(canary),
    big: 10n,
    call: () => canary,
    long: 'x'.repeat(10_000),
    ['__proto__']: 'harmless',
  });
  const [line] = await lines();
  assert.equal(line?.['text'], 'a\nb');
  assert.deepEqual(line['list'], ['a', 3]);
  assert.equal((line['long'] as string).length, 4_096);
  assert.equal((line['error'] as { name: string }[])[0]?.name, 'Error');
  for (const name of ['object', 'big', 'call']) assert.ok(!(name in line));
  assert.ok(!JSON.stringify(line).includes('canary'));
});

test('a destination that throws costs a line, not a request', () => {
  const log = makeLog({
    level: 'info',
    destination: {
      write: () => {
        throw new Error('gone');
      },
    },
  });
  const observer = makeObserver({ log, clock: systemClock });
  observer.note('error', 'x', {});
  assert.equal(log.dropped(), 1);
});
