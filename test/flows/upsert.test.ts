/** Row C5 end to end: Entra's way to set a work e-mail, at a target that keeps to the RFC. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startFixture, type Fixture } from '../support/fixture.ts';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
});
after(() => fixture.stop());

test('Entra sets an e-mail that was not there', async () => {
  const user = 'urn:ietf:params:scim:schemas:core:2.0:User';
  const created = await fixture.ask('POST', '/scim/sandbox/Users', {
    body: { schemas: [user], userName: 'ann@example.com' },
  });
  assert.equal(created.status, 201, created.text);
  const patched = await fixture.ask('PATCH', `/scim/sandbox/Users/${String(created.body['id'])}`, {
    body: {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
      Operations: [{ op: 'Add', path: 'emails[type eq "work"].value', value: 'Ann@EXAMPLE.com' }],
    },
  });
  assert.equal(patched.status, 200, patched.text);
  // The target holds the normal form; the client sees what it sent (C14).
  const [stored] = fixture.sandbox.stored('User');
  assert.deepEqual(stored?.['emails'], [{ type: 'work', value: 'Ann@example.com' }]);
  assert.deepEqual(patched.body['emails'], [{ type: 'work', value: 'Ann@EXAMPLE.com' }]);
});
