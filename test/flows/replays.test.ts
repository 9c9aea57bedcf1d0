/** A call that comes again: joined, answered again or sent again, and never made twice under one key. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { LedgerId } from '../../src/ids.ts';
import { mainConfig, startFixture, type Answered, type Fixture } from '../support/fixture.ts';
import {
  assertScimError,
  base,
  group,
  make,
  membersOf,
  must,
  patch,
  read,
  user,
} from '../support/scim-calls.ts';
import { startSlowTarget, type SlowTarget } from '../support/slow-target.ts';

const ledgerOf = ({ headers }: Answered): string => String(headers['sallyport-ledger-id']);
const isReplayed = ({ headers }: Answered): boolean => headers['idempotency-replayed'] === 'true';
const keyed = (key: string) => ({ 'idempotency-key': key });
const titled = (value: string) => patch({ op: 'replace', path: 'title', value });

type Step = Readonly<{ method: string; path: string; body: object; status: number }>;

/** Plays steps in order; a path may name the id of an earlier step's resource as `{0}`. */
const play = async (fixture: Fixture, steps: readonly Step[]): Promise<readonly Answered[]> => {
  const answers: Answered[] = [];
  const ids = (text: string): string =>
    text.replaceAll(/\{(\d+)\}/g, (_, at: string) => String(answers[Number(at)]?.body['id']));
  for (const { method, path, body, status } of steps) {
    const raw = ids(JSON.stringify(body));
    const answer = await fixture.ask(method, `${base}${ids(path)}`, { raw });
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    answers.push(answer);
  }
  return answers;
};

/** A provisioning session in which nobody loses anything. */
const session: readonly Step[] = [
  ...['Ann@Example.com', 'bob@example.com', 'cid@example.com'].map((name) => ({
    method: 'POST',
    path: '/Users',
    body: user(name, {
      displayName: name,
      emails: [{ value: name, type: 'work', primary: true }],
    }),
    status: 201,
  })),
  { method: 'PATCH', path: '/Users/{0}', body: titled('Lead'), status: 200 },
  {
    method: 'PATCH',
    path: '/Users/{1}',
    body: patch({ op: 'Add', path: 'emails[type eq "home"].value', value: 'Bob@Home.example' }),
    status: 200,
  },
  {
    method: 'PUT',
    path: '/Users/{2}',
    body: user('cid@example.com', {
      displayName: 'cid@example.com',
      emails: [{ value: 'cid@example.com', type: 'work', primary: true }],
      title: 'Clerk',
    }),
    status: 200,
  },
  { method: 'POST', path: '/Groups', body: group('app-team', ['{0}']), status: 201 },
  ...['{1}', '{2}'].map((value) => ({
    method: 'PATCH',
    path: '/Groups/{6}',
    body: patch({ op: 'Add', path: 'members', value: [{ value }] }),
    status: 200,
  })),
];

describe('a session that is played again', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.stop());

  it('ten times within two minutes writes nothing, and answers alike', async () => {
    const first = await play(fixture, session);
    const written = fixture.sandbox.seen().length;
    const entries = (await fixture.gateway.foundation.ledger.list({ limit: 1_000 })).length;
    for (let round = 0; round < 10; round += 1) {
      const again = await play(fixture, session);
      again.forEach((answer, at) => {
        assert.ok(isReplayed(answer), `step ${at}`);
        assert.equal(ledgerOf(answer), ledgerOf(first[at] as Answered));
        assert.equal(answer.body['id'], first[at]?.body['id']);
        assert.equal(answer.headers['location'], first[at]?.headers['location']);
      });
    }
    assert.equal(fixture.sandbox.seen().length, written);
    const now = (await fixture.gateway.foundation.ledger.list({ limit: 1_000 })).length;
    assert.equal(now, entries, 'a replay opens no entry');
  });

  it('sends what takes access away each time', async () => {
    const id = await make(fixture, 'Users', user('leaver@example.com'));
    const team = await make(fixture, 'Groups', group('app-leavers', [id]));
    const off = patch({ op: 'replace', path: 'active', value: false });
    const out = patch({ op: 'remove', path: `members[value eq "${id}"]` });
    for (const [path, body] of [
      [`/Users/${id}`, off],
      [`/Groups/${team}`, out],
    ] as const) {
      const before = fixture.sandbox.seen().length;
      for (let round = 0; round < 3; round += 1) {
        assert.ok(!isReplayed(await must(fixture, 'PATCH', path, { body })));
        const again = { body, headers: keyed(`leaving ${path}`.replaceAll(' ', '-')) };
        assert.ok(!isReplayed(await must(fixture, 'PATCH', path, again)));
      }
      assert.equal(fixture.sandbox.seen().length, before + 6, path);
    }
    await must(fixture, 'DELETE', `/Users/${id}`);
    const gone = await fixture.ask('DELETE', `${base}/Users/${id}`);
    assertScimError(gone, 404, 'target_refused');
    assert.deepEqual(await membersOf(fixture, team), []);
  });

  it('sends it as new where somebody else has changed the effect, also back and forth', async () => {
    const id = await make(fixture, 'Users', user('other@example.com'));
    const write = (value: string) =>
      must(fixture, 'PATCH', `/Users/${id}`, { body: titled(value) });
    const [a, b, again] = [await write('A'), await write('B'), await write('A')];
    assert.ok(!isReplayed(again));
    assert.equal(new Set([a, b, again].map(ledgerOf)).size, 3);
    assert.equal((await read(fixture, 'Users', id))['title'], 'A');
  });

  it('decides again: what is not granted any more is denied, and nothing tells why it was done', async () => {
    const id = await make(fixture, 'Users', user('re-decided@example.com'));
    const narrow = { key: fixture.keys['narrow'] as string, body: titled('T1') };
    const first = await must(fixture, 'PATCH', `/Users/${id}`, narrow);
    assert.equal(first.status, 200);
    await must(fixture, 'PATCH', `/Users/${id}`, {
      body: patch({ op: 'replace', path: 'userName', value: 'out@elsewhere.example' }),
    });
    const again = await fixture.ask('PATCH', `${base}/Users/${id}`, narrow);
    assert.equal(again.status, 403, again.text);
    assert.ok(!isReplayed(again));
  });
});

describe('an Idempotency-Key', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.stop());

  const createWith = (key: string, body: object) =>
    fixture.ask('POST', `${base}/Users`, { body, headers: keyed(key) });

  it('replays its call, quoted or bare, also where the effect is gone', async () => {
    const body = user('keyed@example.com', { title: 'T1' });
    const first = await createWith('key-1', body);
    const id = String(first.body['id']);
    await must(fixture, 'PATCH', `/Users/${id}`, { body: titled('T2') });
    const written = fixture.sandbox.seen().length;
    const again = await createWith('"key-1"', body);
    assert.equal(again.status, 201);
    assert.ok(isReplayed(again));
    assert.equal(ledgerOf(again), ledgerOf(first));
    assert.equal(again.headers['location'], first.headers['location']);
    assert.equal(again.body['title'], 'T2', 'it shows the resource as it is');
    assert.equal(fixture.sandbox.seen().length, written);
  });

  it('is refused for another call, and belongs to one client', async () => {
    await createWith('key-2', user('two@example.com'));
    const written = fixture.sandbox.seen().length;
    const other = await createWith('key-2', user('three@example.com'));
    assertScimError(other, 422, 'key_reused');
    assert.equal(fixture.sandbox.seen().length, written);
    const stranger = await fixture.ask('POST', `${base}/Users`, {
      key: fixture.keys['narrow'] as string,
      body: { ...user('four@example.com'), active: undefined },
      headers: keyed('key-2'),
    });
    assert.notEqual(stranger.status, 422);
  });

  it('gives the same refusal again, and nothing goes out', async () => {
    await make(fixture, 'Users', user('taken@example.com'));
    const body = user('taken@example.com', { title: 'second' });
    const first = await createWith('key-3', body);
    const written = fixture.sandbox.seen().length;
    const again = await createWith('key-3', body);
    for (const answer of [first, again]) {
      const detail = assertScimError(answer, 409, 'target_refused', {
        scimType: 'uniqueness',
        ledgerId: ledgerOf(first),
      });
      assert.match(detail, /taken/);
    }
    assert.equal(fixture.sandbox.seen().length, written);
  });

  it('says that its resource is gone, and makes no second one', async () => {
    const body = user('gone@example.com');
    const first = await createWith('key-4', body);
    await must(fixture, 'DELETE', `/Users/${String(first.body['id'])}`);
    const written = fixture.sandbox.seen().length;
    assertScimError(await createWith('key-4', body), 404, 'target_refused');
    assert.equal(fixture.sandbox.seen().length, written);
  });

  it('that is malformed is refused on mutations and ignored on reads', async () => {
    assertScimError(
      await createWith('not one token', user('x@example.com')),
      400,
      'value_invalid',
      {
        scimType: 'invalidValue',
      },
    );
    await must(fixture, 'GET', '/Users', { headers: keyed('not one token') });
  });
});

describe('a call that comes again while it is under way', () => {
  let fixture: Fixture;
  let slow: SlowTarget;
  before(async () => {
    slow = await startSlowTarget();
    fixture = await startFixture({
      config: (url) => mainConfig(slow.before(url)).replace('timeout: 5s', 'timeout: 2s'),
    });
  });
  after(async () => {
    await fixture.stop();
    await slow.stop();
  });

  it('joins it: one write, one entry, one answer', async () => {
    const written = fixture.sandbox.seen().length;
    slow.shut((method) => method === 'POST');
    const body = user('joined@example.com');
    const ask = (headers = {}) => fixture.ask('POST', `${base}/Users`, { body, headers });
    const first = ask();
    await slow.waiting(1);
    const others = [ask(), ask()];
    slow.open();
    const answers = await Promise.all([first, ...others]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 201, 201],
    );
    assert.equal(new Set(answers.map(ledgerOf)).size, 1);
    assert.deepEqual(answers.map(isReplayed), [false, true, true]);
    assert.equal(fixture.sandbox.seen().length, written + 1);
  });

  it('refuses the key of a call under way for another call', async () => {
    slow.shut((method) => method === 'POST');
    const ask = (name: string) =>
      fixture.ask('POST', `${base}/Users`, { body: user(name), headers: keyed('in-flight') });
    const first = ask('flying@example.com');
    await slow.waiting(1);
    assertScimError(await ask('crashing@example.com'), 422, 'key_reused');
    slow.open();
    assert.equal((await first).status, 201);
  });

  it('is no repeat without a key once another change came between', async () => {
    const id = await make(fixture, 'Users', user('between@example.com'));
    slow.shut((method) => method === 'PATCH');
    const write = (value: string) =>
      fixture.ask('PATCH', `${base}/Users/${id}`, { body: titled(value) });
    const first = write('A');
    await slow.waiting(1);
    const between = write('B');
    const last = between.then(() => write('A'));
    slow.open();
    const answers = await Promise.all([first, between, last]);
    assert.equal(new Set(answers.map(ledgerOf)).size, 3);
    assert.equal((await read(fixture, 'Users', id))['title'], 'A');
  });

  it('in doubt under a key stays in doubt, and is not sent again', async () => {
    slow.shut((method) => method === 'POST');
    const ask = () =>
      fixture.ask('POST', `${base}/Users`, {
        body: user('doubt@example.com'),
        headers: keyed('doubtful'),
      });
    const first = await ask();
    const written = fixture.sandbox.seen().length;
    const again = await ask();
    for (const answer of [first, again]) {
      assertScimError(answer, 504, 'target_timeout', {
        ledgerId: ledgerOf(first),
        outcome: 'in-doubt',
      });
    }
    assert.ok(isReplayed(again));
    slow.cut();
    slow.open();
    // A person, or a read-back, settles it; from then on the key tells that.
    fixture.gateway.foundation.ledger.settle({
      kind: 'outcome',
      at: Date.now(),
      entry: ledgerOf(first) as LedgerId,
      outcome: 'not-sent',
      settledBy: 'person',
      status: null,
      code: null,
      resourceId: null,
      attempts: 0,
    });
    await fixture.gateway.foundation.ledger.act({
      kind: 'act',
      at: Date.now(),
      actor: 'test',
      act: 'test.settled',
      details: {},
    });
    assert.equal(fixture.sandbox.seen().length, written);
    const sent = await ask();
    assert.equal(sent.status, 201, sent.text);
    assert.ok(!isReplayed(sent));
  });
});
