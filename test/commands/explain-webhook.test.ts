/** `explain` of a webhook: what it would be read as and owe, without secrets and without sending. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { WebhookFacts } from '../../src/commands/explain-webhook.ts';
import { runInProcess } from '../support/run-program.ts';
import type { Ran } from '../support/sallyport-process.ts';

const example = fileURLToPath(
  new URL('../../config/examples/bamboohr-leaver.yaml', import.meta.url),
);
const body = {
  type: 'employee.updated',
  timestamp: '2026-11-26T09:00:00Z',
  data: { employeeId: '123', changedFields: ['status'] },
};
const left = { status: 'Inactive', workEmail: 'ada@example.com', terminationDate: '2099-12-31' };

describe('explain of a webhook', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-explain-webhook-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const file = async (name: string, content: unknown): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  const explain = (args: readonly string[]): Promise<Ran> =>
    runInProcess(['explain', '--config', example, ...args]);
  const facts = async (args: readonly string[]): Promise<WebhookFacts> => {
    const ran = await explain([...args, '--json']);
    assert.equal(ran.err, '');
    return JSON.parse(ran.out) as WebhookFacts;
  };

  it('leaves open what only the source knows', async () => {
    const ask = ['POST', '/hooks/bamboohr', '--body', await file('body.json', body)];
    const told = await facts(ask);
    assert.deepEqual(told.repeats, { by: 'signature', windowMs: 2_592_000_000 });
    assert.equal(told.sender.confidence, 'vector');
    assert.equal(told.open, true);
    const [event] = told.events;
    assert.equal(event?.kind, 'mover');
    assert.equal(event?.subject, '123');
    assert.deepEqual(
      event?.deliveries.map(({ name, state }) => [name, state]),
      [
        ['n8n', 'owed'],
        ['leave', 'open'],
      ],
    );
    const printed = await explain(ask);
    assert.equal(printed.code, 0);
    assert.match(printed.out, /^event {7}mover \(employee\.updated\), unless the source says/m);
    assert.match(printed.out, /^sender {6}BambooHR \(by example\)$/m);
  });

  it('says all of it where the answer of the source is given', async () => {
    const ask = ['POST', '/hooks/bamboohr', '--body', await file('body.json', body)];
    const told = await facts([...ask, '--enriched', await file('left.json', left)]);
    const [event] = told.events;
    assert.deepEqual([event?.kind, event?.effectiveAt], ['leaver', '2099-12-31T00:00:00.000Z']);
    const leave = event?.deliveries[1];
    assert.equal(leave?.state, 'owed');
    assert.deepEqual(leave?.steps[0]?.find, { 'emails.value': 'ada@example.com' });
    const stays = await file('stays.json', { ...left, status: 'Active' });
    assert.equal(
      (await facts([...ask, '--enriched', stays])).events[0]?.deliveries[1]?.state,
      'none',
    );
    const gone = await file('gone.json', { status: 'Inactive' });
    const printed = await explain([...ask, '--enriched', gone]);
    assert.match(
      printed.out,
      /step slack: deactivate through slack would fail: find emails\.value/,
    );
  });

  it('says so where nobody can read it, and ends with 1', async () => {
    const ran = await explain(['POST', '/hooks/bamboohr', '--body', await file('x.json', '{"a"')]);
    assert.equal(ran.code, 1);
    assert.match(ran.out, /^unreadable {2}The body is not/m);
  });

  it('ends with 2 for wrong usage, and says what to write', async () => {
    const given = ['--body', await file('body.json', body)];
    for (const [args, message] of [
      [['POST', '/hooks/bamboohr'], /^a webhook is explained as POST <path> --body <file>/],
      [['GET', '/hooks/bamboohr', ...given], /^a webhook is explained as POST/],
      [['POST', '/scim/slack/Users', ...given], /^write one of/],
      [['POST', '/hooks/none', ...given], /^write one of/],
      [['POST', '/hooks/bamboohr', ...given, '--header', 'x'], /^--header: write name: value/],
      [['POST', '/hooks/bamboohr', ...given, '--before', example], /^write one of/],
    ] as const) {
      const { code, out, err } = await explain(args);
      assert.deepEqual([code, out], [2, ''], args.join(' '));
      assert.match(err, message);
    }
    const called = await explain(['--client', 'plan-leaver', 'POST', '/hooks/bamboohr', ...given]);
    assert.equal(called.code, 1);
    assert.match(called.out, /This path takes webhooks, which no client calls/);
  });
});
