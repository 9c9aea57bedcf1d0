import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import type { Answer } from '../../../src/identity/call.ts';
import type { Json, JsonObject } from '../../../src/identity/json-value.ts';
import { presentDiscovery, type DiscoveryView } from '../../../src/identity/scim/discovery.ts';
import { listResponse, problem, scimError } from '../../../src/identity/scim/messages.ts';
import { coreTypes } from '../../../src/identity/scim/schemas.ts';
import {
  accepted,
  answerOf,
  enterpriseUrn,
  groupUrn,
  meant,
  plain,
  publicBase,
  types,
  userUrn,
} from './scim-fixture.ts';

const view = { types, publicBase, now: 0, bulk: null };
const presented = (target: string, answer: Answer, bulk: DiscoveryView['bulk'] = null) => {
  const operation = meant('GET', target);
  assert.ok(operation.verb === 'discover');
  return presentDiscovery(answer, operation, { ...view, bulk });
};
const shown = (target: string, body: Json): JsonObject =>
  plain(accepted(presented(target, answerOf(200, body))).body) as JsonObject;

/** Objects of a list inside a document; none where there is no such list. */
const membersOf = (document: JsonObject | null | undefined, name: string): readonly JsonObject[] =>
  (document?.[name] ?? []) as readonly JsonObject[];

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

test('a target that fails is a failure, whatever the route knows', () => {
  for (const [answer, code] of [
    [answerOf(500, 'x'), 'target_unreachable'],
    [answerOf(503), 'target_unreachable'],
    [answerOf(302), 'target_unreachable'],
    [answerOf(401), 'target_credential_refused'],
    [answerOf(429), 'target_rate_limited'],
  ] as const) {
    const refusal = presented('/Schemas', answer);
    assert.ok(isRefusal(refusal) && refusal.refused === code);
  }
});

suite('a target without discovery', () => {
  const nothing: readonly Answer[] = [
    answerOf(404, { message: 'no route' }),
    answerOf(
      404,
      scimError({
        status: 404,
        detail: 'x',
        extension: { code: 'internal', requestId: '', traceId: '' },
      }),
    ),
    answerOf(405),
    answerOf(501),
    answerOf(200, undefined, {}, { readable: false, excerpt: '<html>' }),
    answerOf(200, 'x'),
    answerOf(200, {}),
    answerOf(200, undefined),
  ];
  const made = (target: string): readonly unknown[] =>
    nothing.map((answer) => plain(accepted(presented(target, answer)).body));

  test('has a ServiceProviderConfig of what every client needs', () => {
    for (const body of made('/ServiceProviderConfig') as JsonObject[]) {
      assert.deepEqual(body['patch'], { supported: true });
      assert.deepEqual(body['filter'], { supported: true, maxResults: 200 });
      assert.deepEqual(body['sort'], { supported: false });
      assert.deepEqual(body['pagination'], {
        cursor: true,
        index: true,
        defaultPaginationMethod: 'index',
        cursorTimeout: 3_600,
      });
    }
  });

  test('has the resource types of the route whose schema is known', () => {
    for (const body of made('/ResourceTypes') as JsonObject[]) {
      const listed = body['Resources'] as JsonObject[];
      assert.deepEqual(
        listed.map(({ name, endpoint, schema }) => [name, endpoint, schema]),
        [
          ['User', '/Users', userUrn],
          ['Group', '/Groups', groupUrn],
        ],
      );
      assert.deepEqual(listed[0]?.['schemaExtensions'], [
        { schema: enterpriseUrn, required: false },
      ]);
    }
  });

  test('has their schemas, without what every resource has', () => {
    for (const body of made('/Schemas') as JsonObject[]) {
      const listed = body['Resources'] as JsonObject[];
      assert.deepEqual(
        listed.map(({ id }) => id),
        [userUrn, enterpriseUrn, groupUrn],
      );
      const names = membersOf(listed[0], 'attributes').map(({ name }) => name);
      assert.equal(names[0], 'userName');
      assert.ok(!names.includes('meta'));
    }
  });

  test('has single documents, by id in any letter case, and no others', () => {
    for (const body of made(`/Schemas/${groupUrn.toUpperCase()}`) as JsonObject[]) {
      assert.equal(body['id'], groupUrn);
      assert.equal(
        (body['meta'] as JsonObject)['location'],
        `${publicBase}/Schemas/${encodeURIComponent(groupUrn)}`,
      );
    }
    for (const body of made('/ResourceTypes/Group') as JsonObject[]) {
      assert.equal(body['endpoint'], '/Groups');
    }
    for (const path of ['/ResourceTypes/Device', '/Schemas/urn:x:y', '/Schemas/constructor']) {
      for (const answer of nothing) {
        const refusal = presented(path, answer);
        assert.ok(isRefusal(refusal) && refusal.refused === 'route_unknown');
      }
    }
  });
});

suite('a target that is wrong about itself', () => {
  const attributeOf = (body: JsonObject, name: string): JsonObject | undefined =>
    (body['attributes'] as JsonObject[]).find((each) => each['name'] === name);

  test('is corrected where the gateway judges by something else (EID 5368)', () => {
    const group = shown(`/Schemas/${groupUrn}`, {
      id: groupUrn,
      attributes: [
        { name: 'displayname', type: 'string', required: false, description: 'kept' },
        { name: 'extra', type: 'string' },
        {
          name: 'members',
          type: 'string',
          multiValued: false,
          subAttributes: [{ name: 'value', type: 'complex', mutability: 'readWrite' }],
        },
      ],
    });
    const name = attributeOf(group, 'displayName');
    assert.deepEqual([name?.['required'], name?.['description']], [true, 'kept']);
    assert.deepEqual(attributeOf(group, 'extra'), { name: 'extra', type: 'string' });
    const members = attributeOf(group, 'members');
    assert.deepEqual([members?.['type'], members?.['multiValued']], ['complex', true]);
    const [value] = membersOf(members, 'subAttributes');
    assert.deepEqual([value?.['type'], value?.['mutability']], ['string', 'immutable']);
    const user = shown(`/Schemas/${userUrn}`, {
      id: userUrn,
      attributes: [
        { name: 'password', returned: 'default', mutability: 'readWrite' },
        { name: 'title', mutability: 'readOnly', returned: 'request', required: true },
      ],
    });
    const password = attributeOf(user, 'password');
    assert.deepEqual([password?.['returned'], password?.['mutability']], ['never', 'writeOnly']);
    const title = attributeOf(user, 'title');
    assert.deepEqual(
      [title?.['mutability'], title?.['returned'], title?.['required']],
      ['readOnly', 'request', true],
    );
  });

  test('is not shown with what the route does not serve', () => {
    const device = 'urn:ietf:params:scim:schemas:core:2.0:Device';
    const served = { types: coreTypes, publicBase, now: 0, bulk: null };
    const operation = meant('GET', '/Schemas');
    assert.ok(operation.verb === 'discover');
    const answer = answerOf(200, {
      Resources: [{ id: userUrn }, { id: device }, { id: 'urn:x:y' }],
    });
    const body = accepted(presentDiscovery(answer, operation, served)).body;
    const ids = membersOf(body, 'Resources').map(({ id }) => id);
    assert.deepEqual(ids, [userUrn, 'urn:x:y']);
    const robot = presented(
      '/ResourceTypes/Robot',
      answerOf(200, { name: 'Robot', endpoint: '/R' }),
    );
    assert.ok(isRefusal(robot) && robot.refused === 'route_unknown');
  });

  test('pages as it and the gateway can (RFC 9865 §4)', () => {
    const operation = meant('GET', '/ServiceProviderConfig');
    assert.ok(operation.verb === 'discover');
    const stated = {
      patch: { supported: false },
      pagination: { cursor: true, index: false, maxPageSize: 50, cursorTimeout: 60, x: 'y' },
    };
    const more = { paging: 'cursor', patches: true } as const;
    const body = accepted(
      presentDiscovery(answerOf(200, stated), operation, { ...view, ...more }),
    ).body;
    assert.deepEqual(body?.['patch'], { supported: true });
    assert.deepEqual(body?.['pagination'], {
      cursor: true,
      index: false,
      defaultPaginationMethod: 'cursor',
      maxPageSize: 50,
      cursorTimeout: 60,
    });
  });
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
