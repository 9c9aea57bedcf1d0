/**
 * A target that shows a password (or a mask of one) had it kept in before-images and sent back by
 * every PUT; removing a password was taken for no change, since no target shows one; a PUT carried a
 * `$ref` that nobody had judged beside an unchanged `value`.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { LedgerId } from '../../src/ids.ts';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import { startStubTarget, type StubTarget } from '../support/stub-target.ts';

const core = 'urn:ietf:params:scim:schemas:core:2.0:User';
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const shownPassword = '******** shown against the rules';
const ann = {
  schemas: [core, enterprise],
  id: 'u1',
  userName: 'ann@example.com',
  displayName: 'Ann',
  active: true,
  [enterprise]: { manager: { value: 'm1' } },
};
const path = '/scim/sandbox/Users/u1';

describe('what no target may show', () => {
  let target: StubTarget;
  let fixture: Fixture;
  const written = () => target.calls.filter(({ method }) => method !== 'GET');
  before(async () => {
    target = await startStubTarget(() => ({
      status: 200,
      body: { ...ann, password: shownPassword },
    }));
    const grant = 'rename, recovery, activate, deactivate, delete';
    fixture = await startFixture({
      config: () => mainConfig(target.url).replace(`${grant}]`, `${grant}, password]`),
    });
  });
  after(async () => {
    await fixture.stop();
    await target.stop();
  });

  it('is neither sent back by a PUT nor kept, and no $ref passes unjudged', async () => {
    const manager = { value: 'm1', $ref: 'https://elsewhere.example/Users/m2' };
    const body = { ...ann, displayName: 'Anna', [enterprise]: { manager } };
    const answer = await fixture.ask('PUT', path, { body });
    assert.equal(answer.status, 200, answer.text);
    const [sent] = written();
    assert.deepEqual(sent?.body, { ...ann, displayName: 'Anna' });
    const id = String(answer.headers['sallyport-ledger-id']) as LedgerId;
    const entry = JSON.stringify(await fixture.gateway.context.ledger.show(id));
    assert.ok(!entry.includes(shownPassword));
  });

  it('is not known to be absent: removing a password goes out', async () => {
    const count = written().length;
    const Operations = [{ op: 'remove', path: 'password' }];
    const schemas = ['urn:ietf:params:scim:api:messages:2.0:PatchOp'];
    const answer = await fixture.ask('PATCH', path, { body: { schemas, Operations } });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(written().at(count)?.body, { schemas, Operations });
  });
});
