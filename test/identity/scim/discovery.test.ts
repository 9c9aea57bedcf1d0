import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import type { Answer } from '../../../src/identity/call.ts';
import type { Json, JsonObject } from '../../../src/identity/json-value.ts';
import { presentDiscovery, type DiscoveryView } from '../../../src/identity/scim/discovery.ts';
import { listResponse, problem, scimError } from '../../../src/identity/scim/messages.ts';
import { accepted, answerOf, meant, plain, publicBase, types, userUrn } from './scim-fixture.ts';

const view = { types, publicBase, now: 0, bulk: null };
const presented = (target: string, answer: Answer, bulk: DiscoveryView['bulk'] = null) => {
  const operation = meant('GET', target);
  assert.ok(operation.verb === 'discover');
  return presentDiscovery(answer, operation, { ...view, bulk });
};
const shown = (target: string, body: Json): JsonObject =>
  plain(accepted(presented(target, answerOf(200, body))).body) as JsonObject;

test('ServiceProviderConfig says what target and gateway do together (T38)', () => {
  const body = shown('/ServiceProviderConfig', {
    patch: { supported: true },
    bulk: { supported: true, maxOperations: 1_000, maxPayloadSize: 1 },
    filter: { supported: true, maxResults: 200 },
    sort: { supported: 'yes' },
    authenticationSchemes: [{ type: 'httpbasic', specUri: 'https://internal.example' }],
    meta: { location: 'https://internal.example/ServiceProviderConfig' },
    securityEvents: {},
  });
  assert.deepEqual(body['bulk'], { supported: false, maxOperations: 0, maxPayloadSize: 0 });
  assert.deepEqual(body['patch'], { supported: true });
  assert.deepEqual(body['filter'], { supported: true, maxResults: 200 });
  assert.deepEqual(body['sort'], { supported: false });
  assert.deepEqual(
    (body['authenticationSchemes'] as JsonObject[]).map(({ type }) => type),
    ['oauthbearertoken'],
  );
  assert.ok(!JSON.stringify(body).includes('internal.example'));
  assert.equal((body['meta'] as JsonObject)['location'], `${publicBase}/ServiceProviderConfig`);
});

test('ServiceProviderConfig shows Bulk as the gateway unrolls it, whatever the target does (T38)', () => {
  const bulk = { operationsMax: 100, payloadBytesMax: 65_536 };
  for (const supported of [true, false]) {
    const answer = answerOf(200, { bulk: { supported, maxOperations: 7, maxPayloadSize: 7 } });
    const { body } = accepted(presented('/ServiceProviderConfig', answer, bulk));
    assert.deepEqual(plain(body?.['bulk'] ?? null), {
      supported: true,
      maxOperations: 100,
      maxPayloadSize: 65_536,
    });
  }
});

test('ResourceTypes are those of the route, at the gateway', () => {
  const body = shown('/ResourceTypes', [
    { id: 'User', name: 'User', endpoint: 'https://internal.example/v2/users/', schema: userUrn },
    { id: 'Robot', name: 'Robot', endpoint: '/Robots' },
    { id: 'Odd', name: 'Odd', endpoint: '/constructor' },
  ]);
  assert.equal(body['totalResults'], 1);
  assert.deepEqual(body['Resources'], [
    {
      id: 'User',
      name: 'User',
      endpoint: '/Users',
      schema: userUrn,
      meta: { resourceType: 'ResourceType', location: `${publicBase}/ResourceTypes/User` },
    },
  ]);
});

test('Schemas lead to the gateway, one and all', () => {
  const schema = { id: userUrn, attributes: [], meta: { location: 'https://internal.example/x' } };
  const location = `${publicBase}/Schemas/${encodeURIComponent(userUrn)}`;
  const one = shown(`/Schemas/${userUrn}`, schema);
  assert.equal((one['meta'] as JsonObject)['location'], location);
  const all = shown('/Schemas', { totalResults: 1, resources: [schema] });
  const [listed] = all['Resources'] as JsonObject[];
  assert.deepEqual(listed?.['meta'], { resourceType: 'Schema', location });
});

test('what cannot be read is refused', () => {
  for (const answer of [
    answerOf(200, undefined, {}, { readable: false }),
    answerOf(200, 'x'),
    answerOf(404, { message: 'no route' }),
    answerOf(302),
  ]) {
    const refusal = presented('/Schemas', answer);
    assert.ok(isRefusal(refusal) && refusal.refused === 'target_unreachable');
  }
});

const extension = { code: 'guard_tripped', requestId: 'req_1', traceId: 'a1', rule: 'r' } as const;

test('a SCIM error has its status as text and our member beside it', () => {
  assert.deepEqual(scimError({ status: 403, detail: 'd', extension }), {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
    status: '403',
    detail: 'd',
    'urn:sallyport:error': extension,
  });
  const typed = scimError({ status: 400, scimType: 'invalidValue', detail: 'd', extension });
  assert.equal(typed['scimType'], 'invalidValue');
});

test('a problem has the same members at top level', () => {
  assert.deepEqual(problem({ status: 403, detail: 'd', extension }), {
    type: 'urn:sallyport:error:guard_tripped',
    title: 'A guard against mass changes has tripped.',
    status: 403,
    detail: 'd',
    ...extension,
  });
});

test('a list always holds its Resources', () => {
  assert.deepEqual(listResponse({ totalResults: 0, startIndex: 1, resources: [] }), {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
    totalResults: 0,
    startIndex: 1,
    itemsPerPage: 0,
    Resources: [],
  });
});
