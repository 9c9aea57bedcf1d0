/** From a signed webhook to the change it causes: passed on, run as a plan, one trace, recorded. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startFixture, type Fixture } from '../support/fixture.ts';
import { base, make, user } from '../support/scim-calls.ts';
import {
  githubMessage,
  hookConfig,
  hookEnv,
  passSecret,
  standardMessage,
  startHookReceiver,
  type HookReceiver,
} from '../support/hooks.ts';

describe('a webhook', () => {
  let fixture: Fixture;
  let receiver: HookReceiver;
  before(async () => {
    receiver = await startHookReceiver();
    fixture = await startFixture({ config: hookConfig(receiver.url), env: hookEnv });
  });
  after(async () => {
    await fixture.stop();
    await receiver.stop();
  });

  const post = (message: Parameters<typeof standardMessage>[0]) =>
    fixture.ask('POST', '/hooks/hr', standardMessage(message));
  const arrivedOf = (subject: string) =>
    receiver.got.filter(({ body }) => body.toString('utf8').includes(subject));
  const until = async (subject: string, count: number): Promise<void> => {
    for (let more = receiver.got.length; arrivedOf(subject).length < count; more += 1) {
      await receiver.until(more);
    }
  };
  /** Until the user is inactive at the target: the plan has run. */
  const untilInactive = async (id: string): Promise<void> => {
    const end = performance.now() + 15_000;
    while (performance.now() < end) {
      const answer = await fixture.ask('GET', `${base}/Users/${id}`);
      if (answer.body['active'] === false) return;
    }
    assert.fail('the user was not deactivated');
  };

  it('is acknowledged, passed on byte for byte, signed anew, under a stable id', async () => {
    const body = Buffer.from('{"type":"moved",  "user":"bytes@example.com", "note":"\u00e9"}');
    const answer = await post({ id: 'msg_bytes', at: Date.now(), body });
    assert.equal(answer.status, 202, answer.text);
    assert.match(String(answer.headers['sallyport-event-id']), /^evt_[0-9a-f]{24}$/);
    assert.equal(answer.headers['sallyport-duplicate'], undefined);
    await until('bytes@', 1);
    const [passed] = arrivedOf('bytes@');
    assert.ok(passed !== undefined);
    assert.deepEqual(passed.body, body);
    const header = (name: string): string => String(passed.headers[name]);
    assert.match(header('webhook-id'), /^dlv_[0-9a-f]{24}_0_pass$/);
    const wanted = createHmac('sha256', Buffer.from(passSecret.slice(6), 'base64'))
      .update(`${header('webhook-id')}.${header('webhook-timestamp')}.`)
      .update(body)
      .digest('base64');
    assert.equal(header('webhook-signature'), `v1,${wanted}`);
    assert.equal(header('sallyport-event-id'), answer.headers['sallyport-event-id']);
    assert.equal(passed.headers['authorization'], undefined);
    assert.equal(header('traceparent').split('-')[1], answer.headers['trace-id']);
  });

  it('that comes again is acknowledged as a duplicate and passed on once', async () => {
    const body = '{"type":"moved","user":"again@example.com"}';
    const first = await post({ id: 'msg_again', at: Date.now(), body });
    const second = await post({ id: 'msg_again', at: Date.now() + 1_000, body });
    assert.deepEqual([first.status, second.status], [202, 202]);
    assert.equal(second.headers['sallyport-duplicate'], 'true');
    assert.equal(second.headers['sallyport-event-id'], first.headers['sallyport-event-id']);
    // One that comes later on the same line shows that nothing stood before it.
    await post({ id: 'msg_again_2', at: Date.now(), body });
    await until('again@', 2);
    const ids = arrivedOf('again@').map(({ headers }) => headers['webhook-id']);
    assert.equal(new Set(ids).size, 2);
    assert.equal(ids.length, 2);
  });

  it('with the same body under another signed id is another event', async () => {
    const body = '{"type":"moved","user":"twice@example.com"}';
    const at = Date.now();
    const answers = [
      await post({ id: 'msg_twice_1', at, body }),
      await post({ id: 'msg_twice_2', at, body }),
    ];
    assert.deepEqual(
      answers.map(({ headers }) => headers['sallyport-duplicate']),
      [undefined, undefined],
    );
    await until('twice@', 2);
  });

  it('of a leaver deactivates through the ledger, in one trace from webhook to mutation', async () => {
    const id = await make(fixture, 'Users', user('leaver@example.com'));
    const body = '{"type":"left","user":"leaver@example.com"}';
    const answer = await post({ id: 'msg_leaver', at: Date.now(), body });
    await untilInactive(id);
    const traceId = String(answer.headers['trace-id']);
    const entries = async () => {
      const { ledger } = fixture.gateway.foundation;
      const rows = await ledger.list({ limit: 50, client: 'plan-leaver' });
      return rows.filter(({ resource }) => resource.id === id);
    };
    // An outcome rides along with what comes next, or goes within 20 ms.
    while ((await entries())[0]?.outcome === null);
    const [row, ...others] = await entries();
    assert.equal(others.length, 0);
    assert.deepEqual(row?.actions, ['users:deactivate']);
    assert.equal(row?.outcome, 'applied');
    assert.equal(row?.traceId, traceId);
    // The same message again, also under another id: the user stays as it is, nothing is written.
    await post({ id: 'msg_leaver', at: Date.now(), body });
    await post({ id: 'msg_leaver_2', at: Date.now(), body });
    await until('leaver@', 2);
    const later = await fixture.gateway.foundation.ledger.list({
      limit: 50,
      client: 'plan-leaver',
    });
    assert.equal(later.filter(({ resource }) => resource.id === id).length <= 2, true);
  });

  it('with a bad signature, none, or an old time is refused in one voice', async () => {
    const body = '{"type":"left","user":"ann@example.com"}';
    const good = standardMessage({ id: 'msg_bad', at: Date.now(), body });
    const refused = async (change: Record<string, string | undefined>, raw: string = body) => {
      const headers = Object.fromEntries(
        Object.entries({ ...good.headers, ...change }).filter(([, value]) => value !== undefined),
      ) as Record<string, string>;
      return fixture.ask('POST', '/hooks/hr', { key: null, raw, headers });
    };
    const cases = [
      [await refused({ 'webhook-signature': 'v1,' }), 'signature_'],
      [await refused({ 'webhook-signature': undefined }), 'signature_missing'],
      [await refused({ 'webhook-signature': 'v1,é' }), 'signature_'],
      [await refused({}, `${body} `), 'signature_invalid'],
      [
        await fixture.ask(
          'POST',
          '/hooks/hr',
          standardMessage({ id: 'msg_old', at: Date.now() - 3_600_000, body }),
        ),
        'timestamp_stale',
      ],
    ] as const;
    for (const [answer, code] of cases) {
      assert.equal(answer.status, 401, answer.text);
      assert.match(String(answer.body['code']), new RegExp(`^${code}`));
      assert.ok(!/secret|expected|computed|v1,/i.test(answer.text), answer.text);
    }
    const good2 = await fixture.ask('POST', '/hooks/hr', good);
    assert.equal(good2.status, 202, 'what was refused left no mark behind');
  });

  it('of another sender is known by its own headers', async () => {
    const answer = await fixture.ask(
      'POST',
      '/hooks/github',
      githubMessage('d-1', '{"action":"member_added","organization":{"login":"acme"}}'),
    );
    assert.equal(answer.status, 202, answer.text);
    await until('member_added', 1);
  });

  it('finds its route by the whole path and its methods by the sender', async () => {
    const sub = await fixture.ask('POST', '/hooks/hr/', { key: null, raw: '{}' });
    assert.equal(sub.status, 404);
    const get = await fixture.ask('GET', '/hooks/hr', { key: null });
    assert.equal(get.status, 405);
    assert.equal(get.headers['allow'], 'POST');
    const large = await fixture.ask('POST', '/hooks/hr', { key: null, raw: 'x'.repeat(70_000) });
    assert.equal(large.status, 413);
  });

  it('leaves a span of its own, with scheme, key and event, and no personal data', () => {
    const record = fixture.observed.find(({ route, status }) => route === 'hr' && status === 202);
    assert.ok(record !== undefined);
    assert.equal(record.httpRoute, '/hooks/hr');
    assert.ok(!JSON.stringify(record).includes('@example.com'));
  });
});
