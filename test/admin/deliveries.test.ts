/** What people see of webhooks and deliveries, and what they can do about them, over the admin API. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { localPerson, perform } from '../../src/admin/operation.ts';
import { adminOperations } from '../../src/admin/operations.ts';
import type { DeliveryRow } from '../../src/deliveries/event-store.ts';
import { isRefusal } from '../../src/errors.ts';
import { deliveryId, type DeliveryId, type EventId } from '../../src/ids.ts';
import { eventRow } from '../support/deliveries.ts';
import { mainConfig, startFixture, targetToken, type Fixture } from '../support/fixture.ts';
import { hrRoute, keepWebhook, withWebhook, type Kept } from '../support/kept-webhooks.ts';
import { issueToken } from '../support/people.ts';

const roles = ['viewer', 'operator'] as const;
type Role = (typeof roles)[number];

const people = roles
  .map((role) => `{ name: ${role}@example.com, roles: [${role}], until: 2099-12-31 }`)
  .join(', ');
const config = (url: string): string =>
  withWebhook(mainConfig(url)).replace('people: [', `people: [${people}, `);

describe('deliveries and events for people', () => {
  let fixture: Fixture;
  let line = 0;
  /** One that nobody serves: what is done here stays as it is. */
  let lane = '';
  const tokens = new Map<Role, string>();
  before(async () => {
    fixture = await startFixture({ config });
    for (const role of roles) {
      tokens.set(role, await issueToken(fixture, `${role}@example.com`));
    }
  });
  after(() => fixture.stop());
  beforeEach(() => {
    line += 1;
    lane = `hr/old-${line}`;
  });

  const ask = async (
    role: Role,
    method: 'GET' | 'POST',
    path: string,
    body?: object,
  ): Promise<Readonly<{ status: number; body: Record<string, unknown> }>> => {
    const answer = await fetch(`http://127.0.0.1:${fixture.gateway.admin.port}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${tokens.get(role)}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    assert.ok(!text.includes(targetToken), 'an answer holds a secret');
    return { status: answer.status, body: JSON.parse(text) as Record<string, unknown> };
  };
  const rowsOf = async (path: string): Promise<readonly Record<string, unknown>[]> => {
    const { status, body } = await ask('viewer', 'GET', path);
    assert.equal(status, 200, JSON.stringify(body));
    return body as unknown as readonly Record<string, unknown>[];
  };
  const acts = async (): Promise<string> => {
    let text = '';
    for await (const part of fixture.gateway.context.exportLedger({ format: 'ndjson' }))
      text += part;
    return text;
  };

  const keep = (
    more: Omit<Partial<DeliveryRow>, 'line'> = {},
    given: Kept = {},
  ): Promise<EventId> =>
    keepWebhook(fixture.gateway, { ...given, deliveries: { line, lane, ...more } });
  const idOf = (event: EventId, item = 0): DeliveryId => deliveryId({ event, item, name: 'old' });

  /** Tries every head of the lane once, in vain. */
  const kill = async (reason = 'gave_up'): Promise<void> => {
    const { outbox } = fixture.gateway.foundation.stores;
    const now = Date.now();
    const claimed = await outbox.claim({ lanes: [{ lane, max: 256 }], now, leaseMs: 60_000 });
    await outbox.settle(
      claimed.map(({ key, token }) => ({
        key,
        token,
        next: { state: 'dead', reason },
        attempt: {
          at: now,
          ms: 12,
          status: 500,
          reason: '500',
          detail: 'it said no',
          spanId: eventRow().spanId,
          ledgerIds: ['led_000000010000aa'],
        },
      })),
      now,
    );
  };

  it('lists deliveries by lane, state and event, with their trace', async () => {
    const event = await keep({}, { count: 2 });
    const rows = await rowsOf(`/deliveries?lane=${encodeURIComponent(lane)}&event=${event}`);
    assert.deepEqual(
      rows.map(({ id, state }) => [id, state]),
      [
        [idOf(event, 1), 'waiting'],
        [idOf(event, 0), 'ready'],
      ],
    );
    assert.equal(rows[0]?.['traceId'], eventRow().traceId);
    assert.deepEqual(await rowsOf(`/deliveries?event=${event}&state=dead`), []);
    const page = await rowsOf(`/deliveries?event=${event}&before=${idOf(event, 1)}&limit=1`);
    assert.deepEqual(
      page.map(({ id }) => id),
      [idOf(event, 0)],
    );
    for (const wrong of ['state=gone', 'lane=hr', 'event=x', 'before=x', 'limit=0', 'who=me']) {
      assert.equal((await ask('viewer', 'GET', `/deliveries?${wrong}`)).status, 400, wrong);
    }
  });

  it('shows a delivery with its tries, and what it follows', async () => {
    const event = await keep({}, { count: 2 });
    await kill();
    const first = await ask('operator', 'GET', `/deliveries/${idOf(event)}`);
    assert.equal(first.body['state'], 'dead');
    assert.equal(first.body['reason'], 'gave_up');
    const tries = first.body['tries'] as Record<string, unknown>[];
    assert.deepEqual(
      tries.map(({ status, detail, ledgerIds }) => ({ status, detail, ledgerIds })),
      [{ status: 500, detail: 'it said no', ledgerIds: ['led_000000010000aa'] }],
    );
    const second = await ask('operator', 'GET', `/deliveries/${idOf(event, 1)}`);
    assert.equal(second.body['follows'], idOf(event));
    assert.equal((await ask('viewer', 'GET', `/deliveries/${idOf(event)}`)).status, 403);
    for (const unknown of ['dlv_x', idOf(event, 9)]) {
      assert.equal((await ask('operator', 'GET', `/deliveries/${unknown}`)).status, 400, unknown);
    }
  });

  it('tries one again, recorded as an act; not what was delivered', async () => {
    const event = await keep();
    await kill();
    const id = idOf(event);
    assert.equal((await ask('viewer', 'POST', '/deliveries/retry', { id })).status, 403);
    const done = await ask('operator', 'POST', '/deliveries/retry', { id });
    assert.equal(done.status, 200, JSON.stringify(done.body));
    assert.equal(done.body['again'], 1);
    const shown = await ask('operator', 'GET', `/deliveries/${id}`);
    assert.equal(shown.body['state'], 'ready');
    const recorded = await acts();
    assert.match(recorded, new RegExp(`"act":"deliveries\\.retry"[^\\n]*${id}`));
    assert.match(recorded, /operator@example\.com/);
    for (const wrong of [{}, { id, lane }, { id: 'x' }, { id, rate: '0/s' }, { state: 'ended' }]) {
      const answer = await ask('operator', 'POST', '/deliveries/retry', wrong);
      assert.equal(answer.status, 400, JSON.stringify(wrong));
    }
    const { outbox } = fixture.gateway.foundation.stores;
    const now = Date.now();
    const claimed = await outbox.claim({ lanes: [{ lane, max: 256 }], now, leaseMs: 60_000 });
    const busy = await ask('operator', 'POST', '/deliveries/retry', { id });
    assert.equal(busy.status, 400, 'it is being tried');
    await outbox.settle(
      claimed.map(({ key, token }) => ({
        key,
        token,
        next: { state: 'delivered', reason: null },
        attempt: null,
      })),
      now,
    );
    assert.equal((await ask('operator', 'POST', '/deliveries/retry', { id })).status, 400);
  });

  it('tries a whole lane again, oldest first and spread in time', async () => {
    const events: EventId[] = [];
    for (let made = 0; made < 3; made += 1) {
      line += 1;
      events.push(await keep());
    }
    await kill();
    const before = Date.now();
    const done = await ask('operator', 'POST', '/deliveries/retry', { lane, rate: '2/s' });
    assert.equal(done.body['again'], 3, JSON.stringify(done.body));
    assert.equal(done.body['rest'], 0);
    assert.equal(done.body['note'], null);
    const due = await Promise.all(
      events.map(async (event) => {
        const { body } = await ask('operator', 'GET', `/deliveries/${idOf(event)}`);
        return Date.parse(String(body['dueAt']));
      }),
    );
    assert.ok((due[0] ?? 0) >= before);
    assert.deepEqual(
      due.map((at) => at - (due[0] ?? 0)),
      [0, 500, 1_000],
    );
    assert.equal(done.body['lastDueAt'], new Date(due[2] ?? 0).toISOString());
    assert.equal((await ask('operator', 'POST', '/deliveries/retry', { lane })).status, 400);
  });

  it('gives one up with a reason, and the next of its line follows', async () => {
    const event = await keep({}, { count: 2 });
    const path = `/deliveries/${idOf(event)}/discard`;
    assert.equal((await ask('operator', 'POST', path, {})).status, 400);
    assert.equal((await ask('viewer', 'POST', path, { reason: 'never mind' })).status, 403);
    const done = await ask('operator', 'POST', path, { reason: 'never mind' });
    assert.equal(done.status, 200, JSON.stringify(done.body));
    const rows = await rowsOf(`/deliveries?event=${event}`);
    assert.deepEqual(
      rows.map(({ state }) => state),
      ['ready', 'discarded'],
    );
    assert.match(await acts(), /"act":"deliveries\.discard"[^\n]*never mind/);
    assert.equal((await ask('operator', 'POST', path, { reason: 'once more' })).status, 400);
  });

  it('lists events without bytes, and shows one with them to operators, recorded', async () => {
    const event = await keep();
    const rows = await rowsOf('/events?route=hr&since=1h&limit=1');
    assert.equal(rows[0]?.['id'], event);
    assert.equal(rows[0]?.['kept'], true);
    assert.deepEqual(rows[0]?.['deliveries'], { ready: 1 });
    assert.deepEqual(await rowsOf('/events?route=none'), []);
    assert.deepEqual(await rowsOf('/events?until=2000-01-01'), []);
    assert.equal((await ask('viewer', 'GET', `/events/${event}`)).status, 403);
    const shown = await ask('operator', 'GET', `/events/${event}`);
    assert.equal(shown.body['howSure'], 'by example');
    const message = shown.body['message'] as Record<string, unknown>;
    assert.deepEqual(message['body'], { text: '{"employees":[{"id":"7\u202e"}]}' });
    assert.match(JSON.stringify(message['headers']), /x-bamboohr-signature/);
    assert.deepEqual(shown.body['deliveries'], [idOf(event)]);
    assert.match(await acts(), new RegExp(`"act":"events\\.show"[^\\n]*${event}`));
    const raw = await keep({}, { body: Buffer.from([0xff, 0xfe]) });
    const bytes = await ask('operator', 'GET', `/events/${raw}`);
    assert.deepEqual((bytes.body['message'] as Record<string, unknown>)['body'], {
      base64: '//4=',
    });
    assert.equal((await ask('operator', 'GET', '/events/evt_x')).status, 400);
  });

  it('verifies a kept event again, also long after, and says why it does not hold', async () => {
    const old = await keep({}, { at: Date.now() - 30 * 86_400_000 });
    const holds = await ask('viewer', 'POST', `/events/${old}/verify`, {});
    assert.deepEqual(holds.body, {
      event: old,
      sender: 'bamboohr',
      howSure: 'by example',
      ok: true,
      keyId: 'secrets[0]',
      code: null,
      reason: null,
      matchedThen: 'secrets[0]',
    });
    const { context, foundation } = fixture.gateway;
    const entry = adminOperations.find(({ name }) => name === 'events.verify');
    assert.ok(entry !== undefined);
    const loaded = await foundation.stores.events.load(old);
    const kept = context.deliveries.open(old, loaded?.sealed as never);
    assert.ok(kept !== null);
    const run = (over: object): ReturnType<typeof perform> =>
      perform(entry, { ...context, ...over }, localPerson, { id: old });
    const touched = await run({
      deliveries: {
        ...context.deliveries,
        open: () => ({ ...kept, body: Buffer.from('{"employees":[]}') }),
      },
    });
    assert.ok('json' in touched);
    const { ok, code } = touched.json as { ok: boolean; code: string };
    assert.deepEqual({ ok, code }, { ok: false, code: 'signature_invalid' });
    const snapshot = context.snapshot();
    const gone = await run({ snapshot: () => ({ ...snapshot, webhooks: [] }) });
    assert.ok(isRefusal(gone));
    assert.match(gone.detail, /not in the configuration/);
    const closed = [{ ...hrRoute(fixture.gateway), receiver: null }];
    assert.ok(isRefusal(await run({ snapshot: () => ({ ...snapshot, webhooks: closed }) })));
    const lost = await run({ deliveries: { ...context.deliveries, open: () => null } });
    assert.ok(isRefusal(lost));
  });

  it('sends an event out again, and those of a route and time, under the same ids', async () => {
    const event = await keep();
    await kill();
    const one = await ask('operator', 'POST', '/events/replay', { id: event });
    assert.equal(one.body['again'], 1, JSON.stringify(one.body));
    const { outbox } = fixture.gateway.foundation.stores;
    const now = Date.now() + 1_000;
    const claimed = await outbox.claim({ lanes: [{ lane, max: 256 }], now, leaseMs: 1 });
    const again = claimed.find(({ key }) => key.event === event);
    assert.equal(again?.replayed, true);
    assert.equal(again?.attempt, 1);
    assert.match(await acts(), new RegExp(`"act":"events\\.replay"[^\\n]*${event}`));
    line += 1;
    const older = await keep({}, { at: Date.now() - 7_200_000, count: 2 });
    const range = { route: 'hr', since: '3h', until: '1h' };
    const many = await ask('operator', 'POST', '/events/replay', range);
    assert.equal(many.body['again'], 1, JSON.stringify(many.body));
    assert.deepEqual(many.body['leftAlone'], [idOf(older, 1)], 'it waits for its turn anyway');
    for (const wrong of [{}, { route: 'hr' }, { id: event, route: 'hr' }, { id: 'x' }]) {
      const answer = await ask('operator', 'POST', '/events/replay', wrong);
      assert.equal(answer.status, 400, JSON.stringify(wrong));
    }
    assert.equal((await ask('viewer', 'POST', '/events/replay', { id: event })).status, 403);
  });

  it('sends at most a thousand again at once, and says how many are left', async () => {
    const many = 1_200;
    const event = await keep({}, { count: 600 });
    line += 1;
    const other = await keep({}, { count: 600 });
    const { outbox } = fixture.gateway.foundation.stores;
    const now = Date.now();
    for (const id of [event, other]) {
      const keys = Array.from({ length: 600 }, (_none, item) => ({
        key: { event: id, item, name: 'old' },
        dueAt: now,
      }));
      assert.equal((await outbox.act('discard', keys, now)).length, 600);
    }
    const retry = { lane, state: 'discarded', rate: '1000/s' };
    const first = await ask('operator', 'POST', '/deliveries/retry', retry);
    assert.equal(first.body['again'], 1_000, JSON.stringify(first.body).slice(0, 300));
    const rest = Number(first.body['rest']);
    assert.ok(rest >= many - 1_000 && rest < many - 900, String(rest));
    assert.match(String(first.body['note']), /others wait for the next call/);
    const oldest = await ask('operator', 'GET', `/deliveries/${idOf(event)}`);
    assert.equal(oldest.body['state'] === 'discarded', false, 'the oldest go first');
    const newest = await ask('operator', 'GET', `/deliveries/${idOf(other, 599)}`);
    assert.equal(newest.body['state'], 'discarded');
    const second = await ask('operator', 'POST', '/deliveries/retry', retry);
    assert.equal(second.body['again'], rest);
    const range = { route: 'hr', since: '1h', until: '0s' };
    const replayed = await ask('operator', 'POST', '/events/replay', range);
    assert.equal(replayed.status, 200, JSON.stringify(replayed.body).slice(0, 300));
    assert.ok(Number(replayed.body['again']) <= 1_000);
    assert.ok(Number(replayed.body['rest']) >= 1);
  });
});
