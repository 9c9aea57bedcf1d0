/** `serveCall` as a function: hand-made exchanges, no socket between. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import type { Exchange, Reply } from '../../src/http/exchange.ts';
import { serveCall, type ServeDeps } from '../../src/http/serve-call.ts';
import { systemRandom } from '../../src/ids.ts';
import { silentObserver, type RequestSettled } from '../../src/telemetry/observe.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import { base } from '../support/scim-calls.ts';

const secret = 'a-secret-of-the-defect';

describe('serveCall', () => {
  let fixture: Fixture;
  const observed: RequestSettled[] = [];
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.stop());

  const deps = (more: Partial<ServeDeps> = {}): ServeDeps => ({
    clock: systemClock,
    watch: {
      trusted: () => true,
      steady: () => systemClock.now(),
      storeAt: () => {},
      ledgerAt: () => {},
      rebase: () => {},
    },
    random: systemRandom,
    observer: { ...silentObserver, requestSettled: (record) => observed.push(record) },
    doors: {
      pass: () => Promise.reject(new Error(secret)),
      passBulk: () => Promise.reject(new Error(secret)),
      recover: () => Promise.reject(new Error(secret)),
    },
    callers: fixture.gateway.foundation.callers,
    snapshot: () => fixture.gateway.context.snapshot(),
    stopping: () => false,
    ...more,
  });
  const exchange = (
    more: Partial<Exchange> = {},
    headers: Record<string, string> = {},
  ): Exchange => {
    const all = {
      host: 'gw.example.com',
      authorization: `Bearer ${fixture.keys['full']}`,
      ...headers,
    };
    return {
      method: 'GET',
      path: `${base}/Users/2819c223`,
      query: '',
      headers: all,
      rawHeaders: Object.entries(all).flat(),
      peer: '127.0.0.1',
      localPort: 8080,
      abandoned: () => false,
      body: () => Promise.resolve(null),
      bytes: () => Promise.resolve(null),
      ...more,
    };
  };
  const codeOf = ({ body }: Reply): string => String(/"code":"([a-z_]+)"/.exec(body ?? '')?.[1]);

  it('answers a defect with 503 internal and its ids; the cause goes to the observer alone', async () => {
    const reply = await serveCall(deps(), exchange());
    assert.equal(reply.status, 503);
    assert.equal(codeOf(reply), 'internal');
    assert.ok(Number(reply.headers['retry-after']) > 0);
    assert.ok(!JSON.stringify(reply).includes(secret));
    const record = observed.at(-1);
    assert.ok(record?.cause instanceof Error && record.cause.message === secret);
    assert.equal(reply.headers['x-request-id'], record?.requestId);
    assert.equal(reply.headers['trace-id'], record?.traceId);
  });

  it('refuses new calls while it drains', async () => {
    const reply = await serveCall(deps({ stopping: () => true }), exchange());
    assert.equal(reply.status, 503);
    assert.equal(codeOf(reply), 'shutting_down');
  });

  it('asks for the body only once the caller is known', async () => {
    const asked: number[] = [];
    const body = (bytesMax: number) => {
      asked.push(bytesMax);
      return Promise.resolve('{}');
    };
    const post = { method: 'POST', path: `${base}/Users`, body };
    const stranger = await serveCall(deps(), exchange(post, { authorization: 'Bearer nobody' }));
    assert.equal(stranger.status, 401);
    assert.deepEqual(asked, []);
    await serveCall(deps(), exchange(post));
    assert.deepEqual(asked, [fixture.gateway.context.snapshot().server.maxBodyBytes]);
  });

  it('keeps values of queries and ids out of what is observed', async () => {
    const query = 'filter=userName%20eq%20%22ann%40example.com%22&count=1&X%C3%A9=1';
    await serveCall(deps(), exchange({ path: `${base}/Users`, query }));
    const list = observed.at(-1);
    assert.equal(list?.query, 'filter=REDACTED&count=REDACTED&REDACTED');
    assert.ok(!JSON.stringify({ ...list, cause: null }).includes('ann'));
    await serveCall(deps(), exchange());
    assert.equal(observed.at(-1)?.httpRoute, `${base}/Users/{id}`);
    await serveCall(deps(), exchange({ path: '/ann@example.com' }));
    assert.equal(observed.at(-1)?.httpRoute, '/{unknown}');
  });

  it("links a caller's trace and does not join it; keeps a well-formed request id", async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
    const reply = await serveCall(deps(), exchange({}, { traceparent, 'x-request-id': 'mine' }));
    const record = observed.at(-1);
    assert.notEqual(record?.traceId, '0af7651916cd43dd8448eb211c80319c');
    assert.deepEqual(record?.parent, {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      continued: false,
    });
    assert.notEqual(reply.headers['x-request-id'], 'mine');
    for (const broken of ['', 'ff-0-0-0', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`]) {
      await serveCall(deps(), exchange({}, { traceparent: broken }));
      assert.equal(observed.at(-1)?.parent, null, broken);
    }
  });

  it('believes no forwarded address that no trusted proxy sent', async () => {
    await serveCall(deps(), exchange({ peer: '198.51.100.7' }, { 'x-forwarded-for': '10.0.0.1' }));
    assert.equal(observed.at(-1)?.clientAddress, '198.51.100.7');
  });
});
