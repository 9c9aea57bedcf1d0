/**
 * What waits for people, or was rejected by them, does not go out because a guard's window has room
 * again: the same call comes back to its hold, whatever else passes meanwhile.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startFixture, type Fixture } from '../support/fixture.ts';
import { assertScimError, base, patch, read } from '../support/scim-calls.ts';
import {
  approver,
  changesSeen,
  deactivation,
  holdOf,
  makeUsers,
  withRules,
} from '../support/safety-scene.ts';
import { testEngine } from '../support/test-store.ts';
import { makeJumpingClock } from '../campaigns/jumping-clock.ts';

const leave = 'guards.leave';
const hourMs = 3_600_000;

// A server's clock would give the jumps away; what the store does is in the conformance tests of both.
const skip = testEngine === 'postgres' && 'wall time cannot jump beside the server';

describe('what a guard held', { skip }, () => {
  const clock = makeJumpingClock();
  let fixture: Fixture;
  let aheadMs = 0;
  before(async () => {
    fixture = await startFixture({
      clock,
      clients: ['full', 'other'],
      config: withRules({
        target:
          '    guards: [{ name: leave, actions: [users:deactivate, users:delete], count: 1, in: 1h }]\n',
        grants: '      - { client: other, use: provision }\n',
        clients:
          '  other: { owner: iam@example.com, purpose: leavers, expires: 2099-12-31, auth: [{ apiKey: {} }] }\n',
      }),
    });
  });
  after(() => fixture.stop());

  /** Wall time goes on; a jump at once would not be trusted. */
  const later = async (ms: number): Promise<void> => {
    aheadMs += ms;
    clock.jump(aheadMs);
    await fixture.restart(clock);
  };
  const off = (id: string | undefined, key?: string) =>
    fixture.ask('PATCH', `${base}/Users/${id}`, {
      body: deactivation,
      ...(key === undefined ? {} : { key }),
    });
  const active = async (id: string | undefined): Promise<unknown> =>
    (await read(fixture, 'Users', id as string))['active'];
  const desk = () => fixture.gateway.context.holds;

  it('stays rejected once the window has room, for its own client and this change only', async () => {
    const [first, one, two, three] = await makeUsers(fixture, 'bound', 4);
    assert.equal((await off(first)).status, 200);
    const hold = holdOf(await off(one), leave);
    await desk().reject([hold], approver, 'not this one');
    await later(hourMs + 1_000);
    const seen = changesSeen(fixture);
    assertScimError(await off(one), 403, 'action_denied', { rule: leave });
    assert.equal(changesSeen(fixture), seen);
    // It took no place.
    assert.equal((await off(two)).status, 200);
    await later(hourMs + 1_000);
    assertScimError(await off(one), 403, 'action_denied', { rule: leave });
    // Another change of that user, the same one by another client, and another user pass.
    const title = patch({ op: 'replace', path: 'title', value: 'Here' });
    const titled = await fixture.ask('PATCH', `${base}/Users/${one}`, { body: title });
    assert.equal(titled.status, 200, titled.text);
    assert.equal((await off(three)).status, 200);
    assert.equal((await off(one, fixture.keys['other'])).status, 200);
    assert.equal(await active(one), false);
  });

  it('waits on although the window has room, and goes out once', async () => {
    await later(hourMs + 1_000);
    const [first, one, two] = await makeUsers(fixture, 'waits', 3);
    assert.equal((await off(first)).status, 200);
    const hold = holdOf(await off(one), leave);
    await later(hourMs + 1_000);
    assert.equal(holdOf(await off(one), leave), hold);
    assert.equal(await active(one), true);
    const seen = changesSeen(fixture);
    const [released] = await desk().approve([hold], approver, null);
    assert.equal(released?.state, 'released', JSON.stringify(released));
    assert.equal(changesSeen(fixture) - seen, 1);
    assert.equal(await active(one), false);
    // The place that the release took counts.
    holdOf(await off(two), leave);
  });

  it('is forgotten when its time is over', async () => {
    await later(hourMs + 1_000);
    const [first, one] = await makeUsers(fixture, 'over', 2);
    assert.equal((await off(first)).status, 200);
    holdOf(await off(one), leave);
    await later(24 * hourMs + 1_000);
    assert.equal((await off(one)).status, 200);
  });
});
