import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportLedger } from '../../src/ledger/export.ts';
import { denial, intent, keyRing, outcome, withLedger } from './fixture.ts';

type Event = Record<string, unknown> & {
  class_uid: number;
  activity_id: number;
  type_uid: number;
  status: string;
  severity_id: number;
};

test('actions become the classes and activities of OCSF 1.8.0', () =>
  withLedger(async ({ ledger, stores }) => {
    const cases = [
      [['users:create'], 3001, 1],
      [['users:activate'], 3001, 2],
      [['users:update', 'users:deactivate'], 3001, 5],
      [['users:delete'], 3001, 6],
      [['groups:add-member'], 3006, 3],
      [['groups:remove-member'], 3006, 4],
      [['groups:delete'], 3006, 5],
      [['groups:create'], 3006, 6],
      [['users:update'], 3004, 3],
      [['groups:update'], 3004, 3],
      [['roles:create'], 3004, 1],
      [['roles:delete'], 3004, 4],
      [['constructor'], 3004, 3],
    ] as const;
    for (const [actions] of cases) await ledger.open(intent({ actions }), { revocation: false });
    const created = intent({ actions: ['users:create'], resource: { type: 'User', id: null } });
    const id = await ledger.open(created, { revocation: false });
    ledger.settle(outcome(id, { status: 201, resourceId: 'made-1' }));
    const doubtful = await ledger.open(intent(), { revocation: false });
    ledger.settle(outcome(doubtful, { outcome: 'in-doubt', settledBy: 'timeout', status: null }));
    ledger.deny(denial());
    ledger.deny(denial({ code: 'mutation_held', hold: 'hld_1' }));
    const broken = intent({
      hold: { id: 'hld_2', approvals: ['alice'] },
      override: 'ovr_1',
      reverses: ['led_1'],
    });
    await ledger.open(broken, { revocation: false });
    await ledger.act({
      kind: 'act',
      at: 1,
      actor: 'alice',
      act: 'keys.issue',
      details: { client: 'x' },
    });

    const events: Event[] = [];
    for await (const line of exportLedger(
      { store: stores.ledger, keyRing, writers: null },
      { format: 'ocsf' },
    )) {
      events.push(JSON.parse(line) as Event);
    }
    assert.deepEqual(
      events.slice(0, cases.length).map((event) => [event.class_uid, event.activity_id]),
      cases.map(([, ...expected]) => expected),
    );
    for (const event of events) {
      assert.equal(event.type_uid, event.class_uid * 100 + event.activity_id);
      const subject = { 3001: 'user', 3004: 'entity', 3006: 'group' }[event.class_uid] ?? '';
      assert.ok(event[subject] !== undefined);
      assert.ok(!JSON.stringify(event).includes('example.com'));
    }
    const [made, doubt, denied, held, released, act] = events.slice(cases.length);
    assert.deepEqual(made?.['user'], { uid: 'made-1' });
    assert.deepEqual([made?.status, made?.['status_code']], ['Success', '201']);
    assert.deepEqual([doubt?.status, doubt?.severity_id], ['Unknown', 3]);
    assert.deepEqual([denied?.status, denied?.['status_code']], ['Failure', 'action_denied']);
    const more = (event: Event | undefined) => event?.['unmapped'] as Record<string, unknown>;
    assert.deepEqual(
      [held?.status, held?.['status_id'], held?.['status_code'], held?.severity_id],
      ['Held', 99, 'mutation_held', 2],
    );
    assert.deepEqual([more(held)['decision'], more(held)['hold']], ['hold', 'hld_1']);
    assert.deepEqual([more(released)['hold'], more(released)['approvals']], ['hld_2', ['alice']]);
    assert.deepEqual(
      [more(released)['override'], more(released)['reverses']],
      ['ovr_1', ['led_1']],
    );
    assert.deepEqual([more(released)['decision'], released?.severity_id], ['allow', 3]);
    assert.ok(!('hold' in more(denied)) && !('override' in more(made)));
    assert.deepEqual([act?.activity_id, act?.['activity_name']], [99, 'keys.issue']);
    await assert.rejects(async () => {
      const lines = exportLedger(
        { store: stores.ledger, keyRing, writers: null },
        { format: 'constructor' },
      );
      for await (const _ of lines) assert.fail();
    }, TypeError);
  }));
