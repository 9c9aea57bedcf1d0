/** What is no drift: a target that is away, answers with something else, or shows a change late. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { startStubTarget, type StubAnswer, type StubTarget } from '../support/stub-target.ts';
import { day, minute, startDriftScene, type DriftScene } from './drift-scene.ts';

const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User';
const errorUrn = 'urn:ietf:params:scim:api:messages:2.0:Error';
const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

let title = 'Engineer';
/** Answers to reads that come before what is true. */
let script: StubAnswer[] = [];
let reads = 0;
let stub: StubTarget;
let scene: DriftScene;

const user = (shown: string): StubAnswer => ({
  status: 200,
  body: { schemas: [userUrn], id: 'u1', userName: 'ann@example.com', title: shown },
});

before(async () => {
  stub = await startStubTarget(({ method, body }) => {
    if (method === 'PATCH') {
      const [operation] = (body as { Operations: { value: unknown }[] }).Operations;
      title = String(operation?.value);
      return user(title);
    }
    reads += 1;
    return script.shift() ?? user(title);
  });
  scene = await startDriftScene({
    targetUrl: stub.url,
    again: { afterMs: [minute], everyMs: day },
  });
});
after(async () => {
  await scene.stop();
  await stub.stop();
});
beforeEach(async () => {
  script = [];
  const wanted = title === 'Manager' ? 'Director' : 'Manager';
  const Operations = [{ op: 'replace', path: 'title', value: wanted }];
  await scene.change('PATCH', '/Users/u1', { schemas: [patchUrn], Operations });
  await scene.drift.look();
  reads = 0;
});

const look = async (ms: number): Promise<void> => {
  scene.clock.advance(ms);
  await scene.drift.look();
};
const only = async () => {
  const [row] = await scene.store.list({ limit: 1 });
  assert.ok(row !== undefined);
  return row;
};

void suite('no drift', () => {
  void test('a change that one replica shows late, and a second read finds', async () => {
    script = [user('Engineer')];
    const pauses = scene.clock.pauses();
    await look(minute);
    assert.deepEqual(
      [(await only()).state, reads, scene.clock.pauses() - pauses],
      ['watching', 2, 1],
    );
  });

  void test('nobody is asked before the target had its time', async () => {
    script = [user('Engineer'), user('Engineer')];
    await look(minute / 2);
    assert.deepEqual([(await only()).state, reads], ['watching', 0]);
  });

  const away: readonly (readonly [string, StubAnswer])[] = [
    ['an error', { status: 500, body: { schemas: [errorUrn], status: '500' } }],
    ['a refusal of our credential', { status: 403, body: { schemas: [errorUrn], status: '403' } }],
    ['a page that is not the API', { status: 404, body: null, raw: '<html>', type: 'text/html' }],
    ['a cut connection', 'cut'],
  ];
  for (const [what, answer] of away) {
    void test(`${what}: it waits longer and longer, and goes on when the target is back`, async () => {
      script = Array.from({ length: 40 }, () => answer);
      await look(minute);
      assert.ok(reads > 0);
      const first = (await only()).dueAt - scene.clock.now();
      assert.equal((await only()).state, 'watching');
      await look(first + 1);
      const second = (await only()).dueAt - scene.clock.now();
      assert.ok(second > first * 1.5, `${first} then ${second}`);
      script = [];
      await look(second + 1);
      assert.equal((await only()).state, 'watching');
      assert.ok((await only()).dueAt - scene.clock.now() > day - minute);
      assert.equal(scene.noted.filter(({ event }) => event === 'drift.found').length, 0);
    });
  }

  void test('two gateways that look at once ask the target once', async () => {
    const twin = scene.twin();
    await twin.start();
    scene.clock.advance(minute);
    await Promise.all([twin.look(), scene.drift.look()]);
    assert.equal(reads, 1);
    await twin.stop();
  });

  void test('the truth, twice, is', async () => {
    title = 'Intruder';
    await look(minute);
    assert.deepEqual([(await only()).state, (await only()).paths], ['drifted', 'title']);
  });
});
