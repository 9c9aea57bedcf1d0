/**
 * A change was decided and recorded for one system and sent to another: a reload that gave the
 * target a new base URL came between its decision and its first byte.
 */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import { startStubTarget, type StubTarget } from '../support/stub-target.ts';

const ann = {
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
  id: 'u1',
  userName: 'ann@example.com',
};

let first: StubTarget;
let second: StubTarget;
let fixture: Fixture;
const read = Promise.withResolvers<void>();
const reloaded = Promise.withResolvers<void>();
before(async () => {
  first = await startStubTarget(async ({ method }) => {
    if (method === 'GET') {
      read.resolve();
      await reloaded.promise;
    }
    return { status: 200, body: ann };
  });
  second = await startStubTarget(() => ({ status: 200, body: ann }));
  fixture = await startFixture({ config: () => mainConfig(first.url) });
});
after(async () => {
  await fixture.stop();
  await first.stop();
  await second.stop();
});

it('what was decided for one system never goes to another', async () => {
  const Operations = [{ op: 'replace', path: 'displayName', value: 'Ann' }];
  const schemas = ['urn:ietf:params:scim:api:messages:2.0:PatchOp'];
  const body = { schemas, Operations };
  const asked = fixture.ask('PATCH', '/scim/sandbox/Users/u1', { body });
  await read.promise;
  await fixture.rewrite((text) => text.replace(first.url, second.url));
  await fixture.gateway.reload();
  reloaded.resolve();
  const answer = await asked;
  assert.equal(answer.status, 503);
  assert.match(answer.text, /"outcome":"not-sent"/);
  assert.deepEqual(second.calls, []);
  assert.deepEqual(
    first.calls.map(({ method }) => method),
    ['GET'],
  );
});
