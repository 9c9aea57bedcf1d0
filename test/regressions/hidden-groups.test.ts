/**
 * What a client may not see of groups could be found out sideways: a 304 was passed on for a hidden
 * group, and with `count=0` or a page beyond the end the total told what a filter hits among them.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import { startStubTarget, type StubTarget } from '../support/stub-target.ts';

const hidden = { id: 'g1', displayName: 'top-admins', members: [{ value: 'u1' }] };
const open = (id: string) => ({ id, displayName: `app-${id}`, members: [{ value: 'u1' }] });
const all = [hidden, open('g2'), open('g3')];

const answerSearch = (query: URLSearchParams) => {
  const start = Number(query.get('startIndex') ?? 1);
  const count = Number(query.get('count') ?? all.length);
  return {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
    totalResults: all.length,
    startIndex: start,
    Resources: all.slice(start - 1, start - 1 + count),
  };
};

describe('groups outside a grant', () => {
  let target: StubTarget;
  let fixture: Fixture;
  before(async () => {
    target = await startStubTarget(({ path, query, headers }) => {
      if (path !== '/Groups/g1') return { status: 200, body: answerSearch(query) };
      return headers['if-none-match'] === undefined
        ? { status: 200, body: hidden }
        : { status: 304, body: null };
    });
    fixture = await startFixture({ config: () => mainConfig(target.url) });
  });
  after(async () => {
    await fixture.stop();
    await target.stop();
  });

  it('are no more known by their version than by their content', async () => {
    const headers = { 'if-none-match': 'W/"1"' };
    const answer = await fixture.ask('GET', '/scim/sandbox/Groups/g1', { headers });
    assert.equal(answer.status, 403);
    assert.equal(answer.headers['etag'], undefined);
  });

  const probe = encodeURIComponent('members.value eq "u1"');
  for (const [page, shown, total] of [
    ['', 2, 2],
    ['&count=0', 0, 2],
    ['&count=1', 1, 2],
    ['&startIndex=2&count=1', 1, 2],
    ['&startIndex=3', 0, 2],
  ] as const) {
    it(`do not count where a filter hits them: ${page || 'whole'}`, async () => {
      const { body } = await fixture.ask('GET', `/scim/sandbox/Groups?filter=${probe}${page}`);
      assert.equal(body['totalResults'], total);
      assert.equal((body['Resources'] as readonly unknown[]).length, shown);
    });
  }

  it('do not end the reading of pages before the last one', async () => {
    const { body } = await fixture.ask('GET', '/scim/sandbox/Groups?count=1');
    assert.deepEqual([body['totalResults'], body['Resources']], [3, []]);
  });
});
