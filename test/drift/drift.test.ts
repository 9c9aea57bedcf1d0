/** Drift, against a real SCIM server: what is found, what is not taken for it, and what people do. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import { day, minute, startDriftScene, type DriftScene } from './drift-scene.ts';

const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User';
const groupUrn = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

const patch = (...Operations: object[]) => ({ schemas: [patchUrn], Operations });
const set = (path: string, value: unknown) => ({ op: 'replace', path, value });

let scene: DriftScene;
let count = 0;

before(async () => {
  scene = await startDriftScene();
});
after(() => scene.stop());
beforeEach(async () => {
  scene.reload({});
  // Nothing of an earlier test is due any more.
  for (const { id } of await scene.drift.acts.list({ limit: 1_000 })) {
    await scene.drift.acts.dismiss(id);
  }
});

const newUser = async (): Promise<string> => {
  count += 1;
  const body = { schemas: [userUrn], userName: `u${count}@example.com`, title: 'Engineer' };
  return String((await scene.changeUntold('POST', '/Users', body))['id']);
};

const drifted = () => scene.drift.acts.list({ state: 'drifted', limit: 100 });
const look = async (ms: number): Promise<void> => {
  scene.clock.advance(ms);
  await scene.drift.look();
};

void suite('drift', () => {
  void test('a change past the gateway is found, listed by names alone, and told once', async () => {
    const id = await newUser();
    await scene.change('PATCH', `/Users/${id}`, patch(set('title', 'Manager')));
    await look(0);
    assert.equal((await scene.drift.acts.list({ limit: 1 }))[0]?.state, 'watching');
    await scene.outside('PATCH', `/Users/${id}`, patch(set('title', 'Intruder')));
    const before = scene.noted.length;
    await look(minute);
    const [found, ...others] = await drifted();
    assert.deepEqual([found?.paths, others], [['title'], []]);
    const told = scene.noted.slice(before).filter(({ event }) => event === 'drift.found');
    assert.equal(told.length, 1);
    assert.equal(told[0]?.fields['attributes'], 'title');
    assert.ok(!/Intruder|Manager|u\d+@/.test(JSON.stringify([told, found])));
    assert.equal(scene.counted()?.drifted, 1);
    await look(day);
    assert.equal(scene.noted.filter(({ event }) => event === 'drift.found').length, 1);
    const shown = await scene.drift.acts.show(String(found?.id));
    assert.ok(!isRefusal(shown));
    assert.deepEqual(
      shown.values.map(({ attribute, expected, found: now, holds }) => [
        attribute,
        expected,
        now,
        holds,
      ]),
      [['title', 'Manager', 'Intruder', false]],
    );
  });

  void test('is written again by a person, through the passage, and recorded', async () => {
    const id = await newUser();
    await scene.change('PATCH', `/Users/${id}`, patch(set('title', 'Manager')));
    await scene.outside('PATCH', `/Users/${id}`, patch(set('title', 'Intruder')));
    await look(minute);
    const [found] = await drifted();
    const done = await scene.drift.acts.reapply(String(found?.id), 'alice@example.com');
    assert.ok(!isRefusal(done), JSON.stringify(done));
    assert.deepEqual([done.result, done.attributes], ['applied', ['title']]);
    const { ledger } = scene.fixture.gateway.context;
    const entry = await ledger.show(done.ledgerId as never);
    assert.deepEqual([entry?.row.client, entry?.row.outcome], ['alice@example.com', 'applied']);
    await look(minute);
    assert.deepEqual(await drifted(), []);
    assert.equal(
      scene.fixture.sandbox.stored('User').find((user) => user['id'] === id)?.['title'],
      'Manager',
    );
  });

  void test('a removal of the resource is drift, and so is its return', async () => {
    const gone = await newUser();
    await scene.change('PATCH', `/Users/${gone}`, patch(set('title', 'Manager')));
    await scene.outside('DELETE', `/Users/${gone}`);
    await look(minute);
    const [found] = await drifted();
    assert.ok(found !== undefined);
    assert.deepEqual(found.paths, ['(missing)']);
    const refused = await scene.drift.acts.reapply(found.id, 'alice@example.com');
    assert.ok(isRefusal(refused));
  });

  void test('a later change through the gateway is none, whatever its action', async () => {
    const id = await newUser();
    await scene.change('PATCH', `/Users/${id}`, patch(set('title', 'Manager')));
    await scene.change(
      'PATCH',
      `/Users/${id}`,
      patch(set('title', 'Director'), set('active', false)),
    );
    await scene.change(
      'PATCH',
      `/Users/${id}`,
      patch(set('userName', `renamed-${id}@example.com`)),
    );
    await look(minute);
    await look(15 * minute);
    assert.deepEqual(await drifted(), []);
    await scene.outside('PATCH', `/Users/${id}`, patch(set('userName', 'other@example.com')));
    await look(day);
    assert.deepEqual((await drifted())[0]?.paths, ['userName']);
  });

  void test('nor is one of another gateway that this one was never told of', async () => {
    const id = await newUser();
    await scene.change('PATCH', `/Users/${id}`, patch(set('title', 'Manager')));
    await scene.drift.look();
    await scene.changeUntold('PATCH', `/Users/${id}`, patch(set('title', 'Director')));
    await look(minute);
    assert.deepEqual(await drifted(), []);
    // It was told by the ledger, and is watched from now on.
    await scene.outside('PATCH', `/Users/${id}`, patch(set('title', 'Manager')));
    await look(15 * minute);
    assert.deepEqual((await drifted())[0]?.paths, ['title']);
  });

  void test('members that come and go through the gateway are none; one put in past it is left alone', async () => {
    const [ann, bob] = [await newUser(), await newUser()];
    const body = { schemas: [groupUrn], displayName: `g${count}` };
    const group = String((await scene.changeUntold('POST', '/Groups', body))['id']);
    const path = `/Groups/${group}`;
    const add = (value: string) => patch({ op: 'add', path: 'members', value: [{ value }] });
    scene.reload({ verify: ['groups:add-member', 'groups:remove-member'] });
    await scene.change('PATCH', path, add(ann));
    await scene.change('PATCH', path, add(bob));
    await scene.change('PATCH', path, patch({ op: 'remove', path: `members[value eq "${ann}"]` }));
    await look(minute);
    assert.deepEqual(await drifted(), []);
    await scene.outside('PATCH', path, add(ann));
    await look(15 * minute);
    assert.deepEqual((await drifted())[0]?.paths, ['members']);
    await scene.outside('PATCH', path, patch({ op: 'remove', path: `members[value eq "${ann}"]` }));
    await look(day);
    assert.deepEqual(await drifted(), []);
    assert.ok(scene.noted.some(({ event }) => event === 'drift.ended'));
  });

  void test('what a person accepts is not watched any more', async () => {
    const id = await newUser();
    await scene.change('PATCH', `/Users/${id}`, patch(set('title', 'Manager')));
    await scene.outside('PATCH', `/Users/${id}`, patch(set('title', 'Accepted')));
    await look(minute);
    const [found] = await drifted();
    assert.equal(await scene.drift.acts.dismiss(String(found?.id)), null);
    await look(day);
    assert.deepEqual(await drifted(), []);
    // A new change begins anew, without what was accepted.
    await scene.change('PATCH', `/Users/${id}`, patch(set('displayName', 'A')));
    await look(minute);
    assert.deepEqual(await drifted(), []);
  });
});
