/** What the ledger says of a session: rows as interface.md §5, counted denials, proof that it is whole. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { LedgerId } from '../../src/ids.ts';
import type { LedgerRow } from '../../src/ledger/record.ts';
import { startFixture, targetToken, type Fixture } from '../support/fixture.ts';
import { base, make, must, patch, user } from '../support/scim-calls.ts';

describe('evidence of a session', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.stop());

  /** The row once its outcome is on disk (at most 20 ms after the answer). */
  const settled = async (id: string): Promise<LedgerRow> => {
    for (;;) {
      const shown = await fixture.gateway.context.ledger.show(id as LedgerId);
      assert.ok(shown !== null);
      if (shown.row.outcome !== null) return shown.row;
    }
  };

  it('holds a row for each mutation with every member, and its changes', async () => {
    const id = await make(fixture, 'Users', user('row@example.com', { title: 'Old' }));
    const done = await must(fixture, 'PATCH', `/Users/${id}`, {
      body: patch({ op: 'replace', value: { title: ' New ', active: 'False' } }),
      headers: { 'x-request-id': 'caller-42' },
    });
    const ledgerId = String(done.headers['sallyport-ledger-id']);
    const row = await settled(ledgerId);
    const { at, ...rest } = row;
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000);
    const { snapshot } = fixture.gateway.context;
    assert.deepEqual(rest, {
      id: ledgerId,
      client: 'full',
      route: 'sandbox',
      target: 'sandbox',
      tenant: snapshot().targets['sandbox']?.tenant,
      operation: 'patch',
      actions: rest.actions,
      resource: { type: 'User', id },
      decision: 'allow',
      rule: 'permissions.provision.users',
      outcome: 'applied',
      settledBy: 'answer',
      status: 200,
      traceId: done.headers['trace-id'],
      requestId: done.headers['x-request-id'],
      callerRequestId: 'caller-42',
      configVersion: snapshot().version,
      normalised: rest.normalised,
      repairs: rest.repairs,
      code: null,
      hold: null,
      override: null,
      reverses: [],
      shadowed: [],
    });
    assert.deepEqual([...rest.actions].sort(), ['users:deactivate', 'users:update']);
    assert.ok(rest.normalised.some(({ path, rule }) => path === 'title' && rule === 'trim'));
    const shown = await fixture.gateway.context.ledger.show(ledgerId as LedgerId);
    assert.equal((shown?.body?.before as { title?: string } | null)?.title, 'Old');
    assert.equal(shown?.body?.subject, 'row@example.com');
    assert.ok(!JSON.stringify(shown).includes(targetToken));
  });

  it('is found by client, subject, trace and action', async () => {
    const id = await make(fixture, 'Users', user('seek@example.com'));
    const gone = await must(fixture, 'DELETE', `/Users/${id}`);
    const ledgerId = gone.headers['sallyport-ledger-id'];
    const { ledger } = fixture.gateway.context;
    const queries = [
      { subject: id },
      { subject: 'seek@example.com' },
      { traceId: String(gone.headers['trace-id']) },
      { actions: ['users:delete'] },
      { client: 'full', route: 'sandbox', target: 'sandbox' },
    ];
    for (const query of queries) {
      const rows = await ledger.list({ ...query, limit: 1 });
      assert.equal(rows[0]?.id, ledgerId, JSON.stringify(query));
    }
    assert.deepEqual(await ledger.list({ client: 'nobody', limit: 1 }), []);
  });

  it('counts denials of one rule beyond 60 a minute instead of writing each', async () => {
    const key = fixture.keys['reader'] as string;
    for (let index = 0; index < 100; index++) {
      const answer = await fixture.ask('DELETE', `${base}/Users/none`, { key });
      assert.equal(answer.status, 403);
    }
    // The last ones may reach the disk up to 20 ms after their answers; never more than 60 come.
    let rows: readonly LedgerRow[] = [];
    while (rows.length < 60) {
      rows = await fixture.gateway.context.ledger.list({ client: 'reader', limit: 500 });
    }
    assert.equal(rows.length, 60);
    for (const row of rows) {
      assert.equal(row.decision, 'deny');
      assert.deepEqual(row.actions, ['users:delete']);
      assert.deepEqual(row.resource, { type: 'User', id: 'none' });
    }
  });

  it('leaves refusals of unknown callers and denied-nothing reads out of the ledger', async () => {
    const before = await fixture.gateway.context.ledger.list({ limit: 1_000 });
    await fixture.ask('POST', `${base}/Users`, { key: null, body: user('x@example.com') });
    await fixture.ask('GET', `${base}/Users`);
    await fixture.ask('GET', '/nowhere');
    const after = await fixture.gateway.context.ledger.list({ limit: 1_000 });
    assert.equal(after.length, before.length);
  });

  it('matches what the target saw, one for one, and verifies whole', async () => {
    const seen = fixture.sandbox.seen();
    const rows = await fixture.gateway.context.ledger.list({ limit: 1_000 });
    const sent = rows.filter(
      ({ decision, outcome }) => decision === 'allow' && outcome !== 'not-sent',
    );
    assert.deepEqual(
      sent.map(({ id }) => id).sort(),
      seen.map(({ ledgerId }) => String(ledgerId)).sort(),
    );
    const verified = await fixture.gateway.context.verifyLedger(null);
    assert.equal(verified.ok, true, JSON.stringify(verified.problems));
    assert.ok(verified.entries >= rows.length);
  });

  it('exports what verifies, without a secret', async () => {
    let text = '';
    for await (const line of fixture.gateway.context.exportLedger({ format: 'ndjson' }))
      text += line;
    assert.ok(text.length > 1_000);
    for (const secret of [targetToken, ...Object.values(fixture.keys)]) {
      assert.ok(!text.includes(secret));
    }
    for (const line of text.trimEnd().split('\n')) JSON.parse(line);
  });
});
