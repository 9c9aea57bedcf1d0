/**
 * One mutation, whole: `serve` in a process of its own with nothing but `OTEL_*` variables, a real
 * OTLP receiver, and canary values that no span, metric or log line may hold.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import { initFiles } from '../../src/commands/init.ts';
import { runProgram } from '../../src/commands/program.ts';
import { startSandbox, type Sandbox } from '../../src/demo/sandbox.ts';
import { mainConfig, targetToken } from '../support/fixture.ts';
import {
  startOtlpReceiver,
  type OtlpReceiver,
  type ReceivedSpan,
} from '../support/otlp-receiver.ts';

const main = new URL('../../src/main.ts', import.meta.url).pathname;

/** Values of the session that belong to people, or open doors. */
const canaries = {
  userName: 'canary.wolpertinger@example.com',
  email: 'canary.mail@example.com',
  displayName: 'Canary Wolpertinger',
  filter: 'canary.filter@example.com',
  callerRequestId: 'caller-request-77',
  token: targetToken,
};

type Line = Readonly<Record<string, unknown>>;

describe('the trace of one mutation', () => {
  let folder: string;
  let sandbox: Sandbox;
  let receiver: OtlpReceiver;
  let gateway: ChildProcess;
  let key: string;
  const lines: string[] = [];
  let address = { data: '', admin: '' };
  let answer: { status: number; ledgerId: string; traceId: string; id: string };
  const remoteTrace = '4bf92f3577b34da6a3ce929d0e0e4736';

  const call = async (method: 'GET' | 'POST' | 'PATCH', path: string, body: object | null) => {
    const response = await request(`http://${address.data}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        'x-request-id': canaries.callerRequestId,
        traceparent: `00-${remoteTrace}-00f067aa0ba902b7-00`,
        ...(body === null ? {} : { 'content-type': 'application/scim+json' }),
      },
      body: body === null ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    return { status: response.statusCode, headers: response.headers, text };
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-telemetry-'));
    sandbox = await startSandbox({ port: 0, token: targetToken });
    receiver = await startOtlpReceiver();
    await initFiles(folder);
    const config = join(folder, 'gateway.yaml');
    await writeFile(config, mainConfig(sandbox.url));
    const env = { ...process.env, SANDBOX_TOKEN: targetToken };
    let printed = '';
    const context = {
      env,
      version: 'test',
      write: async (text: string) => void (printed += text),
      error: (text: string) => assert.fail(text),
      onSignal: () => {},
    };
    assert.equal(await runProgram(context, ['keys', 'issue', 'full', '--config', config]), 0);
    key = (JSON.parse(printed) as { token: string }).token;
    gateway = spawn(process.execPath, [main, 'serve', '--config', config], {
      env: {
        ...env,
        LOG_LEVEL: 'debug',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_BSP_SCHEDULE_DELAY: '50',
        OTEL_BLRP_SCHEDULE_DELAY: '50',
        OTEL_METRIC_EXPORT_INTERVAL: '1000',
        OTEL_METRIC_EXPORT_TIMEOUT: '900',
        OTEL_TRACES_SAMPLER: 'always_off',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const listening = new Promise<void>((resolve) => {
      createInterface({ input: gateway.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        lines.push(line);
        if (!line.includes('gateway.listening')) return;
        const told = JSON.parse(line) as { data: string; admin: string };
        address = { data: told.data, admin: told.admin };
        resolve();
      });
    });
    await listening;
    const created = await call('POST', '/scim/sandbox/Users', {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      userName: canaries.userName.toUpperCase(),
      displayName: canaries.displayName,
      emails: [{ value: canaries.email, type: 'work', primary: true }],
    });
    answer = {
      status: created.status,
      ledgerId: String(created.headers['sallyport-ledger-id']),
      traceId: String(created.headers['trace-id']),
      id: (JSON.parse(created.text) as { id: string }).id,
    };
    const filter = encodeURIComponent(`userName eq "${canaries.filter}"`);
    await call('GET', `/scim/sandbox/Users?filter=${filter}`, null);
    await call('PATCH', `/scim/sandbox/Users/${answer.id}`, {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
      Operations: [{ op: 'replace', path: 'displayName', value: `${canaries.displayName} 2` }],
    });
    await receiver.until(
      () => receiver.spans.length >= 5 && receiver.logs.length >= 2 && receiver.metrics.length > 0,
      15_000,
    );
  });
  after(async () => {
    gateway.kill('SIGTERM');
    if (gateway.exitCode === null) await once(gateway, 'exit');
    await receiver.close();
    await sandbox.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const spanOf = (test: (span: ReceivedSpan) => boolean): ReceivedSpan => {
    const found = receiver.spans.find(test);
    assert.ok(found, `no such span among ${receiver.spans.map(({ name }) => name).join(', ')}`);
    return found;
  };

  it('has one SERVER span with the names of the contract, though the sampler says no', () => {
    assert.equal(answer.status, 201);
    const server = spanOf(({ traceId, kind }) => traceId === answer.traceId && kind === 2);
    assert.equal(server.name, 'POST /scim/sandbox/Users');
    assert.equal(server.parentSpanId, '');
    assert.equal(server.status, 0);
    const { attributes } = server;
    assert.equal(attributes['http.route'], '/scim/sandbox/Users');
    assert.equal(attributes['url.path'], '/scim/sandbox/Users');
    assert.equal(attributes['http.response.status_code'], 201);
    assert.equal(attributes['sallyport.route'], 'sandbox');
    assert.equal(attributes['sallyport.client'], 'full');
    assert.equal(attributes['sallyport.target'], 'sandbox');
    assert.equal(attributes['sallyport.operation'], 'create');
    assert.deepEqual(attributes['sallyport.actions'], ['users:create']);
    assert.equal(attributes['sallyport.resource.type'], 'User');
    assert.equal(attributes['sallyport.decision'], 'allow');
    assert.equal(attributes['sallyport.rule'], 'permissions.provision.users');
    assert.equal(attributes['sallyport.ledger.id'], answer.ledgerId);
    assert.equal(attributes['sallyport.normalised'], 1);
    assert.equal(server.resource['service.name'], 'sallyport');
  });

  it('has one CLIENT span per attempt, under it, with the id the target was sent', () => {
    const server = spanOf(({ traceId, kind }) => traceId === answer.traceId && kind === 2);
    const clients = receiver.spans.filter(
      ({ traceId, kind }) => traceId === answer.traceId && kind === 3,
    );
    assert.equal(clients.length, 1);
    assert.equal(clients[0]?.name, 'POST /Users');
    assert.equal(clients[0]?.parentSpanId, server.spanId);
    assert.equal(sandbox.seen()[0]?.ledgerId, answer.ledgerId);
  });

  it('starts anew at the edge and links to the caller', () => {
    const server = spanOf(({ traceId, kind }) => traceId === answer.traceId && kind === 2);
    assert.notEqual(server.traceId, remoteTrace);
    assert.deepEqual(
      server.links.map(({ traceId }) => traceId),
      [remoteTrace],
    );
  });

  it('reads the current resource in a span of its own before a PATCH', () => {
    const server = spanOf(
      ({ name, kind }) => name === 'PATCH /scim/sandbox/Users/{id}' && kind === 2,
    );
    const names = receiver.spans
      .filter(({ parentSpanId }) => parentSpanId === server.spanId)
      .map(({ name }) => name)
      .sort();
    assert.deepEqual(names, ['GET /Users/{id}', 'PATCH /Users/{id}']);
  });

  it('is one log record named sallyport.mutation, at the receiver and on standard output', () => {
    const event = receiver.logs.find(({ traceId }) => traceId === answer.traceId);
    assert.equal(event?.eventName, 'sallyport.mutation');
    assert.equal(event?.attributes['sallyport.ledger.id'], answer.ledgerId);
    const line = lines
      .map((text) => JSON.parse(text) as Line)
      .find((each) => each['trace_id'] === answer.traceId);
    assert.ok(line !== undefined && JSON.stringify(line).includes(answer.ledgerId));
  });

  it('is counted, at the receiver and on /metrics', async () => {
    const names = receiver.metrics.map(({ name }) => name);
    assert.ok(names.includes('http.server.request.duration'), names.join());
    assert.ok(names.includes('sallyport.mutations'), names.join());
    const response = await request(`http://${address.admin}/metrics`);
    const text = await response.body.text();
    assert.match(text, /^http_server_request_duration_seconds_count\{.*\} [0-9]+/m);
    assert.match(text, /^sallyport_mutations.*\} [0-9]+/m);
    for (const canary of Object.values(canaries)) assert.ok(!text.includes(canary));
  });

  it('holds no name, address, filter value or token, whatever the signal', () => {
    const written = lines.join('\n').toLowerCase();
    for (const [what, canary] of Object.entries({ ...canaries, key })) {
      assert.ok(!receiver.saw(canary), `${what} reached the receiver`);
      assert.ok(!receiver.saw(canary.toUpperCase()), `${what} reached the receiver`);
      assert.ok(!written.includes(canary.toLowerCase()), `${what} stands in the log`);
    }
  });
});
