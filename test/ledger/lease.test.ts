/** What is left of a lease, on a clock the test owns and a store that it scripts. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { systemRandom } from '../../src/ids.ts';
import { makeLease, servedVersions } from '../../src/ledger/lease.ts';
import type { LiveGateway, WriterStore } from '../../src/ledger/writer-store.ts';
import { listening } from './fixture.ts';
import { manualClock } from './manual-clock.ts';

const leaseMs = 6_000;
const everyMs = 1_000;

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
};

const live = (writer: string, version: string): LiveGateway => ({
  writer,
  version,
  name: writer,
  startedAt: 0,
  leaseUntil: 0,
});

const make = () => {
  const clock = manualClock();
  const heard = listening();
  const seen: Readonly<{ live: number; versions: number }>[] = [];
  const store = {
    away: false,
    held: true,
    /** Time that passes while the store answers. */
    answerMs: 0,
    claims: 0,
    renewals: 0,
    takeovers: 0,
    dead: [] as string[],
    gateways: [live('aaaaaaaa', 'v1')],
  };
  const answer = async <Value>(value: () => Value): Promise<Value> => {
    await Promise.resolve();
    if (store.away) throw new Error('away');
    clock.advance(store.answerMs);
    return value();
  };
  const writers: Pick<WriterStore, 'claim' | 'renew' | 'takeOver' | 'release'> = {
    claim: () =>
      answer(() => {
        store.claims += 1;
        const head = { next: 1, digest: null, newestAt: null, reserve: true, closed: false };
        return { ...head, writer: 'aaaaaaaa', storeNow: clock.now() };
      }),
    renew: () =>
      answer(() => {
        store.renewals += 1;
        return { held: store.held, storeNow: clock.now(), gateways: store.gateways };
      }),
    takeOver: () =>
      answer(() => {
        store.takeovers += 1;
        return store.dead.splice(0);
      }),
    release: () => answer(() => undefined),
  };
  const lease = makeLease({
    store: { head: () => assert.fail('nobody asks for a head') },
    writers: writers as WriterStore,
    leaseMs,
    about: () => ({ name: 'test', version: 'v1' }),
    clock,
    random: systemRandom,
    observer: { ...heard.observer, gatewaysSeen: (record) => void seen.push(record) },
    storeAt: () => undefined,
    chainsAnsweredFor: () => Promise.resolve(['cccccccc']),
  });
  const closed: string[] = [];
  const back: string[] = [];
  const taken: string[] = [];
  const begin = async (): Promise<void> => {
    await lease.claim();
    await lease.start({
      closed: () => closed.push('closed'),
      back: () => back.push('back'),
    });
    await lease.answerForDead((chains) => taken.push(...chains));
  };
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settle();
  };
  return { clock, heard, seen, store, lease, closed, back, taken, begin, pass };
};

void suite('a lease', () => {
  void test('counts from before the store was asked, and is renewed six times in its life', async () => {
    const { store, lease, begin, pass } = make();
    assert.equal(lease.leftMs(), 0);
    store.answerMs = 300;
    await begin();
    assert.ok(lease.leftMs() <= leaseMs - 300, `${lease.leftMs()}`);
    store.answerMs = 0;
    const { renewals } = store;
    // The answer to what was asked last took 300 ms of this second.
    await pass(everyMs - 300);
    assert.equal(store.renewals, renewals + 1);
    assert.equal(lease.leftMs(), leaseMs);
  });

  void test('runs out where the store is away, by the clock that ran faster', async () => {
    const { clock, store, lease, begin, pass, heard } = make();
    await begin();
    store.away = true;
    await pass(everyMs);
    await pass(everyMs);
    assert.equal(lease.leftMs(), leaseMs - 2 * everyMs);
    assert.equal(heard.notes.filter(({ event }) => event === 'gateway.lease.failed').length, 1);
    assert.equal(await lease.lasts(leaseMs), false);
    clock.jump(60_000);
    assert.equal(lease.leftMs(), 0);
    clock.jump(-120_000);
    assert.equal(lease.leftMs(), leaseMs - 2 * everyMs);
  });

  void test('is renewed at once where it is short', async () => {
    const { clock, store, lease, begin } = make();
    await begin();
    clock.advance(everyMs - 1);
    const { renewals } = store;
    const [one, two] = await Promise.all([lease.lasts(leaseMs), lease.lasts(leaseMs)]);
    assert.deepEqual([one, two, store.renewals - renewals], [true, true, 1]);
  });

  void test('whoever was cut off itself takes nothing over for a whole lease', async () => {
    const { store, back, taken, begin, pass } = make();
    await begin();
    store.away = true;
    await pass(everyMs);
    assert.deepEqual(back, []);
    store.away = false;
    await pass(everyMs);
    assert.deepEqual(back, ['back']);
    store.dead = ['bbbbbbbb'];
    for (let passed = 0; passed < leaseMs - 2 * everyMs; passed += everyMs) await pass(everyMs);
    assert.deepEqual(taken, []);
    await pass(everyMs);
    await pass(everyMs);
    assert.deepEqual(taken, ['bbbbbbbb']);
  });

  void test('a takeover whose answer was lost is found again', async () => {
    const { store, lease, taken } = make();
    await lease.claim();
    await lease.start({ closed: () => undefined, back: () => undefined });
    store.away = true;
    await assert.rejects(lease.answerForDead((chains) => taken.push(...chains)));
    store.away = false;
    await lease.answerForDead((chains) => taken.push(...chains));
    assert.deepEqual(taken, ['cccccccc']);
  });

  void test('a chain that another closed leaves no lease, and is told of', async () => {
    const { store, lease, closed, begin, pass } = make();
    await begin();
    store.held = false;
    await pass(everyMs);
    assert.deepEqual([closed.length, lease.leftMs()], [1, 0]);
  });

  void test('tells who lives, and whether they serve the same; commands serve nothing', async () => {
    const { store, seen, lease, begin, pass } = make();
    await begin();
    assert.deepEqual(seen.at(-1), { live: 1, versions: 1 });
    store.gateways = [live('aaaaaaaa', 'v1'), live('bbbbbbbb', 'v2'), live('cccccccc', '')];
    await pass(everyMs);
    assert.deepEqual(seen.at(-1), { live: 3, versions: 2 });
    assert.deepEqual([...servedVersions(lease.gateways())], ['v1', 'v2']);
  });
});
