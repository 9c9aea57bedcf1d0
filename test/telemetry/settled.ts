/** Finished requests for tests. */
import type { LedgerId, RequestId, SpanId, TraceId } from '../../src/ids.ts';
import type { RequestSettled, SettledPart } from '../../src/telemetry/observe.ts';

/** One attempt that answered 200. */
export const attempt = (
  ordinal: number,
  report: Partial<RequestSettled['attempts'][number]['report']> = {},
): RequestSettled['attempts'][number] => ({
  spanId: `00f067aa0ba902${ordinal.toString().padStart(2, '0')}` as SpanId,
  call: { method: 'PATCH', template: '/Users/{id}', purpose: 'call' },
  report: {
    ordinal,
    startedAt: 1_700_000_000_001,
    endedAt: 1_700_000_000_010,
    status: 200,
    errorType: null,
    serverAddress: 'api.slack.com',
    serverPort: 443,
    ...report,
  },
});

/** A mutation that was applied, changed as the test wants. */
export const settled = (change: Partial<RequestSettled> = {}): RequestSettled => ({
  traceId: '018bcfe568004bf92f3577b34da6a3ce' as TraceId,
  spanId: 'b7ad6b7169203331' as SpanId,
  parent: null,
  requestId: 'req_AAAAAAAAAAAAAAAA' as RequestId,
  method: 'PATCH',
  httpRoute: '/scim/slack/Users/{id}',
  query: '',
  scheme: 'https',
  serverAddress: 'gw.example.com',
  serverPort: 8080,
  clientAddress: '203.0.113.7',
  userAgent: 'connector/1.0',
  startedAt: 1_700_000_000_000,
  endedAt: 1_700_000_000_012.5,
  status: 200,
  code: null,
  internal: null,
  cause: undefined,
  route: 'slack',
  client: 'entra-slack',
  keyId: 'abcdefghij',
  target: 'slack',
  operation: 'patch',
  actions: ['users:update', 'users:deactivate'],
  resourceType: 'User',
  decision: 'allow',
  rule: 'routes.slack.grants.0',
  configVersion: 'c0ffee',
  normalisedCount: 2,
  repairs: ['C3'],
  abandoned: false,
  targetMs: 9,
  attempts: [attempt(1)],
  mutation: {
    ledgerId: 'led_0123abcd000001' as LedgerId,
    outcome: 'applied',
    settledBy: 'answer',
  },
  mutating: true,
  ...change,
});

/** A read that was answered. */
export const settledRead = (change: Partial<RequestSettled> = {}): RequestSettled =>
  settled({
    method: 'GET',
    operation: 'read',
    actions: ['users:read'],
    mutation: null,
    mutating: false,
    ...change,
  });

/** One mutation of a Bulk, as it is told for itself. */
export const part = (change: Partial<SettledPart> = {}): SettledPart => ({
  startedAt: 1_700_000_000_000,
  endedAt: 1_700_000_000_006,
  status: 201,
  code: null,
  internal: null,
  operation: 'create',
  actions: ['users:create'],
  resourceType: 'User',
  decision: 'allow',
  rule: 'routes.slack.grants.0',
  normalisedCount: 0,
  repairs: [],
  targetMs: 4,
  attempts: [attempt(1)],
  mutation: {
    ledgerId: 'led_0123abcd000002' as LedgerId,
    outcome: 'applied',
    settledBy: 'answer',
  },
  ...change,
});

/** One that was not sent, for what it refers to was not made. */
export const refusedPart = part({
  status: 409,
  code: 'reference_unresolved',
  decision: null,
  rule: null,
  attempts: [],
  mutation: null,
});
