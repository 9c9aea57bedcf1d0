/**
 * One webhook, whole: `serve` in a process of its own with a real OTLP receiver. What came in, its
 * deliveries, every call they made and the entry of the ledger carry one trace id.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import { initFiles } from '../../src/commands/init.ts';
import { startSandbox, type Sandbox } from '../../src/demo/sandbox.ts';
import type { LedgerRow } from '../../src/ledger/record.ts';
import { targetToken } from '../support/fixture.ts';
import {
  hookConfig,
  hookEnv,
  hookSecret,
  passSecret,
  standardMessage,
  startHookReceiver,
  type HookReceiver,
} from '../support/hooks.ts';
import {
  startOtlpReceiver,
  type OtlpReceiver,
  type ReceivedSpan,
} from '../support/otlp-receiver.ts';
import { runInProcess } from '../support/run-program.ts';
import { serveSallyport, type Serving } from '../support/sallyport-process.ts';
import { storeForTests, type TestStore } from '../support/test-store.ts';

const kinds = { server: 2, client: 3, consumer: 5 };
const leaver = 'canary.leaver@example.com';
const senderTrace = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('the trace of one webhook', () => {
  let folder: string;
  let store: TestStore;
  let sandbox: Sandbox;
  let hooks: HookReceiver;
  let otlp: OtlpReceiver;
  let serving: Serving;
  let traceId: string;
  let row: LedgerRow;

  const makeLeaver = async (): Promise<void> => {
    const made = await request(`${sandbox.url}/Users`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${targetToken}`,
        'content-type': 'application/scim+json',
      },
      body: JSON.stringify({
        schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
        userName: leaver,
        active: true,
      }),
    });
    assert.equal(made.statusCode, 201, await made.body.text());
  };
  const ours = (kind: number): readonly ReceivedSpan[] =>
    otlp.spans.filter((span) => span.traceId === traceId && span.kind === kind);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-trace-'));
    store = await storeForTests();
    sandbox = await startSandbox({ port: 0, token: targetToken });
    hooks = await startHookReceiver();
    otlp = await startOtlpReceiver();
    await initFiles(folder);
    const config = join(folder, 'gateway.yaml');
    await writeFile(config, store.rewrite(hookConfig(hooks.url)(sandbox.url)));
    await makeLeaver();
    const env = { SANDBOX_TOKEN: targetToken, ...hookEnv, ...store.env };
    serving = await serveSallyport(
      ['--config', config],
      {
        ...env,
        OTEL_SDK_DISABLED: 'false',
        OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_BSP_SCHEDULE_DELAY: '50',
        OTEL_BLRP_SCHEDULE_DELAY: '50',
      },
      folder,
    );
    const body = JSON.stringify({ type: 'left', user: leaver });
    const message = standardMessage({ id: 'msg_traced', at: Date.now(), body });
    const answer = await request(`${serving.data}/hooks/hr`, {
      method: 'POST',
      headers: { ...message.headers, traceparent: `00-${senderTrace}-00f067aa0ba902b7-01` },
      body,
    });
    assert.equal(answer.statusCode, 202, await answer.body.text());
    traceId = String(answer.headers['trace-id']);
    await hooks.until(1);
    await otlp.until(() => ours(kinds.server).length === 1 && ours(kinds.consumer).length === 2);
    serving.signal('SIGTERM');
    assert.equal(await serving.ended, 0);
    const changed = otlp.logs.find(({ eventName }) => eventName === 'sallyport.mutation');
    const id = String(changed?.attributes['sallyport.ledger.id']);
    const shown = await runInProcess(['ledger', 'show', id, '--json', '--config', config], env);
    assert.equal(shown.code, 0, shown.err);
    ({ row } = JSON.parse(shown.out) as { row: LedgerRow });
  });
  after(async () => {
    await otlp.close();
    await hooks.stop();
    await sandbox.stop();
    await store.drop();
    await rm(folder, { recursive: true, force: true });
  });

  const server = (): ReceivedSpan => ours(kinds.server)[0] as ReceivedSpan;
  const consumerOf = (name: string): ReceivedSpan => {
    const all = ours(kinds.consumer);
    const found = all.find((span) => JSON.stringify(span.attributes).includes(name));
    assert.ok(found, JSON.stringify(all));
    return found;
  };
  const callsBelow = ({ spanId }: ReceivedSpan): readonly ReceivedSpan[] =>
    ours(kinds.client).filter(({ parentSpanId }) => parentSpanId === spanId);

  it('begins with one SERVER span that links to the trace of the sender', () => {
    assert.equal(ours(kinds.server).length, 1);
    assert.equal(server().name, 'POST /hooks/hr');
    assert.notEqual(traceId, senderTrace);
    assert.deepEqual(
      server().links.map((link) => link.traceId),
      [senderTrace],
    );
  });

  it('has a CONSUMER span for each delivery, linked to what came in', () => {
    for (const name of ['hr/pass', 'hr/leave']) {
      assert.deepEqual(consumerOf(name).links, [{ traceId, spanId: server().spanId }], name);
    }
  });

  it('has a CLIENT span for the forward, with the ids that its receiver was sent', () => {
    const [call, ...more] = callsBelow(consumerOf('hr/pass'));
    assert.deepEqual(more, []);
    const [, trace, span] = String(hooks.got[0]?.headers['traceparent']).split('-');
    assert.deepEqual([trace, span], [traceId, call?.spanId]);
  });

  it('has CLIENT spans for what the plan asked and changed at the SCIM target', () => {
    const names = callsBelow(consumerOf('hr/leave')).map(({ name }) => name);
    assert.ok(names.includes('PATCH /Users/{id}'), names.join());
    assert.ok(
      names.some((name) => name.startsWith('GET /Users')),
      names.join(),
    );
  });

  it('is the trace of the entry in the ledger, which the target was told', () => {
    assert.equal(row.traceId, traceId);
    const sent = sandbox.seen().filter(({ method }) => method === 'PATCH');
    assert.deepEqual(
      sent.map(({ ledgerId }) => ledgerId),
      [row.id],
    );
  });

  it('is the whole of what was exported, and holds no name and no secret', () => {
    const strange = otlp.spans.filter((span) => span.traceId !== traceId);
    assert.deepEqual(
      strange.map(({ name }) => name),
      [],
    );
    for (const text of [leaver, hookSecret, passSecret, targetToken]) {
      assert.ok(!otlp.saw(text), text);
      assert.ok(!JSON.stringify(serving.lines).includes(text), text);
    }
  });
});
