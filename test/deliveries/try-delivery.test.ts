import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PlanOrder, PlanResult } from '../../src/deliveries/plan-runner.ts';
import { compileExpression } from '../../src/expressions.ts';
import { eventVariableTypes } from '../../src/identity/events/variables.ts';
import type { Expression } from '../../src/expressions.ts';
import type { Enrichment } from '../../src/snapshot.ts';
import {
  makeForward,
  makePlanRun,
  makeSnapshot,
  makeTarget,
  openScene,
  reader,
  startReceiver,
} from './outbox-fixture.ts';

const expression = (source: string): Expression => {
  const compiled = compileExpression(source, eventVariableTypes, null);
  if ('problem' in compiled) throw new Error(compiled.problem);
  return compiled;
};

const enrichment: Enrichment = {
  target: 'api',
  path: {
    source: '/v1/employees/{event.subject}?fields=status',
    print: ({ event }) => ({
      text: `/v1/employees/${(event as { subject: string }).subject}?fields=status`,
    }),
  },
};

/** A scene with a plan lane, and what its plans were run with. */
const withPlans = async (
  t: Parameters<typeof openScene>[0],
  answer: Parameters<typeof startReceiver>[1],
  result: (order: PlanOrder) => PlanResult = () => ({ kind: 'done', ledgerIds: ['led_1'] }),
  more: Parameters<typeof makePlanRun>[0] = {},
) => {
  const orders: PlanOrder[] = [];
  const api = await startReceiver(t, answer);
  const scene = await openScene(
    t,
    makeSnapshot([makePlanRun(more)], [makeTarget('api', api.url)], { enrich: enrichment }),
    {
      runPlan: (order) => {
        orders.push(order);
        return Promise.resolve(result(order));
      },
    },
  );
  return { scene, api, orders };
};
const json = (status: number, body: unknown) =>
  ((_got, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }) as Parameters<typeof startReceiver>[1];

describe('a try', () => {
  it('runs a plan with what the source says now', async (t) => {
    const { scene, api, orders } = await withPlans(t, json(200, { status: 'Inactive' }));
    const event = await scene.receive('{"subject":"42","kind":"leaver"}', { names: ['leave'] });
    await scene.until(async () => (await scene.states())['delivered'] === 1);
    assert.equal(api.got[0]?.path, '/v1/employees/42?fields=status');
    assert.equal(api.got[0]?.method, 'GET');
    assert.deepEqual(orders[0]?.enriched, { status: 'Inactive' });
    assert.equal(orders[0]?.event.subject, '42');
    assert.equal(orders[0]?.delivery.key.event, event);
    assert.ok((orders[0]?.deadline ?? Infinity) <= scene.clock.monotonic() + 20_000);
    const shown = await scene.stores.outbox.show({ event, item: 0, name: 'leave' });
    assert.deepEqual(shown?.attempts[0]?.ledgerIds, ['led_1']);
    assert.equal(scene.told[0]?.calls[0]?.call.purpose, 'lookup');
    assert.equal(scene.told[0]?.calls[0]?.call.template, '/v1/employees/');
  });

  it('runs it with nothing where the source knows nobody', async (t) => {
    const { scene, orders } = await withPlans(t, json(404, { error: 'no' }));
    await scene.receive('{"subject":"42"}', { names: ['leave'] });
    await scene.until(() => orders.length === 1);
    assert.equal(orders[0]?.enriched, null);
  });

  it('reads the source once for the deliveries of one item, and again for another', async (t) => {
    const api = await startReceiver(t, json(200, { status: 'Active' }));
    const scene = await openScene(
      t,
      makeSnapshot(
        [makePlanRun(), makePlanRun({ name: 'two', lane: 'hr/two' })],
        [makeTarget('api', api.url)],
        { enrich: enrichment },
      ),
    );
    await scene.receive('{"subject":"1"}', { names: ['leave', 'two'], subject: '1' });
    await scene.until(async () => (await scene.states())['delivered'] === 2);
    assert.equal(api.got.length, 1);
    await scene.receive('{"subject":"1"}', { names: ['leave'], subject: '1' });
    await scene.until(async () => (await scene.states())['delivered'] === 3);
    assert.equal(api.got.length, 2);
  });

  it('tries again where the source is ill, and runs nothing', async (t) => {
    const { scene, orders } = await withPlans(t, json(500, {}), undefined, { attemptsMax: 2 });
    await scene.receive('{"subject":"42"}', { names: ['leave'] });
    // The pool reads again by itself before it gives up.
    await scene.until(async () => (await scene.states())['dead'] === 1, 100);
    assert.equal(orders.length, 0);
    assert.deepEqual(
      scene.told.map(({ reason, result }) => `${result} ${reason}`),
      ['again enrich_500', 'dead enrich_500'],
    );
  });

  it('waits for a credential that the source refuses to be renewed', async (t) => {
    let status = 401;
    const { scene, orders } = await withPlans(t, (got, response, ordinal) =>
      json(status, { status: 'Active' })?.(got, response, ordinal),
    );
    await scene.receive('{"subject":"42"}', { names: ['leave'] });
    await scene.until(() => scene.told.length === 1);
    assert.equal(scene.told[0]?.result, 'again');
    assert.equal(scene.told[0]?.reason, 'enrich_401');
    status = 200;
    await scene.until(async () => (await scene.states())['delivered'] === 1, 100);
    assert.equal(orders.length, 1);
  });

  it('gives up on an answer of the source that is too large or no JSON', async (t) => {
    const { scene, orders } = await withPlans(t, json(200, 'x'.repeat(1_100_000)));
    await scene.receive('{"subject":"42"}', { names: ['leave'] });
    await scene.until(async () => (await scene.states())['dead'] === 1);
    assert.equal(scene.told[0]?.reason, 'enrich_unreadable');
    assert.equal(orders.length, 0);
  });

  it('puts it off to a date that only the source knows', async (t) => {
    let date = 0;
    const { scene, orders } = await withPlans(t, (got, response, ordinal) =>
      json(200, { effectiveAt: date })?.(got, response, ordinal),
    );
    date = scene.clock.now() + 3_600_000;
    await scene.receive('{"subject":"42"}', { names: ['leave'] });
    await scene.until(async () => (await scene.states())['scheduled'] === 1);
    assert.equal(orders.length, 0);
    scene.clock.advance(3_600_000);
    await scene.until(() => orders.length === 1, 50);
    assert.equal(orders[0]?.delivery.attempt, 1, 'putting off is no try');
  });

  const conditions: readonly (readonly [string, string, string | null])[] = [
    ['enriched.status == "Inactive"', 'delivered', null],
    ['enriched.status == "Active"', 'skipped', 'when'],
    ['event.kind == "joiner"', 'skipped', 'when'],
    ['enriched.nothing.there == 1', 'dead', 'when_failed'],
    ['enriched.status', 'dead', 'when_failed'],
  ];
  for (const [source, state, reason] of conditions) {
    it(`judges ${source}: ${state}`, async (t) => {
      const when = expression(source);
      const answer = json(200, { status: 'Inactive' });
      const { scene, orders } = await withPlans(t, answer, undefined, { when });
      const event = await scene.receive('{"subject":"42"}', { names: ['leave'] });
      await scene.until(async () => (await scene.states())[state] === 1);
      assert.equal(orders.length, state === 'delivered' ? 1 : 0);
      const shown = await scene.stores.outbox.show({ event, item: 0, name: 'leave' });
      assert.equal(shown?.delivery.reason, reason);
    });
  }

  const results: readonly (readonly [PlanResult, string, string])[] = [
    [
      { kind: 'failed', reason: 'action_denied', detail: 'd', ledgerIds: [] },
      'dead',
      'dead action_denied',
    ],
    [
      { kind: 'again', reason: 'target_timeout', retryAfterMs: null, ledgerIds: ['led_2'] },
      'ready',
      'again target_timeout',
    ],
    [
      { kind: 'again', reason: 'target_overloaded', retryAfterMs: 9_000, ledgerIds: [] },
      'ready',
      'postponed target_overloaded',
    ],
  ];
  for (const [result, state, told] of results) {
    it(`takes a plan's word: ${told}`, async (t) => {
      const { scene } = await withPlans(t, json(200, {}), () => result);
      await scene.receive('{"subject":"42"}', { names: ['leave'] });
      await scene.until(() => scene.told.length === 1);
      await scene.until(async () => (await scene.states())[state] === 1);
      assert.equal(`${scene.told[0]?.result} ${scene.told[0]?.reason}`, told);
      const rests = scene.deliveries().state()[0]?.standing?.resting;
      assert.equal(rests?.ms, told.startsWith('postponed') ? 9_000 : undefined);
    });
  }

  it('tries again where a plan runner breaks, and says so', async (t) => {
    const { scene } = await withPlans(
      t,
      json(200, {}),
      () => {
        throw new Error('a defect');
      },
      { attemptsMax: 1 },
    );
    await scene.receive('{"subject":"42"}', { names: ['leave'] });
    await scene.until(async () => (await scene.states())['dead'] === 1);
    assert.ok(scene.notes.includes('deliveries.try.failed'));
  });

  it('runs no plan that later news overtook', async (t) => {
    const { scene, orders } = await withPlans(t, json(200, {}));
    const at = scene.clock.now() - 10_000;
    const send = (kind: string, observedAt: number) =>
      scene.receive(JSON.stringify({ subject: 'anna', kind, observedAt }), {
        names: ['leave'],
        kind,
        observedAt,
      });
    await send('rehire', at + 1_000);
    await scene.until(async () => (await scene.states())['delivered'] === 1);
    await send('leaver', at);
    await scene.until(async () => (await scene.states())['superseded'] === 1);
    assert.deepEqual(
      orders.map(({ event }) => event.kind),
      ['rehire'],
    );
  });

  it('passes on what nobody can read, and runs no plan of it', async (t) => {
    const receiver = await startReceiver(t);
    const scene = await openScene(
      t,
      makeSnapshot([makeForward(), makePlanRun()], [makeTarget('n8n', receiver.url)]),
    );
    await scene.receive('no json', { names: ['n8n', 'leave'] });
    await scene.until(async () => (await scene.states())['dead'] === 1);
    await scene.until(async () => (await scene.states())['delivered'] === 1);
    assert.equal(receiver.got[0]?.body.toString(), 'no json');
    const dead = scene.told.find(({ result }) => result === 'dead');
    assert.equal(dead?.reason, 'event_unreadable');
  });

  it('runs no plan of what is no UTF-8, though it would read with other characters in place', async (t) => {
    const { scene, orders } = await withPlans(t, json(200, {}));
    const body = Buffer.from('{"subject":"J\xfcrgen"}', 'latin1');
    const event = await scene.receive(body, { names: ['leave'] });
    await scene.until(async () => (await scene.states())['dead'] === 1);
    assert.deepEqual(orders, []);
    const shown = await scene.stores.outbox.show({ event, item: 0, name: 'leave' });
    assert.equal(shown?.attempts[0]?.detail, 'it is not UTF-8');
  });

  it('is dead where its bytes are gone, and where the mapping knows the item no more', async (t) => {
    const receiver = await startReceiver(t);
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    await scene.receive('{"items":[{"subject":"a"}]}', { subjects: ['a', 'b'] });
    await scene.until(async () => (await scene.states())['dead'] === 1);
    assert.equal(scene.told.find(({ result }) => result === 'dead')?.reason, 'item_unknown');
  });

  it('reads a body of many items once, not once for each of them', async (t) => {
    const receiver = await startReceiver(t);
    let reads = 0;
    const counting = {
      ...reader,
      read: (given: Parameters<typeof reader.read>[0]) => {
        reads += 1;
        return reader.read(given);
      },
    };
    const targets = [makeTarget('n8n', receiver.url)];
    const scene = await openScene(t, makeSnapshot([makeForward()], targets, { reader: counting }));
    const subjects = Array.from({ length: 40 }, (_, index) => `s${index}`);
    const items = subjects.map((subject) => ({ subject }));
    await scene.receive(JSON.stringify({ items }), { subjects });
    await scene.until(async () => (await scene.states())['delivered'] === 40);
    assert.equal(reads, 1);
    assert.deepEqual(
      receiver.got.map(({ body }) => body.toString()).toSorted(),
      subjects.map((subject) => JSON.stringify({ items: [{ subject }] })).toSorted(),
    );
  });

  it('waits while a person froze the target, and goes on after', async (t) => {
    let frozen = true;
    const receiver = await startReceiver(t);
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
      { standing: { frozen: ({ route }) => frozen && route === 'hr' && 'route' } },
    );
    await scene.receive('{"subject":"a"}');
    await scene.until(() => scene.told.length === 1);
    assert.equal(scene.told[0]?.reason, 'target_frozen');
    assert.equal(receiver.got.length, 0);
    frozen = false;
    await scene.until(() => receiver.got.length === 1, 200);
    assert.equal(receiver.got[0]?.headers['sallyport-attempt'], '1');
  });

  it('signs nothing while the clock cannot be trusted', async (t) => {
    const receiver = await startReceiver(t);
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    await scene.settled();
    scene.clock.jump(86_400_000);
    await scene.receive('{"subject":"a"}', { dueAt: scene.clock.now() - 86_400_000 });
    await scene.until(() => scene.told.length === 1);
    assert.equal(scene.told[0]?.reason, 'clock_untrusted');
    assert.equal(receiver.got.length, 0);
  });

  it('reads the source for a forward only where its condition asks', async (t) => {
    const receiver = await startReceiver(t);
    const api = await startReceiver(t, json(200, { status: 'Active' }));
    const asking = makeForward({
      name: 'asking',
      lane: 'hr/asking',
      when: expression('enriched.status == "Active"'),
    });
    const scene = await openScene(
      t,
      makeSnapshot(
        [makeForward(), asking],
        [makeTarget('n8n', receiver.url), makeTarget('api', api.url)],
        { enrich: enrichment, reader },
      ),
    );
    await scene.receive('{"subject":"1"}');
    await scene.until(async () => (await scene.states())['delivered'] === 1);
    assert.equal(api.got.length, 0);
    await scene.receive('{"subject":"2"}', { names: ['asking'] });
    await scene.until(async () => (await scene.states())['delivered'] === 2);
    assert.equal(api.got.length, 1);
  });

  it('holds a forward back to a date that only the source knows', async (t) => {
    const receiver = await startReceiver(t);
    let date = 0;
    const api = await startReceiver(t, (got, response, ordinal) =>
      json(200, { effectiveAt: date })?.(got, response, ordinal),
    );
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url), makeTarget('api', api.url)], {
        enrich: enrichment,
        reader: { ...reader, needsEnriched: true },
      }),
    );
    date = scene.clock.now() + 3_600_000;
    await scene.receive('{"subject":"1"}');
    await scene.until(async () => (await scene.states())['scheduled'] === 1);
    assert.equal(receiver.got.length, 0);
    scene.clock.advance(3_600_000);
    await scene.until(() => receiver.got.length === 1, 50);
  });
});
