/**
 * A list of groups in an order was paged by the target: on which page a visible group stood told
 * where the names of hidden ones fall, and renaming the visible one told them letter by letter.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import { startStubTarget, type StubTarget } from '../support/stub-target.ts';

const groupsOf = (hidden: string) =>
  [
    { id: 'h', displayName: hidden },
    ...['a', 'b'].map((id) => ({ id, displayName: `m-${id}` })),
  ].toSorted((one, other) => (one.displayName < other.displayName ? -1 : 1));

describe('pages of sorted groups', () => {
  let hidden = '';
  let target: StubTarget;
  let fixture: Fixture;
  before(async () => {
    target = await startStubTarget(({ query }) => {
      const all = groupsOf(hidden);
      const start = Number(query.get('startIndex') ?? 1);
      const count = Number(query.get('count') ?? all.length);
      const Resources = all.slice(start - 1, start - 1 + count);
      const schemas = ['urn:ietf:params:scim:api:messages:2.0:ListResponse'];
      const body = { schemas, totalResults: all.length, startIndex: start, Resources };
      return { status: 200, body };
    });
    fixture = await startFixture({ config: () => mainConfig(target.url) });
  });
  after(async () => {
    await fixture.stop();
    await target.stop();
  });

  for (const page of ['count=1', 'startIndex=2&count=1', 'startIndex=3', '']) {
    it(`are the same wherever a hidden group stands: ${page || 'whole'}`, async () => {
      const seen = [];
      for (hidden of ['aa-admins', 'zz-admins']) {
        const path = `/scim/sandbox/Groups?sortBy=displayName&${page}`;
        seen.push((await fixture.ask('GET', path)).text);
      }
      assert.equal(seen[0], seen[1]);
      assert.match(String(seen[0]), /"totalResults":2/);
    });
  }
});
