/** Protected subjects through a whole gateway: known by id, whatever happens at the target meanwhile. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import { systemClock } from '../../src/clock.ts';
import { isRefusal } from '../../src/errors.ts';
import { startFixture, targetToken, type Fixture } from '../support/fixture.ts';
import { assertScimError, base, group, make, patch, read, user } from '../support/scim-calls.ts';
import { deactivation, rowsOf, withRules } from '../support/safety-scene.ts';

const rules = {
  target: `    tenant: suite
    protected:
      - { name: vips, users: { userName: ["vip-*"] }, never: [deactivate, delete] }
      - { name: admins, users: { memberOf: ["top-team"] }, never: [deactivate, delete] }
`,
};

describe('a protected subject', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({ config: withRules(rules), clients: ['full'] });
  });
  after(() => fixture.stop());

  /** At the target itself, past the gateway. */
  const outside = async (path: string, body: object): Promise<void> => {
    const answer = await request(`${fixture.sandbox.url}${path}`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${targetToken}`,
        'content-type': 'application/scim+json',
      },
      body: JSON.stringify(body),
    });
    assert.ok(answer.statusCode < 300, await answer.body.text());
  };
  const look = async (): Promise<void> => {
    const states = await fixture.gateway.context.safety.resolve();
    assert.ok(!isRefusal(states));
    assert.deepEqual(
      states.map(({ resolved, failed }) => [resolved, failed]),
      [
        [true, null],
        [true, null],
      ],
    );
  };
  const deactivate = (id: string) =>
    fixture.ask('PATCH', `${base}/Users/${id}`, { body: deactivation });

  it('stays protected though it was renamed outside, over a restart too', async () => {
    const vip = await make(fixture, 'Users', user('vip-1@example.com'));
    const plain = await make(fixture, 'Users', user('plain@example.com'));
    await look();
    await outside(
      `/Users/${vip}`,
      patch({ op: 'replace', path: 'userName', value: 'nobody@example.com' }),
    );
    assertScimError(await deactivate(vip), 403, 'subject_protected', { rule: 'protected.vips' });
    await fixture.restart(systemClock);
    assertScimError(await deactivate(vip), 403, 'subject_protected', { rule: 'protected.vips' });
    assert.equal((await deactivate(plain)).status, 200);
    assert.equal((await read(fixture, 'Users', vip))['active'], true);
  });

  it('is protected through groups in groups, and so are the groups', async () => {
    const nested = await make(fixture, 'Users', user('nested@example.com'));
    const inner = await make(fixture, 'Groups', group('inner-team', [nested]));
    const top = await make(fixture, 'Groups', group('top-team', [inner]));
    await look();
    const denied = { rule: 'protected.admins' };
    assertScimError(await deactivate(nested), 403, 'subject_protected', denied);
    const taken = patch({ op: 'remove', path: `members[value eq "${nested}"]` });
    for (const [path, body] of [
      [`/Groups/${inner}`, taken],
      [`/Groups/${inner}`, patch({ op: 'replace', path: 'displayName', value: 'harmless' })],
      [`/Groups/${top}`, patch({ op: 'remove', path: `members[value eq "${inner}"]` })],
    ] as const) {
      const answer = await fixture.ask('PATCH', `${base}${path}`, { body });
      assertScimError(answer, 403, 'subject_protected', denied);
    }
    // Regrouped outside: it makes no difference.
    await outside(`/Groups/${inner}`, taken);
    await look();
    assertScimError(await deactivate(nested), 403, 'subject_protected', denied);
  });

  it('is let through by an override of two people, for its client, and recorded so', async () => {
    const vip = await make(fixture, 'Users', user('vip-2@example.com'));
    const { overrides } = fixture.gateway.context.safety;
    const wish = { tenant: 'suite', rule: 'vips', client: 'full', subject: vip };
    const asked = await overrides.ask(
      { ...wish, reason: 'taken over', until: Date.now() + 60_000 },
      { name: 'ann', named: true },
    );
    assert.ok(!isRefusal(asked));
    assert.equal((await deactivate(vip)).status, 403, 'asked for is not approved');
    assert.ok(!isRefusal(await overrides.approve(asked.id, { name: 'bob', named: true })));
    assert.equal((await deactivate(vip)).status, 200);
    const rows = await rowsOf(fixture, asked.id);
    assert.deepEqual(
      rows.map(({ decision, resource, override }) => [decision, resource.id, override]),
      [['allow', vip, asked.id]],
      'the entry is found by its override',
    );
    const other = await make(fixture, 'Users', user('vip-3@example.com'));
    assert.equal((await deactivate(other)).status, 403, 'it was for one subject');
  });
});
