/** An observer that failed turned a change that was made into a bare 500 without any of our headers. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { startFixture, type Fixture } from '../support/fixture.ts';

let fixture: Fixture;
const noted: string[] = [];
before(async () => {
  fixture = await startFixture({
    observer: {
      requestSettled: () => {
        throw new Error('the observer broke');
      },
      note: (_level, event) => void noted.push(event),
    },
  });
});
after(() => fixture.stop());

it('an answer does not depend on who watches', async () => {
  const body = {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
    userName: 'ann@example.com',
  };
  const answer = await fixture.ask('POST', '/scim/sandbox/Users', { body });
  assert.equal(answer.status, 201, answer.text);
  assert.ok(answer.headers['sallyport-ledger-id'] !== undefined);
  assert.ok(noted.includes('request.untold'));
});
