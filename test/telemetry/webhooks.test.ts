/** What is told of webhooks: log lines that strangers cannot multiply, attributes and counters. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import type { EventId } from '../../src/ids.ts';
import { requestAttributes } from '../../src/telemetry/attributes.ts';
import { makeLog } from '../../src/telemetry/log.ts';
import { makeObserver } from '../../src/telemetry/make-observer.ts';
import type { RequestSettled, WebhookSettled } from '../../src/telemetry/observe.ts';
import { settledRead } from './settled.ts';

const logging = () => {
  let text = '';
  const destination = {
    write: (piece: string) => {
      text += piece;
    },
  };
  const log = makeLog({ level: 'debug', destination });
  const lines = async (): Promise<readonly Record<string, unknown>[]> => {
    await log.flush();
    const read = text.split('\n').slice(0, -1);
    text = '';
    return read.map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  return { observer: makeObserver({ log, clock: systemClock }), lines };
};

const webhook = (
  told: Partial<WebhookSettled>,
  change: Partial<RequestSettled> = {},
): RequestSettled =>
  settledRead({
    method: 'POST',
    httpRoute: '/hooks/hr',
    route: 'hr',
    client: null,
    keyId: 'secrets[0]',
    target: null,
    operation: null,
    actions: [],
    resourceType: null,
    decision: null,
    rule: null,
    normalisedCount: 0,
    repairs: [],
    targetMs: 0,
    attempts: [],
    webhook: {
      sender: 'bamboohr',
      result: 'stored',
      eventId: 'evt_018bcfe568004bf92f3577b3' as EventId,
      greeting: null,
      answered: null,
      ...told,
    },
    ...change,
  });

const refused = (endedAt: number, route = 'hr'): RequestSettled =>
  webhook(
    { result: 'refused', eventId: null },
    {
      endedAt,
      route,
      code: 'signature_invalid',
      internal: 'no key fits',
      status: 401,
      keyId: null,
    },
  );

test('a stored message is a line at info, its repeat one at debug', async () => {
  const { observer, lines } = logging();
  observer.requestSettled(webhook({}));
  observer.requestSettled(webhook({ result: 'duplicate' }));
  const [stored, repeat, ...more] = await lines();
  assert.deepEqual(more, []);
  assert.equal(stored?.['event'], 'sallyport.webhook');
  assert.equal(stored?.['level'], 'info');
  assert.equal(stored?.['result'], 'stored');
  assert.equal(stored?.['scheme'], 'bamboohr');
  assert.equal(stored?.['event_id'], 'evt_018bcfe568004bf92f3577b3');
  assert.equal(stored?.['key_id'], 'secrets[0]');
  assert.equal(repeat?.['level'], 'debug');
});

test('refusals of a route are one line a second, with how many it stands for', async () => {
  const { observer, lines } = logging();
  for (let one = 0; one < 100; one++) observer.requestSettled(refused(1_000 + one));
  observer.requestSettled(refused(1_100, 'it'));
  observer.requestSettled(refused(2_000));
  const told = await lines();
  assert.deepEqual(
    told.map(({ level, route, count, internal }) => [level, route, count, internal]),
    [
      ['warn', 'hr', undefined, 'no key fits'],
      ['warn', 'it', undefined, 'no key fits'],
      ['warn', 'hr', 100, 'no key fits'],
    ],
  );
});

test('a clock that went back holds no line back', async () => {
  const { observer, lines } = logging();
  observer.requestSettled(refused(9_000));
  observer.requestSettled(refused(1_000));
  assert.equal((await lines()).length, 2);
});

test('attributes name sender, event, key and the reason of a refusal', () => {
  const stored = requestAttributes(webhook({}));
  assert.equal(stored['sallyport.scheme'], 'bamboohr');
  assert.equal(stored['sallyport.event.id'], 'evt_018bcfe568004bf92f3577b3');
  assert.equal(stored['sallyport.key.id'], 'secrets[0]');
  assert.equal(stored['sallyport.reason'], undefined);
  const no = requestAttributes(refused(1));
  assert.equal(no['sallyport.reason'], 'no key fits');
  assert.equal(no['sallyport.code'], 'signature_invalid');
  assert.equal(no['sallyport.event.id'], undefined);
});

test('messages are counted by result and code, sources by what they lack', async () => {
  const { observer, lines } = logging();
  observer.requestSettled(webhook({}));
  observer.requestSettled(webhook({}));
  observer.requestSettled(refused(1));
  const at = { route: 'hr', lastAt: 1_700_000_000_000 };
  observer.sourceNoticed({ ...at, kind: 'silent', count: 1 });
  observer.sourceNoticed({ ...at, kind: 'missed', count: 3 });
  observer.sourceNoticed({ ...at, kind: 'retried', count: 2 });
  const text = await observer.prometheus();
  const value = (name: string, ...labels: readonly string[]): string | undefined =>
    text
      .split('\n')
      .find((line) => line.startsWith(name) && labels.every((label) => line.includes(label)))
      ?.split(' ')
      .at(-1);
  assert.equal(value('sallyport_webhooks_total{', 'result="stored"', 'scheme="bamboohr"'), '2');
  assert.equal(value('sallyport_webhooks_total{', 'error_type="signature_invalid"'), '1');
  assert.equal(value('sallyport_webhooks_silent{', 'route="hr"'), '1');
  assert.equal(value('sallyport_webhooks_missed_total{'), '3');
  assert.equal(value('sallyport_webhooks_retried_total{'), '2');
  observer.sourceNoticed({ ...at, kind: 'returned', count: 1 });
  assert.match(await observer.prometheus(), /sallyport_webhooks_silent\{[^}]*\} 0/);
  const events = (await lines()).map(({ level, event }) => `${String(level)} ${String(event)}`);
  assert.deepEqual(events.slice(-4), [
    'warn webhook.silent',
    'warn webhook.missed',
    'info webhook.retried',
    'info webhook.returned',
  ]);
});
