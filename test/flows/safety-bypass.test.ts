/**
 * Ways around safety that were tried by whoever holds a key, each through a whole gateway before a
 * target that reads its calls more generously than we do. What reaches the target is what counts.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRefusal } from '../../src/errors.ts';
import { startOddTarget, type OddTarget } from '../support/odd-target.ts';
import { errorIn, rowsOf, withRules } from '../support/safety-scene.ts';
import { base, group, groupSchema, make, patch, user, userSchema } from '../support/scim-calls.ts';

const rules = {
  target: `    tenant: suite
    settleAfter: 10ms
    guards:
      - { name: leave, actions: [users:deactivate, users:delete], count: 2, in: 1h }
      - { name: drain, actions: [groups:remove-member], count: 3, in: 1h, per: group }
      - { name: emptied, detect: emptied, above: 1 }
    protected:
      - { name: glass, users: { userName: ["breakglass@*"] }, never: [deactivate, delete, remove-member] }
      - { name: board, users: { emails: ["board@*"] }, never: [delete] }
      - { name: admins, users: { memberOf: [top-team] }, never: [deactivate] }
    privileged: { groups: ["*-owners"], attributes: [title] }
`,
  grants: `      - { client: quick, groups: { actions: [read, remove-member] }, urgent: 5/h }
      - { client: both, use: provision, mode: shadow, until: 2099-01-01 }
      - { client: both, use: provision }
`,
  clients: `  quick: { owner: iam@example.com, purpose: urgent, expires: 2099-12-31, auth: [{ apiKey: {} }] }
  both: { owner: iam@example.com, purpose: granted and tried, expires: 2099-12-31, auth: [{ apiKey: {} }] }
`,
};

const withSafety = (text: string): string => {
  const url = /baseUrl: (\S+)/.exec(text)?.[1] ?? '';
  return withRules(rules)(url);
};

let odd: OddTarget;
let glass = '';
let count = 0;

const users = async (many: number): Promise<readonly string[]> => {
  const ids: string[] = [];
  for (let at = 0; at < many; at += 1) {
    ids.push(await make(odd.fixture, 'Users', user(`someone${(count += 1)}@example.com`)));
  }
  return ids;
};
const look = async (): Promise<void> => {
  const states = await odd.fixture.gateway.context.safety.resolve();
  assert.ok(!isRefusal(states) && states.every(({ resolved }) => resolved));
};
const change = (path: string, ...operations: readonly object[]) =>
  odd.fixture.ask('PATCH', `${base}${path}`, { body: patch(...operations) });

/** Stopped with this code and rule, and nothing reached the target. */
const stopped = (
  answer: Awaited<ReturnType<typeof change>>,
  code: string,
  rule: string | null,
): void => {
  const { code: told, rule: by } = errorIn(answer);
  assert.deepEqual([told, by], [code, rule ?? by], answer.text);
  assert.deepEqual(odd.sent(), [], 'nothing was sent');
};

before(async () => {
  odd = await startOddTarget('{}', withSafety, ['full', 'quick', 'both']);
  glass = await make(odd.fixture, 'Users', user('breakglass@example.com'));
  await look();
});
after(() => odd.stop());
beforeEach(() => {
  odd.bend(null);
  odd.forget();
});

describe('whom a change of members hits', () => {
  it('is not hidden by the letter case of an id', async () => {
    const plain = await make(odd.fixture, 'Groups', group('plain', [glass]));
    odd.forget();
    for (const id of [glass.toUpperCase(), `${glass} `]) {
      const answer = await change(`/Groups/${plain}`, {
        op: 'remove',
        path: `members[value eq "${id}"]`,
      });
      stopped(answer, 'subject_protected', 'protected.glass');
    }
    assert.deepEqual(odd.members(plain), [glass]);
  });

  it('is not hidden by a filter over what the target does not show', async () => {
    const ids = await users(4);
    const plain = await make(odd.fixture, 'Groups', group('filtered', ids));
    odd.forget();
    for (const filter of ['type eq "User"', '$ref pr', 'value sw "N"', 'not (type eq "Group")']) {
      const answer = await change(`/Groups/${plain}`, { op: 'remove', path: `members[${filter}]` });
      const { code = '' } = errorIn(answer);
      assert.ok(['subject_protected', 'attribute_denied', 'mutation_held'].includes(code), code);
      assert.deepEqual(odd.sent(), [], filter);
    }
    assert.equal(odd.members(plain).length, 4);
  });

  it('is not hidden where the target shows a part of its members alone', async () => {
    const plain = await make(odd.fixture, 'Groups', group('long', [glass]));
    odd.forget();
    odd.bend((call) =>
      call.method === 'GET' && call.path === `/Groups/${plain}`
        ? { status: 200, body: { schemas: [groupSchema], id: plain, displayName: 'long' } }
        : null,
    );
    const path = `members[value eq "${glass}"]`;
    const answer = await change(`/Groups/${plain}`, { op: 'remove', path });
    stopped(answer, 'subject_protected', 'protected.glass');
  });

  it('counts who is named though the same call puts him back', async () => {
    const ids = await users(4);
    const plain = await make(odd.fixture, 'Groups', group('shuffled', ids));
    odd.forget();
    const named = ids.map((id) => `value eq "${id}"`).join(' or ');
    const answer = await change(
      `/Groups/${plain}`,
      { op: 'remove', path: `members[${named}]` },
      { op: 'add', path: 'members', value: ids.map((value) => ({ value })) },
    );
    stopped(answer, 'mutation_held', 'guards.drain');
  });

  it('is emptying a group though something that is nobody comes in', async () => {
    const ids = await users(2);
    const plain = await make(odd.fixture, 'Groups', group('swapped', ids));
    odd.forget();
    for (const element of [{ display: 'x' }, { value: '' }, { $ref: '../Users/none' }]) {
      const operation = { op: 'replace', path: 'members', value: [element] };
      stopped(await change(`/Groups/${plain}`, operation), 'mutation_held', 'guards.emptied');
    }
    for (const operation of [
      { op: 'replace', path: 'members', value: [] },
      { op: 'replace', path: 'members', value: null },
      { op: 'remove', path: 'members' },
      { op: 'replace', value: { members: [] } },
      { op: 'replace', value: { [`${groupSchema}:members`]: [] } },
    ]) {
      stopped(await change(`/Groups/${plain}`, operation), 'mutation_held', 'guards.emptied');
    }
    const put = { schemas: [groupSchema], displayName: 'swapped' };
    stopped(
      await odd.fixture.ask('PUT', `${base}/Groups/${plain}`, { body: put }),
      'mutation_held',
      'guards.emptied',
    );
    assert.deepEqual(odd.members(plain), [...ids].sort());
  });
});

describe('privilege', () => {
  it('is not taken by a link without an id, nor by one to another than its id', async () => {
    const [me = '', other = ''] = await users(2);
    odd.store.handle('POST', '/Groups', '', JSON.stringify(group('app-owners', [other])));
    const id = odd.store.ids('Groups').at(-1) ?? '';
    odd.forget();
    const elsewhere = { value: other, $ref: `../Users/${me}` };
    for (const element of [{ $ref: `../Users/${me}` }, elsewhere, { value: me }]) {
      const operation = { op: 'add', path: 'members', value: [element] };
      stopped(await change(`/Groups/${id}`, operation), 'action_denied', null);
    }
  });

  it('is asked for each of several values in turn, of which a target may keep any', async () => {
    const [id = ''] = await users(1);
    const plain = await make(odd.fixture, 'Groups', group('harmless'));
    odd.forget();
    const turns = (path: string, ...values: readonly string[]) =>
      values.map((value) => ({ op: 'replace', path, value }));
    const renamed = await change(
      `/Groups/${plain}`,
      ...turns('displayName', 'my-owners', 'harmless'),
      { op: 'replace', path: 'externalId', value: 'x' },
    );
    stopped(renamed, 'action_denied', null);
    const titled = await change(
      `/Users/${id}`,
      { op: 'replace', path: 'title', value: 'Head' },
      { op: 'remove', path: 'title' },
      { op: 'replace', path: 'nickName', value: 'x' },
    );
    stopped(titled, 'action_denied', null);
  });
});

describe('a protected subject', () => {
  it('is known by the id under which the target holds it, however it is called', async () => {
    odd.bend((call) =>
      call.method === 'GET' && call.path === '/Users/alias'
        ? {
            status: 200,
            body: { schemas: [userSchema], id: glass, userName: 'renamed@example.com' },
          }
        : null,
    );
    const answer = await odd.fixture.ask('DELETE', `${base}/Users/alias`);
    stopped(answer, 'subject_protected', 'protected.glass');
  });

  it('keeps what it matches by, though a filter chooses it by what is not shown', async () => {
    const id = await make(
      odd.fixture,
      'Users',
      user('chair@example.com', { emails: [{ value: 'board@example.com' }] }),
    );
    odd.forget();
    const answer = await change(
      `/Users/${id}`,
      { op: 'remove', path: 'emails[primary eq true]' },
      { op: 'replace', path: 'nickName', value: 'x' },
    );
    stopped(answer, 'subject_protected', 'protected.board');
  });

  it('is deactivated by no spelling of it', async () => {
    for (const operation of [
      { op: 'replace', path: 'active', value: 'False' },
      { op: 'Replace', value: { ACTIVE: false } },
      { op: 'add', value: { [`${userSchema}:active`]: false } },
      { op: 'replace', value: { [userSchema]: { active: false } } },
      { op: 'remove', path: 'active' },
    ]) {
      stopped(await change(`/Users/${glass}`, operation), 'subject_protected', 'protected.glass');
    }
    const body = { schemas: [userSchema], userName: 'breakglass@example.com', active: 'false' };
    stopped(
      await odd.fixture.ask('PUT', `${base}/Users/${glass}`, { body }),
      'subject_protected',
      'protected.glass',
    );
  });

  it('is protected by a group that it came into by a call whose answer was lost', async () => {
    const [id = ''] = await users(1);
    const top = await make(odd.fixture, 'Groups', group('top-team'));
    await sleep(50);
    odd.forget();
    odd.bend((call) => {
      if (call.method !== 'PATCH') return null;
      odd.store.handle(call.method, call.path, '', JSON.stringify(call.body));
      return 'cut';
    });
    const lost = await change(`/Groups/${top}`, {
      op: 'add',
      path: 'members',
      value: [{ value: id }],
    });
    assert.ok(lost.status >= 500, lost.text);
    odd.bend(null);
    const settled = async (): Promise<string | null> =>
      (await rowsOf(odd.fixture, top))[0]?.settledBy ?? null;
    for (let tries = 0; tries < 100 && (await settled()) !== 'read-back'; tries += 1) {
      await sleep(100);
    }
    assert.equal(await settled(), 'read-back');
    odd.forget();
    const answer = await change(`/Users/${id}`, { op: 'replace', path: 'active', value: false });
    stopped(answer, 'subject_protected', 'protected.admins');
  });
});

describe('a guard', () => {
  it('counts a deletion that the target did before it said that there is nobody', async () => {
    const ids = await users(3);
    odd.forget();
    odd.bend((call) => {
      if (call.method !== 'DELETE') return null;
      odd.store.handle(call.method, call.path, '', '');
      return {
        status: 404,
        body: { schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: '404' },
      };
    });
    const answers = [];
    for (const id of ids) answers.push(await odd.fixture.ask('DELETE', `${base}/Users/${id}`));
    assert.deepEqual(
      answers.map((answer) => errorIn(answer)['code']),
      ['target_refused', 'target_refused', 'mutation_held'],
    );
    assert.equal(odd.sent().length, 2);
  });

  it('is not passed by one urgent revocation of many members', async () => {
    const ids = await users(8);
    const plain = await make(odd.fixture, 'Groups', group('urgent', ids));
    odd.forget();
    const key = odd.fixture.keys['quick'] as string;
    const remove = (some: readonly string[]) =>
      odd.fixture.ask('PATCH', `${base}/Groups/${plain}`, {
        key,
        body: patch({
          op: 'remove',
          path: `members[${some.map((id) => `value eq "${id}"`).join(' or ')}]`,
        }),
      });
    stopped(await remove(ids.slice(0, 6)), 'mutation_held', 'guards.drain');
    assert.equal((await remove(ids.slice(0, 4))).status, 200, 'four of five places');
    assert.equal((await remove(ids.slice(4, 5))).status, 200, 'the fifth');
    odd.forget();
    assert.equal((await remove(ids.slice(5, 6))).status, 200, 'then as any other');
  });

  it('holds for what an enforced grant covers, though a trial that covers it is written first', async () => {
    const ids = await users(3);
    odd.forget();
    const answers = [];
    for (const id of ids) {
      answers.push(
        await odd.fixture.ask('DELETE', `${base}/Users/${id}`, {
          key: odd.fixture.keys['both'] as string,
        }),
      );
    }
    assert.deepEqual(
      answers.map(({ status }) => status),
      [204, 204, 403],
    );
  });

  it('counts a group as one however its id is spelled', async () => {
    const ids = await users(6);
    const plain = await make(odd.fixture, 'Groups', group('spelled', ids));
    odd.forget();
    // A target that finds resources by their ids in any letter case.
    odd.bend((call) => {
      const path = call.path.toLowerCase().replace('/groups/', '/Groups/');
      if (path === call.path || !path.startsWith('/Groups/')) return null;
      const text = call.body === null ? '' : JSON.stringify(call.body);
      return odd.store.handle(call.method, path, call.query.toString(), text);
    });
    const removeVia = (id: string, member: string) =>
      change(`/Groups/${id}`, { op: 'remove', path: `members[value eq "${member}"]` });
    const spellings = [plain, plain.toUpperCase(), plain, plain.toUpperCase()];
    const told: number[] = [];
    for (const [at, id] of spellings.entries()) {
      told.push((await removeVia(id, ids[at] ?? '')).status);
    }
    assert.deepEqual(told, [200, 200, 200, 403]);
    assert.equal(odd.members(plain).length, 3);
  });
});
