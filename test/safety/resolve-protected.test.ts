/** Whom rules protect, looked up at a real SCIM server: pages, groups in groups, outages, renames. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { againMs, roundMs } from '../../src/safety/resolve-rounds.ts';
import { until } from '../targets/harness.ts';
import {
  byGroup,
  byName,
  keyOf,
  protection,
  startScene,
  tenant,
  type Scene,
} from './safety-scene.ts';

describe('looking through a tenant', () => {
  let scene: Scene;
  before(async () => {
    scene = await startScene();
  });
  after(() => scene.stop());

  const isMarked = (word: 'users' | 'groups', id: string, rule: string): boolean =>
    scene.safety.protections.marksOf(tenant, word, id).includes(rule);
  const look = async () => {
    const states = await scene.safety.desk.resolve();
    assert.ok(Array.isArray(states));
    return states;
  };

  it('marks every match of more than one page, and nobody else', async () => {
    const ids = new Map<string, string>();
    scene.retarget((target) => ({ ...target, knobs: { ...target.knobs, pageMax: 40 } }));
    for (let at = 0; at < 90; at += 1) {
      const userName = at % 10 === 0 ? `vip-${at}@example.com` : `user-${at}@example.com`;
      ids.set(userName, await scene.make('Users', { userName, active: true }));
    }
    scene.protect(byName('vips', 'vip-'));
    const [state] = await look();
    assert.deepEqual([state?.resolved, state?.failed], [true, null]);
    for (const [userName, id] of ids) {
      assert.equal(isMarked('users', id, 'vips'), userName.startsWith('vip-'), userName);
    }
    const pages = scene.calls.filter(({ path }) => path === '/Users');
    assert.ok(pages.length >= 3, 'one call is no page');
    assert.ok(scene.calls.every(({ mutation, method }) => !mutation && method === 'GET'));
    assert.equal(scene.told.unresolved, 0);
    assert.equal(scene.told.marks, 9);
  });

  it('leaves nobody of a small tenant to a filter at first, then asks with it', async () => {
    const id = await scene.make('Users', { userName: 'chief@example.com', title: 'Chief' });
    await scene.make('Users', { userName: 'other@example.com', title: 'Chief' });
    // As the target compares names it is another one; as people read it, it is not.
    const wide = await scene.make('Users', { userName: 'ｃhief@example.com', title: 'Ｃhief' });
    const queries = async (): Promise<readonly string[]> => {
      const from = scene.calls.length;
      await look();
      return scene.calls.slice(from).map(({ query }) => decodeURIComponent(query));
    };
    scene.protect(
      protection('chief', {
        filter: 'title eq "Chief"',
        matches: (user) => keyOf(user['userName']) === 'chief@example.com',
      }),
    );
    const first = await queries();
    assert.ok(
      first.some((query) => !query.includes('filter=') && !query.includes('count=0')),
      'everybody is listed once',
    );
    assert.equal(isMarked('users', wide, 'chief'), true, 'the filter would have missed this one');
    assert.equal(isMarked('users', id, 'chief'), true);
    assert.equal(
      scene.stores.kept.marks().filter(({ rule }) => rule === 'chief').length,
      2,
      'who is listed is judged here',
    );
    const later = await queries();
    assert.ok(later.length >= 1);
    assert.ok(later.every((query) => query.includes('filter=title eq "Chief"')));
  });

  it('follows groups in groups, in a circle too, and marks the groups beside the members', async () => {
    const [direct, nested, outside] = await Promise.all(
      ['direct', 'nested', 'outside'].map((name) =>
        scene.make('Users', { userName: `${name}@example.com` }),
      ),
    );
    assert.ok(direct !== undefined && nested !== undefined && outside !== undefined);
    const inner = await scene.make('Groups', {
      displayName: 'inner',
      members: [{ value: nested, type: 'User' }],
    });
    const admins = await scene.make('Groups', {
      displayName: 'Admins',
      members: [{ value: direct, type: 'User' }, { value: inner }],
    });
    const others = await scene.make('Groups', {
      displayName: 'others',
      members: [{ value: outside }],
    });
    // A circle: the inner group holds the outer one.
    await scene.patch('Groups', inner, { op: 'add', path: 'members', value: [{ value: admins }] });
    scene.protect(byGroup('admins', 'ADMINS'));
    const [state] = await look();
    assert.deepEqual([state?.resolved, state?.failed], [true, null]);
    for (const id of [direct, nested]) assert.equal(isMarked('users', id, 'admins'), true);
    for (const id of [admins, inner]) assert.equal(isMarked('groups', id, 'admins'), true);
    assert.equal(isMarked('users', outside, 'admins'), false);
    assert.equal(isMarked('groups', others, 'admins'), false);

    // Renamed, emptied or taken out of its parent: whoever was protected stays so.
    await scene.patch('Groups', admins, { op: 'replace', path: 'displayName', value: 'harmless' });
    await scene.patch('Groups', inner, { op: 'remove', path: 'members' });
    await look();
    for (const id of [direct, nested]) assert.equal(isMarked('users', id, 'admins'), true);
    for (const id of [admins, inner]) assert.equal(isMarked('groups', id, 'admins'), true);
  });

  it('does not call a rule resolved whose groups lie deeper than it follows', async () => {
    const deepest = await scene.make('Users', { userName: 'deepest@example.com' });
    let below = deepest;
    for (let at = 0; at < 13; at += 1) {
      below = await scene.make('Groups', {
        displayName: at === 12 ? 'top' : `level ${at}`,
        members: [{ value: below }],
      });
    }
    scene.protect(byGroup('deep', 'top'));
    const [state] = await look();
    assert.deepEqual([state?.resolved, state?.failed], [false, 'nested_too_deep']);
  });

  it('keeps who was renamed outside, and knows full-width and upper-case letters', async () => {
    const plain = await scene.make('Users', { userName: 'root-1@example.com' });
    const wide = await scene.make('Users', { userName: 'ＲＯＯＴ-2@example.com' });
    scene.protect(byName('roots', 'root-'));
    await look();
    assert.equal(isMarked('users', plain, 'roots'), true);
    assert.equal(isMarked('users', wide, 'roots'), true, keyOf('ＲＯＯＴ'));
    await scene.patch('Users', plain, {
      op: 'replace',
      path: 'userName',
      value: 'nobody@example.com',
    });
    await look();
    assert.equal(isMarked('users', plain, 'roots'), true, 'a rename unprotects nobody');
    await scene.remove('Users', plain);
    await look();
    assert.equal(isMarked('users', plain, 'roots'), true);
    assert.equal(
      await scene.safety.desk.forget({ tenant, rule: 'roots', word: 'users', id: plain }),
      true,
    );
    assert.equal(isMarked('users', plain, 'roots'), false, 'a person does');
    assert.equal(
      await scene.safety.desk.forget({ tenant, rule: 'roots', word: 'users', id: wide }),
      true,
    );
    await look();
    assert.equal(isMarked('users', wide, 'roots'), true, 'who matches is marked again');
  });

  it('marks ids at once, before anybody was asked', async () => {
    const from = scene.calls.length;
    scene.protect(protection('named', { ids: new Set(['id-1']) }));
    assert.equal(isMarked('users', 'id-1', 'named'), true);
    await look();
    assert.equal(scene.calls.length, from, 'ids need no target');
    assert.equal(scene.safety.desk !== null && scene.safety.state().rules[0]?.resolved, true);
  });

  it('is unresolved and loud while the target is away, then comes again by itself', async () => {
    const url = scene.sandbox.url;
    const before = scene.notes.length;
    scene.retarget((target) => ({
      ...target,
      digest: 'away',
      settings: { ...target.settings, baseUrl: 'http://127.0.0.1:9/scim/v2' },
    }));
    scene.protect(byName('vips', 'vip-', { digest: 'changed' }), byName('roots', 'root-'));
    const states = await look();
    const vips = states.find(({ rule }) => rule === 'vips');
    const roots = states.find(({ rule }) => rule === 'roots');
    assert.deepEqual([vips?.resolved, vips?.failed], [false, 'target_unreachable']);
    assert.deepEqual([roots?.resolved, roots?.failed], [true, 'target_unreachable']);
    const safety = { tenant, protections: [byName('vips', 'vip-', { digest: 'changed' })] };
    assert.equal(scene.safety.protections.resolved(safety as never), false);
    assert.ok(
      scene.stores.kept.marks().some(({ rule }) => rule === 'vips'),
      'old marks stay',
    );
    const loud = scene.notes.slice(before).filter(([, event]) => event === 'protection.unresolved');
    assert.ok(loud.length >= 2 && loud.every(([level]) => level === 'error'));
    assert.equal(scene.told.unresolved, 2);
    scene.retarget((target) => ({
      ...target,
      digest: 'back',
      settings: { ...target.settings, baseUrl: url },
    }));
    scene.clock.advance(againMs * 1.2);
    await until(() => scene.told.unresolved === 0);
    assert.ok(
      scene.safety.state().rules.every(({ resolved, failed }) => resolved && failed === null),
    );
  });

  it('looks again every ten minutes: who came meanwhile is marked', async () => {
    const late = await scene.make('Users', { userName: 'root-late@example.com' });
    assert.equal(isMarked('users', late, 'roots'), false);
    scene.clock.advance(roundMs * 1.2);
    await until(() => isMarked('users', late, 'roots'));
  });

  it('shares what it found with a gateway beside it, and after a restart', async () => {
    const other = scene.beside();
    await other.start();
    const [mark] = scene.stores.kept.marks().filter(({ rule }) => rule === 'roots');
    assert.ok(mark !== undefined);
    assert.deepEqual(other.protections.marksOf(tenant, 'users', mark.id), ['roots']);
    const from = scene.calls.length;
    other.reconcile();
    assert.equal(
      other.state().rules.every(({ resolved }) => resolved),
      true,
    );
    assert.equal(scene.calls.length, from, 'what is known is not asked again at once');
  });

  it('sees members of groups that show none by what users say of their groups', async () => {
    const member = await scene.make('Users', { userName: 'told@example.com' });
    await scene.make('Groups', { displayName: 'quiet', members: [{ value: member }] });
    // SCIMMY tells no `groups` of a user by itself: what cannot be seen is not marked, nor called a failure.
    scene.retarget((target) => ({
      ...target,
      digest: 'quiet',
      knobs: { ...target.knobs, showsMembers: false },
    }));
    const from = scene.calls.length;
    scene.protect(byGroup('quiet', 'quiet'));
    await look();
    const asked = scene.calls.slice(from).map(({ template }) => template);
    assert.ok(asked.includes('/Users') && !asked.includes('/Groups/{id}'));
    scene.retarget((target) => ({
      ...target,
      digest: 'loud',
      knobs: { ...target.knobs, showsMembers: true },
    }));
  });

  it("keeps to the target's limit of reads, and leaves callers half of its burst", async () => {
    const limitReads = { key: 'k', policy: 'reads', count: 60, seconds: 60, burst: 4 };
    scene.retarget((target) => ({ ...target, digest: 'limited', limitReads }));
    const from = scene.calls.length;
    const began = scene.clock.monotonic();
    scene.protect(byName('limited', 'vip-', { digest: 'x' }));
    const looked = { done: false };
    const looking = look().finally(() => {
      looked.done = true;
    });
    while (!looked.done) {
      await new Promise((resolve) => setImmediate(resolve));
      if (scene.clock.armed() > 0) scene.clock.advance(50);
    }
    await looking;
    const calls = scene.calls.length - from;
    assert.ok(calls >= 3);
    const seconds = (scene.clock.monotonic() - began) / 1_000;
    assert.ok(seconds >= calls - 4, `${calls} reads took ${seconds} s of one a second`);
    scene.retarget((target) => ({ ...target, digest: 'free', limitReads: null }));
  });

  it('fails where a target does not let everybody be seen, rather than miss somebody', async () => {
    scene.retarget((target) => ({
      ...target,
      digest: 'narrow',
      knobs: { ...target.knobs, unfilteredList: 'none' },
    }));
    scene.protect(byName('everybody', 'vip-'));
    const [state] = await look();
    assert.deepEqual([state?.resolved, state?.failed], [false, 'list_unreadable']);
    scene.retarget((target) => ({ ...target, unconfigured: 'its secret is missing' }));
    const [closed] = await look();
    assert.deepEqual([closed?.resolved, closed?.failed], [false, 'no_usable_target']);
  });
});
