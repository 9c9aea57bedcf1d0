import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { emptyResource } from '@opentelemetry/resources';
import { requestAttributes } from '../../src/telemetry/attributes.ts';
import type { RequestSettled } from '../../src/telemetry/observe.ts';
import { hrTimeOf, spansOf } from '../../src/telemetry/spans.ts';
import { attempt, settled } from './settled.ts';

const origin = { resource: emptyResource(), instrumentationScope: { name: 'sallyport' } };
const spans = (record: RequestSettled) => spansOf(origin, record, requestAttributes(record));

test('the SERVER span has these names and no others', () => {
  const [server] = spans(settled({ query: 'filter=REDACTED' }));
  assert.ok(server);
  assert.equal(server.name, 'PATCH /scim/slack/Users/{id}');
  assert.equal(server.kind, SpanKind.SERVER);
  assert.deepEqual(server.startTime, [1_700_000_000, 0]);
  assert.deepEqual(server.endTime, [1_700_000_000, 12_500_000]);
  assert.deepEqual(server.duration, [0, 12_500_000]);
  assert.equal(server.status.code, SpanStatusCode.UNSET);
  assert.deepEqual(server.attributes, {
    'http.request.method': 'PATCH',
    'http.route': '/scim/slack/Users/{id}',
    'url.path': '/scim/slack/Users/{id}',
    'url.query': 'filter=REDACTED',
    'url.scheme': 'https',
    'server.address': 'gw.example.com',
    'server.port': 8080,
    'client.address': '203.0.113.7',
    'user_agent.original': 'connector/1.0',
    'http.response.status_code': 200,
    'sallyport.request.id': 'req_AAAAAAAAAAAAAAAA',
    'sallyport.config.version': 'c0ffee',
    'sallyport.route': 'slack',
    'sallyport.client': 'entra-slack',
    'sallyport.key.id': 'abcdefghij',
    'sallyport.target': 'slack',
    'sallyport.operation': 'patch',
    'sallyport.actions': ['users:update', 'users:deactivate'],
    'sallyport.resource.type': 'User',
    'sallyport.decision': 'allow',
    'sallyport.rule': 'routes.slack.grants.0',
    'sallyport.normalised': 2,
    'sallyport.ledger.id': 'led_0123abcd000001',
    'sallyport.outcome': 'applied',
    'sallyport.settled_by': 'answer',
  });
});

test('each attempt is a CLIENT span under it, with the ids that the target saw', () => {
  const record = settled({
    attempts: [
      attempt(1, { status: null, errorType: 'ECONNRESET' }),
      attempt(2, { status: 503, errorType: '503' }),
      attempt(3),
    ],
  });
  const [server, ...clients] = spans(record);
  assert.deepEqual(
    clients.map((span) => [span.name, span.kind, span.status.code]),
    [
      ['PATCH /Users/{id}', SpanKind.CLIENT, SpanStatusCode.ERROR],
      ['PATCH /Users/{id}', SpanKind.CLIENT, SpanStatusCode.ERROR],
      ['PATCH /Users/{id}', SpanKind.CLIENT, SpanStatusCode.UNSET],
    ],
  );
  for (const [index, client] of clients.entries()) {
    assert.equal(client.spanContext().traceId, record.traceId);
    assert.equal(client.spanContext().spanId, record.attempts[index]?.spanId);
    assert.equal(client.parentSpanContext?.spanId, server?.spanContext().spanId);
  }
  assert.deepEqual(clients[0]?.attributes, {
    'http.request.method': 'PATCH',
    'server.address': 'api.slack.com',
    'server.port': 443,
    'url.template': '/Users/{id}',
    'sallyport.target': 'slack',
    'error.type': 'ECONNRESET',
  });
  assert.equal(clients[1]?.attributes['http.response.status_code'], 503);
  assert.deepEqual(
    clients.map((span) => span.attributes['http.request.resend_count']),
    [undefined, 1, 2],
  );
});

test('only a 5xx is an error, and a caller that hung up is none', () => {
  const cases: readonly [Partial<RequestSettled>, SpanStatusCode, unknown][] = [
    [{ status: 403, code: 'action_denied' }, SpanStatusCode.UNSET, undefined],
    [{ status: 429, code: 'rate_limited' }, SpanStatusCode.UNSET, undefined],
    [{ status: 504, code: 'target_timeout' }, SpanStatusCode.ERROR, 'target_timeout'],
    [{ status: 500, code: null }, SpanStatusCode.ERROR, '500'],
    [{ status: 503, code: 'internal', abandoned: true }, SpanStatusCode.UNSET, undefined],
  ];
  for (const [change, status, errorType] of cases) {
    const [server] = spans(settled(change));
    assert.equal(server?.status.code, status, JSON.stringify(change));
    assert.equal(server.attributes['error.type'], errorType, JSON.stringify(change));
  }
});

test("the caller's span is linked, or the parent where its trace is continued", () => {
  const caller = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: '53995c3f42cd8ad8' };
  const [linked] = spans(settled({ parent: { ...caller, continued: false } }));
  assert.equal(linked?.parentSpanContext, undefined);
  assert.equal(linked?.links[0]?.context.traceId, caller.traceId);
  assert.equal(linked.links[0].context.spanId, caller.spanId);
  const [child] = spans(settled({ parent: { ...caller, continued: true } }));
  assert.deepEqual(child?.links, []);
  assert.equal(child.parentSpanContext?.spanId, caller.spanId);
  assert.equal(child.parentSpanContext.isRemote, true);
});

test('a method of the caller’s invention makes no name', () => {
  const [server] = spans(settled({ method: 'PROPFIND' }));
  assert.equal(server?.name, 'HTTP /scim/slack/Users/{id}');
  assert.equal(server.attributes['http.request.method'], '_OTHER');
});

test('times keep their fraction and carry over', () => {
  assert.deepEqual(hrTimeOf(1_500.25), [1, 500_250_000]);
  assert.deepEqual(hrTimeOf(1_999.999_999_9), [2, 0]);
});
