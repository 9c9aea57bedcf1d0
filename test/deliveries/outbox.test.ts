import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deliveryId } from '../../src/ids.ts';
import { countEveryMs } from '../../src/deliveries/lane-counter.ts';
import { pruneEveryMs } from '../../src/deliveries/pruning.ts';
import {
  makeForward,
  makeSnapshot,
  makeTarget,
  openScene,
  startReceiver,
  type Got,
} from './outbox-fixture.ts';

const subjectOf = ({ body }: Got): string =>
  (JSON.parse(body.toString()) as { subject: string }).subject;
const numberOf = ({ body }: Got): number => (JSON.parse(body.toString()) as { n: number }).n;

describe('the outbox', () => {
  it('does nothing at all while there is nothing to do', async (t) => {
    const receiver = await startReceiver(t);
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    await scene.receive('{"subject":"a"}');
    await scene.until(async () => (await scene.states())['delivered'] === 1);
    scene.clock.advance(countEveryMs);
    await scene.until(() => scene.counted.length > 0 && scene.clock.armed() === 1);
    assert.ok(scene.asked.includes('claim') && scene.asked.includes('nextDueAt'));
    // What is left is the minute of pruning.
    const before = scene.asked.length;
    for (let minute = 0; minute < 5; minute += 1) {
      scene.clock.advance(pruneEveryMs);
      await scene.until(() => scene.clock.armed() === 1);
    }
    assert.deepEqual(scene.asked.slice(before), []);
    assert.equal(scene.clock.armed(), 1);
  });

  it('keeps order per subject while the head fails, and lets others flow', async (t) => {
    let failing = true;
    const receiver = await startReceiver(t, (got, response) => {
      response.writeHead(failing && subjectOf(got) === 'anna' ? 500 : 204).end();
    });
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    for (const n of [1, 2, 3]) {
      await scene.receive(JSON.stringify({ subject: 'anna', n }), { subject: 'anna' });
      await scene.receive(JSON.stringify({ subject: 'ben', n }), { subject: 'ben' });
    }
    await scene.until(async () => (await scene.states())['delivered'] === 3);
    const ofAnna = (): number[] =>
      receiver.got.filter((got) => subjectOf(got) === 'anna').map(numberOf);
    assert.deepEqual([...new Set(ofAnna())], [1], 'nobody passes the head');
    failing = false;
    await scene.until(async () => (await scene.states())['delivered'] === 6, 500);
    assert.deepEqual(
      ofAnna().filter((n, at, all) => n !== all[at - 1]),
      [1, 2, 3],
    );
    assert.deepEqual(
      receiver.got.filter((got) => subjectOf(got) === 'ben').map(numberOf),
      [1, 2, 3],
    );
  });

  it('waits between tries as the schedule says', async (t) => {
    const receiver = await startReceiver(t, (_got, response) => response.writeHead(503).end());
    const scene = await openScene(
      t,
      makeSnapshot([makeForward({ attemptsMax: 5 })], [makeTarget('n8n', receiver.url)]),
    );
    await scene.receive('{"subject":"a"}');
    await scene.until(async () => (await scene.states())['dead'] === 1, 100);
    assert.equal(receiver.got.length, 5);
    const at = scene.told.map(({ startedAt }) => startedAt);
    const waits = at.slice(1).map((one, index) => one - (at[index] as number));
    for (const [index, ceiling] of [1_000, 4_000, 16_000, 64_000].entries()) {
      const wait = waits[index] as number;
      assert.ok(wait >= ceiling - 100 && wait < ceiling + 15_000, `${wait} for ${ceiling}`);
    }
    assert.deepEqual(
      scene.told.map(({ result }) => result),
      ['again', 'again', 'again', 'again', 'dead'],
    );
  });

  it('gives up on poison, releases the line, and says so to the next', async (t) => {
    const receiver = await startReceiver(t, (got, response) => {
      response.writeHead(numberOf(got) === 1 ? 422 : 204).end('not like this');
    });
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    const first = await scene.receive('{"subject":"anna","n":1}');
    await scene.receive('{"subject":"anna","n":2}');
    await scene.receive('{"subject":"anna","n":3}');
    await scene.until(async () => (await scene.states())['delivered'] === 2);
    assert.equal((await scene.states())['dead'], 1);
    assert.deepEqual(receiver.got.map(numberOf), [1, 2, 3]);
    assert.deepEqual(
      receiver.got.map(({ headers }) => headers['sallyport-order-gap']),
      [undefined, deliveryId({ event: first, item: 0, name: 'n8n' }), undefined],
    );
    const dead = scene.told.filter(({ result }) => result === 'dead');
    assert.equal(dead.length, 1);
    assert.equal(dead[0]?.reason, '422');
  });

  it('waits as long as a receiver asks', async (t) => {
    const receiver = await startReceiver(t, (_got, response, ordinal) => {
      if (ordinal === 1) response.writeHead(429, { 'retry-after': '120' }).end();
      else response.writeHead(204).end();
    });
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    await scene.receive('{"subject":"a"}');
    await scene.until(() => scene.told.length === 1);
    await scene.settled();
    scene.clock.advance(119_000);
    await scene.settled();
    assert.equal(receiver.got.length, 1);
    await scene.until(() => receiver.got.length === 2, 100);
    const [first, second] = scene.told;
    await scene.until(() => scene.told.length === 2);
    assert.ok((second ?? scene.told[1])!.startedAt - first!.startedAt >= 120_000);
  });

  it('tries a gone destination no more until a reload', async (t) => {
    let status = 410;
    const receiver = await startReceiver(t, (_got, response) => response.writeHead(status).end());
    const snapshot = makeSnapshot(
      [makeForward({ concurrent: 1 })],
      [makeTarget('n8n', receiver.url)],
    );
    const scene = await openScene(t, snapshot);
    await scene.receive('{"subject":"a"}', { subject: 'a' });
    await scene.until(async () => (await scene.states())['dead'] === 1);
    await scene.receive('{"subject":"b"}', { subject: 'b' });
    scene.clock.advance(3_600_000);
    await scene.settled();
    assert.equal(receiver.got.length, 1);
    assert.equal(scene.told[0]?.reason, 'gone');
    assert.deepEqual(await scene.states(), { dead: 1, ready: 1 });
    assert.equal(scene.deliveries().state()[0]?.standing?.gone, true);
    assert.ok(scene.notes.includes('deliveries.lane.gone'));
    status = 204;
    scene.swap(snapshot);
    await scene.until(async () => (await scene.states())['delivered'] === 1);
  });

  it('sends again after a crash, under the same id', async (t) => {
    let hold = true;
    const receiver = await startReceiver(t, (_got, response) => {
      if (!hold) response.writeHead(204).end();
    });
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    await scene.receive('{"subject":"a"}');
    await scene.until(() => receiver.got.length === 1);
    hold = false;
    scene.restart();
    await scene.until(async () => (await scene.states())['delivered'] === 1);
    assert.equal(receiver.got.length, 2);
    const ids = receiver.got.map(({ headers }) => headers['webhook-id']);
    assert.equal(ids[0], ids[1]);
    assert.equal(receiver.got[1]?.headers['sallyport-attempt'], '2');
  });

  it('lets what takes its gateway down again and again not go on for ever', async (t) => {
    const receiver = await startReceiver(t, (got, response) => {
      if (numberOf(got) === 2) response.writeHead(204).end();
    });
    const targets = [makeTarget('n8n', receiver.url)];
    const scene = await openScene(t, makeSnapshot([makeForward({ attemptsMax: 3 })], targets));
    await scene.receive('{"subject":"a","n":1}');
    await scene.receive('{"subject":"a","n":2}');
    for (let life = 1; life <= 3; life += 1) {
      await scene.until(() => receiver.got.length === life);
      scene.restart();
    }
    await scene.until(async () => (await scene.states())['delivered'] === 1);
    assert.deepEqual(await scene.states(), { dead: 1, delivered: 1 });
    assert.deepEqual(receiver.got.map(numberOf), [1, 1, 1, 2]);
    assert.equal(scene.told.find(({ result }) => result === 'dead')?.reason, 'tries_spent');
  });

  it('holds a lease for as long as a try may take', async (t) => {
    const receiver = await startReceiver(t, (_got, response, ordinal) => {
      if (ordinal > 1) response.writeHead(204).end();
    });
    const target = makeTarget('n8n', receiver.url, { timeout: '10m' });
    const scene = await openScene(t, makeSnapshot([makeForward()], [target]));
    await scene.receive('{"subject":"a"}');
    await scene.until(() => receiver.got.length === 1);
    scene.clock.advance(599_000);
    await scene.settled();
    assert.equal(receiver.got.length, 1, 'nobody else may try it meanwhile');
    scene.clock.advance(1_000);
    await scene.until(() => receiver.got.length === 2, 100);
    assert.equal(scene.told[0]?.reason, 'timeout');
    assert.equal(scene.told[0]?.result, 'again');
  });

  it('goes on with new settings after a reload, and leaves lanes that are gone to be seen', async (t) => {
    const one = await startReceiver(t, (_got, response) => response.writeHead(500).end());
    const two = await startReceiver(t);
    const other = makeForward({ name: 'other', lane: 'hr/other', path: '/other' });
    const scene = await openScene(
      t,
      makeSnapshot([makeForward(), other], [makeTarget('n8n', one.url)]),
    );
    await scene.receive('{"subject":"a"}', { names: ['n8n', 'other'] });
    await scene.until(() => one.got.length === 2);
    await scene.until(async () => (await scene.states())['ready'] === 2);
    scene.swap(
      makeSnapshot([makeForward({ path: '/new', concurrent: 2 })], [makeTarget('n8n', two.url)]),
    );
    await scene.until(() => two.got.length === 1, 100);
    assert.equal(two.got[0]?.path, '/new');
    await scene.until(async () => (await scene.states())['delivered'] === 1);
    await scene.until(() => {
      const left = scene
        .deliveries()
        .state()
        .find(({ lane }) => lane === 'hr/other');
      return left?.pending === 1 && !left.known;
    }, 500);
    assert.equal(one.got.length, 2, 'nothing goes to the lane that is gone');
  });

  it('spares a target whose breaker is open, counts nothing, and begins again slowly', async (t) => {
    let broken = true;
    let now = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    const receiver = await startReceiver(t, (_got, response) => {
      if (broken) return void response.writeHead(500).end();
      now += 1;
      most = Math.max(most, now);
      waiting.push(() => {
        now -= 1;
        response.writeHead(204).end();
      });
      return undefined;
    });
    const breaker = { minimum: 4, failures: '50%', window: '30s', open: '15s' };
    const scene = await openScene(
      t,
      makeSnapshot(
        [makeForward({ concurrent: 8 })],
        [makeTarget('n8n', receiver.url, { breaker })],
      ),
    );
    const subjects = Array.from({ length: 20 }, (_, at) => `s${at}`);
    for (const subject of subjects) {
      await scene.receive(JSON.stringify({ subject }), { subject, wake: false });
    }
    scene.deliveries().wake();
    await scene.until(() => scene.told.some(({ result }) => result === 'postponed'));
    await scene.settled();
    const tried = receiver.got.length;
    assert.ok(tried < 20, `${tried} went to a broken target`);
    const [lane] = scene.deliveries().state();
    assert.equal(lane?.standing?.resting?.reason, 'target_overloaded');
    scene.clock.advance(5_000);
    await scene.settled();
    assert.equal(receiver.got.length, tried, 'not one while it rests');
    broken = false;
    await scene.until(() => now === 1, 100);
    const widths: number[] = [];
    for (const expected of [1, 2, 4]) {
      await scene.until(() => now >= expected, 100);
      await scene.settled();
      widths.push(now);
      for (const release of waiting.splice(0)) release();
      await scene.until(() => now === 0 || waiting.length > 0);
    }
    assert.deepEqual(widths, [1, 2, 4]);
    await scene.until(async () => {
      for (const release of waiting.splice(0)) release();
      return (await scene.states())['delivered'] === 20;
    }, 100);
    assert.ok(most <= 8);
    const counted = scene.told.filter(({ result }) => result === 'again').length;
    const listed = await scene.stores.outbox.list({ limit: 100 });
    const attempts = listed.reduce((sum, { attempts: made }) => sum + made, 0);
    assert.equal(attempts, counted + 20, 'rests are no tries');
  });

  it('ends what is under way when it stops, and begins nothing new', async (t) => {
    const held: (() => void)[] = [];
    const receiver = await startReceiver(t, (_got, response) => {
      held.push(() => void response.writeHead(204).end());
    });
    const scene = await openScene(
      t,
      makeSnapshot([makeForward({ concurrent: 1 })], [makeTarget('n8n', receiver.url)]),
    );
    await scene.receive('{"subject":"a"}', { subject: 'a' });
    await scene.receive('{"subject":"b"}', { subject: 'b' });
    await scene.until(() => held.length === 1);
    const stopped = scene.deliveries().stop(5_000, Promise.resolve());
    for (const release of held) release();
    await stopped;
    assert.deepEqual(await scene.states(), { delivered: 1, ready: 1 });
    scene.deliveries().wake();
    await scene.settled();
    assert.equal(receiver.got.length, 1);
    // The pool of the target lets its own deadline run out.
    scene.clock.advance(60_000);
    assert.equal(scene.clock.armed(), 0, 'no timer is left');
  });

  it('leaves what does not end in time to whoever comes next', async (t) => {
    const receiver = await startReceiver(t, () => undefined);
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    await scene.receive('{"subject":"a"}');
    await scene.until(() => receiver.got.length === 1);
    const stopped = scene.deliveries().stop(5_000, Promise.resolve());
    await scene.settled();
    scene.clock.advance(5_000);
    await stopped;
    assert.deepEqual(await scene.states(), { ready: 1 });
  });

  it('tries what is scheduled when its date has come', async (t) => {
    const receiver = await startReceiver(t);
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    await scene.receive('{"subject":"a"}', { dueAt: scene.clock.now() + 86_400_000 });
    await scene.settled();
    assert.equal(receiver.got.length, 0);
    scene.clock.advance(86_399_000);
    await scene.settled();
    assert.equal(receiver.got.length, 0);
    scene.clock.advance(1_000);
    await scene.until(() => receiver.got.length === 1, 50);
  });

  it('goes on when the store was away', async (t) => {
    const receiver = await startReceiver(t);
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    await scene.settled();
    scene.failing.add('claim').add('settle');
    await scene.receive('{"subject":"a"}');
    await scene.settled();
    assert.deepEqual(scene.notes, ['deliveries.store.failed']);
    const claims = (): number => scene.asked.filter((name) => name === 'claim').length;
    const before = claims();
    scene.clock.advance(900);
    await scene.settled();
    assert.equal(claims(), before, 'it does not hammer');
    scene.failing.delete('claim');
    await scene.until(() => scene.notes.includes('deliveries.settle.failed'), 100);
    assert.equal(receiver.got.length, 1);
    scene.failing.clear();
    await scene.until(async () => (await scene.states())['delivered'] === 1, 100);
    assert.equal(receiver.got.length, 1, 'the outcome waited for the store');
  });

  it('asks the store in batches: many tries end in few transactions', async (t) => {
    const held: (() => void)[] = [];
    const receiver = await startReceiver(t, (_got, response) => {
      held.push(() => void response.writeHead(204).end());
    });
    const target = makeTarget('n8n', receiver.url, { limits: { concurrent: 100 } });
    const scene = await openScene(t, makeSnapshot([makeForward({ concurrent: 64 })], [target]));
    for (let at = 0; at < 128; at += 1) {
      const subject = `s${at}`;
      await scene.receive(JSON.stringify({ subject }), { subject, wake: false });
    }
    scene.deliveries().wake();
    for (let round = 0; round < 2; round += 1) {
      await scene.until(() => held.length === 64);
      assert.equal(scene.deliveries().state()[0]?.standing?.running, 64);
      for (const release of held.splice(0)) release();
    }
    await scene.until(async () => (await scene.states())['delivered'] === 128);
    const count = (name: string): number => scene.asked.filter((one) => one === name).length;
    assert.ok(count('settle') < 100, `${count('settle')} settles of 128 tries`);
    assert.equal(receiver.got.length, 128);
  });
});
