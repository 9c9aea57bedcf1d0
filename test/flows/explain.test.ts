/** What is explained is what is served, and what was recorded is explained later, decided anew. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { explainCall, type Facts } from '../../src/commands/explain.ts';
import {
  explainRecord,
  type Recorded,
  type RecordFacts,
} from '../../src/commands/explain-record.ts';
import { findRequest } from '../../src/commands/find-request.ts';
import { printRecord } from '../../src/commands/record-text.ts';
import { filesOnDisk, keptFiles } from '../../src/config/files-on-disk.ts';
import { loadConfig } from '../../src/config/load.ts';
import { isRefusal } from '../../src/errors.ts';
import type { JsonObject } from '../../src/identity/json-value.ts';
import type { LedgerId } from '../../src/ids.ts';
import type { LedgerRow } from '../../src/ledger/record.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import { base, errorExtension, group, make, patch, read, user } from '../support/scim-calls.ts';

describe('explain beside a gateway', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.stop());

  /** Any durable record behind them: outcomes and denials are on disk before it. */
  const flush = (): Promise<LedgerId> => {
    const { ledger } = fixture.gateway.context;
    return ledger.act({ kind: 'act', at: Date.now(), actor: 'test', act: 'test', details: {} });
  };
  const show = async (id: string): Promise<Recorded> => {
    await flush();
    const found = await fixture.gateway.context.ledger.show(id as LedgerId);
    assert.ok(found !== null);
    return found;
  };
  /** The route file as changed, as `explain` reads it: without secrets. */
  const changed = async (change: (text: string) => string): Promise<Snapshot> => {
    const path = fixture.configPath;
    const text = change(mainConfig(fixture.sandbox.url));
    const { snapshot, problems } = await loadConfig({
      ...keptFiles({ [path]: text }, filesOnDisk),
      path,
      env: {},
      resolve: false,
      now: Date.now(),
    });
    assert.ok(snapshot !== null, JSON.stringify(problems));
    return snapshot;
  };
  const recent = (rows: readonly LedgerRow[], caller: string): LedgerRow => {
    const row = rows.find(({ callerRequestId }) => callerRequestId === caller);
    assert.ok(row !== undefined);
    return row;
  };

  it('tells the decision and the call of whatever is then served', async () => {
    const id = await make(fixture, 'Users', user('drift@example.com', { title: 'Engineer' }));
    const wiki = await make(fixture, 'Groups', group('app-wiki', [id]));
    const calls: readonly (readonly [string, string, string, object?])[] = [
      ['full', 'POST', '/Users', user('  New@Example.COM ', { active: 'True' })],
      ['full', 'PATCH', `/Users/${id}`, patch({ op: 'Replace', path: 'TITLE', value: ' Lead ' })],
      ['full', 'PUT', `/Users/${id}`, user('drift@example.com', { displayName: 'Drift' })],
      [
        'full',
        'PATCH',
        `/Groups/${wiki}`,
        patch({ op: 'remove', path: 'members', value: [{ value: id }] }),
      ],
      ['narrow', 'POST', '/Users', user('joe@example.com', { nickName: 'Joe' })],
      ['narrow', 'POST', '/Users', user('joe@example.org')],
      ['narrow', 'POST', '/Users', user('joe@example.com', { title: 'Clerk', password: 'a-Zq81' })],
      ['reader', 'DELETE', `/Users/${id}`],
      ['stranger', 'PATCH', `/Users/${id}`, patch({ op: 'replace', path: 'active', value: false })],
      ['full', 'PATCH', `/Users/${id}`, patch({ op: 'replace', path: 'active', value: 'False' })],
      ['full', 'DELETE', `/Users/${id}`],
    ];
    const snapshot = await changed((text) => text);
    for (const [client, method, path, body] of calls) {
      const name = `${client} ${method} ${path}`;
      const named = /^\/(Users|Groups)\/(.+)$/.exec(path);
      const current =
        named === null ? null : await read(fixture, named[1] as 'Users', String(named[2]));
      const facts: Facts = explainCall(
        snapshot,
        {
          client,
          method,
          path: `${base}${path}`,
          body: body === undefined ? null : JSON.stringify(body),
          before: current as JsonObject | null,
        },
        Date.now(),
      );
      const key = fixture.keys[client] ?? null;
      const answer = await fixture.ask(method, `${base}${path}`, { key, body });
      const error = answer.body?.[errorExtension] as { code: string; rule: string } | undefined;
      assert.equal(facts.decision, answer.status < 300 ? 'allow' : 'deny', name + answer.text);
      assert.equal(facts.code, error?.code ?? null, name);
      if (error !== undefined) {
        assert.equal(facts.rule, error.rule, name);
        assert.equal(facts.detail, answer.body['detail'], name);
        continue;
      }
      const { row, body: kept } = await show(String(answer.headers['sallyport-ledger-id']));
      assert.deepEqual(facts.actions, row.actions, name);
      assert.equal(facts.rule, row.rule, name);
      const [sent] = facts.calls;
      assert.equal(sent?.method, kept?.call.method, name);
      assert.equal(sent?.path, kept?.call.path, name);
      const text = kept?.call.body;
      assert.deepEqual(sent?.body, typeof text === 'string' ? JSON.parse(text) : null, name);
    }
  });

  it('decides what was recorded anew: the same, or otherwise where the rules have changed', async () => {
    const id = await make(fixture, 'Users', user('later@example.com'));
    const answer = await fixture.ask('PATCH', `${base}/Users/${id}`, {
      body: patch({ op: 'Replace', path: 'title', value: 'Lead' }),
      headers: { 'x-request-id': 'their-own-1' },
    });
    assert.equal(answer.status, 200);
    const recorded = await show(String(answer.headers['sallyport-ledger-id']));
    const facts = async (change: (text: string) => string): Promise<RecordFacts> =>
      explainRecord(recorded, await changed(change), Date.now());

    const same = await facts((text) => text);
    assert.deepEqual(
      [same.decision, same.today?.decision, same.differs],
      ['allow', 'allow', false],
    );
    assert.deepEqual(same.changes, [{ op: 'replace', path: 'title', value: 'Lead' }]);
    assert.deepEqual(same.today?.calls, same.calls);
    assert.equal(same.entry.callerRequestId, 'their-own-1');
    assert.equal(same.entry.requestId, answer.headers['x-request-id']);
    assert.deepEqual(same.entry.repairs, ['C1']);
    const text = printRecord(same);
    assert.match(text, /^entry {7}led_\w+ {2}20/);
    assert.match(text, /^request {5}req_\S+\n {12}their-own-1 \(the caller's own\)$/m);
    assert.match(text, /^changes {5}replace title = "Lead"$/m);
    assert.match(text, /^outcome {5}20\S+ {2}applied {2}200 {2}the target answered$/m);
    assert.match(text, /^today {7}allow: the same$/m);

    const narrowed = await facts((file) =>
      file.replace('search, create, update, rename', 'search'),
    );
    assert.deepEqual([narrowed.today?.decision, narrowed.differs], ['deny', true]);
    assert.match(
      printRecord(narrowed),
      /^today {7}deny \(action_denied\): OTHERWISE, it was allow$/m,
    );

    const conditioned = await facts((file) =>
      file.replace(
        'deactivate, delete]\n',
        'deactivate, delete]\n      when: before.userName != "later@example.com"\n',
      ),
    );
    assert.equal(conditioned.today?.code, 'condition_denied', 'judged with the recorded before');

    const gone = await facts((file) => file.replaceAll('sandbox:\n    path', 'other:\n    path'));
    assert.equal(gone.differs, null);
    assert.match(gone.todayUnknown ?? '', /no route sandbox today/);
    assert.match(
      printRecord(gone),
      /^today {7}cannot be told: There is no route sandbox today\.$/m,
    );
    const pruned = explainRecord({ ...recorded, body: null }, await changed((file) => file), 0);
    assert.match(pruned.todayUnknown ?? '', /no longer kept/);
  });

  it('explains creates, deletes and PUTs as they were recorded', async () => {
    const id = await make(fixture, 'Users', user('whole@example.com', { title: 'Clerk' }));
    const put = { body: user('whole@example.com', { displayName: 'Whole' }) };
    const path = `${base}/Users/${id}`;
    const answers = [
      await fixture.ask('POST', `${base}/Users`, { body: user('whole2@example.com') }),
      await fixture.ask('PUT', path, put),
      await fixture.ask('DELETE', path),
    ];
    const snapshot = await changed((text) => text);
    for (const answer of answers) {
      assert.ok(answer.status < 300, answer.text);
      const recorded = await show(String(answer.headers['sallyport-ledger-id']));
      const facts = explainRecord(recorded, snapshot, Date.now());
      const { operation } = recorded.row;
      assert.equal(facts.differs, false, `${operation}: ${facts.todayUnknown}`);
      assert.deepEqual(facts.today?.actions, recorded.row.actions, operation);
      assert.deepEqual(facts.today?.calls, facts.calls, operation);
      assert.ok(printRecord(facts).includes('today       allow: the same'), operation);
    }
  });

  it('finds denials by either request id, and says what can still be told of them', async () => {
    const denied = await fixture.ask('DELETE', `${base}/Users/1`, {
      key: fixture.keys['reader'] ?? null,
      headers: { 'x-request-id': 'their-own-2' },
    });
    assert.equal(denied.status, 403);
    const { ledger } = fixture.gateway.context;
    await flush();
    const list = () => ledger.list({ limit: 1_000 });
    const row = recent(await list(), 'their-own-2');
    for (const id of ['their-own-2', String(denied.headers['x-request-id'])]) {
      const found = await findRequest(list, id, { since: '24h' });
      assert.ok(!isRefusal(found));
      assert.equal(found.row?.id, row.id);
    }
    const recorded = await show(row.id);
    const still = explainRecord(recorded, await changed((text) => text), Date.now());
    assert.deepEqual([still.decision, still.code, still.differs], ['deny', 'action_denied', false]);
    assert.match(printRecord(still), /^outcome {5}nothing was sent$/m);
    const granted = await changed((text) =>
      text.replace('reader, users: { actions: [read, search] }', 'reader, use: provision'),
    );
    const now = explainRecord(recorded, granted, Date.now());
    assert.equal(now.differs, null, 'granted is not yet allowed: a denial keeps no body');
    assert.match(now.todayUnknown ?? '', /keeps no body/);
  });
});
