/** What survives: marks of repeats and messages not yet passed on, over a reload and a restart. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { startFixture, type Answered, type Ask, type Fixture } from '../support/fixture.ts';
import {
  githubMessage,
  hookConfig,
  hookEnv,
  standardMessage,
  startHookReceiver,
  type HookReceiver,
} from '../support/hooks.ts';

const messageOf = (id: string): Ask =>
  standardMessage({ id, at: Date.now(), body: `{"type":"moved","user":"${id}@example.com"}` });
const hubBody = '{"action":"member_added","organization":{"login":"acme"}}';
const repeated = ({ status, headers }: Answered) => [status, headers['sallyport-duplicate']];
const known = [202, 'true'];
const fresh = [202, undefined];

describe('what a gateway has taken in', () => {
  let fixture: Fixture;
  let receiver: HookReceiver;
  const state = { away: false };
  before(async () => {
    receiver = await startHookReceiver(() => (state.away ? 503 : 204));
    fixture = await startFixture({
      config: (url) => hookConfig(receiver.url)(url).replace('reload: careful', 'reload: auto'),
      env: { ...hookEnv, NEXT_SECRET: 'github-hook-secret-after-change' },
    });
  });
  after(async () => {
    await fixture.stop();
    await receiver.stop();
  });

  const post = (message: Ask) => fixture.ask('POST', '/hooks/hr', message);
  const postHub = (message: Ask) => fixture.ask('POST', '/hooks/github', message);
  const idsOf = (id: string): readonly unknown[] =>
    receiver.got
      .filter(({ body }) => body.includes(id))
      .map(({ headers }) => headers['webhook-id']);
  /** Until so many arrived that hold this text; with the ids they came under. */
  const arrived = async (text: string, count: number): Promise<readonly unknown[]> => {
    for (let more = receiver.got.length; idsOf(text).length < count; more += 1) {
      await receiver.until(more);
    }
    return idsOf(text);
  };

  it('once, though it came twenty times at once (Convoy#2747)', async () => {
    const message = messageOf('crowd');
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(message)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]));
    assert.equal(answers.filter(({ headers }) => !('sallyport-duplicate' in headers)).length, 1);
    assert.equal(new Set(answers.map(({ headers }) => headers['sallyport-event-id'])).size, 1);
    // What comes later on the same line shows that nothing stood before it.
    const body = '{"type":"moved","user":"crowd@example.com","later":true}';
    await post(standardMessage({ id: 'crowd-later', at: Date.now(), body }));
    assert.equal((await arrived('crowd', 2)).length, 2);
  });

  it('is known after a reload and after a restart (Hookaido 2.11)', async () => {
    const message = messageOf('kept');
    const hub = githubMessage('d-kept', hubBody);
    assert.deepEqual(repeated(await post(message)), fresh);
    assert.deepEqual(repeated(await postHub(hub)), fresh);
    await fixture.rewrite((text) => text.replace('maxBody: 64KiB', 'maxBody: 128KiB'));
    const { version } = fixture.gateway.status();
    await fixture.gateway.reload();
    assert.notEqual(fixture.gateway.status().version, version);
    assert.deepEqual(repeated(await post(message)), known);
    await fixture.restart(systemClock);
    assert.deepEqual(repeated(await post(message)), known);
    assert.deepEqual(repeated(await postHub(hub)), known);
  });

  it('is known by body and signature where a replay has another id that nobody signed (camunda/connectors#8989)', async () => {
    const body = '{"action":"member_removed","organization":{"login":"acme"}}';
    const hub = githubMessage('d-first', body);
    assert.deepEqual(repeated(await postHub(hub)), fresh);
    const replay = { ...hub, headers: { ...hub.headers, 'x-github-delivery': 'd-second' } };
    assert.deepEqual(repeated(await postHub(replay)), known);
    const { 'x-github-delivery': _, ...without } = hub.headers ?? {};
    assert.deepEqual(repeated(await postHub({ ...hub, headers: without })), known);
  });

  it('and acknowledged is passed on after a restart, under its id (Vexa#520)', async () => {
    state.away = true;
    const answer = await post(messageOf('waiting'));
    assert.equal(answer.status, 202);
    const [before] = await arrived('waiting', 1);
    await fixture.restart(systemClock);
    state.away = false;
    const ids = await arrived('waiting', 2);
    assert.deepEqual(new Set(ids), new Set([before]));
    assert.ok(String(before).includes(String(answer.headers['sallyport-event-id']).slice(4)));
  });

  it('a redelivery without a signature, or by the old secret, is refused after the secret changed', async () => {
    await fixture.rewrite((text) => text.replace('${env:GITHUB_SECRET}', '${env:NEXT_SECRET}'));
    await fixture.gateway.reload();
    assert.deepEqual(fixture.gateway.status().problems, []);
    const hub = githubMessage('d-kept', hubBody);
    assert.equal((await postHub(hub)).status, 401);
    const { 'x-hub-signature-256': _, ...unsigned } = hub.headers ?? {};
    const answer = await postHub({ ...hub, headers: unsigned });
    assert.deepEqual([answer.status, answer.body['code']], [401, 'signature_missing']);
  });
});
