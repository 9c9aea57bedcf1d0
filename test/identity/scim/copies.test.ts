import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Json, JsonObject } from '../../../src/identity/json-value.ts';
import {
  asksForCopy,
  foreignNamesHider,
  openCopies,
  seesEveryCopy,
  withJudgedParts,
} from '../../../src/identity/scim/copies.ts';
import type { CopyScope } from '../../../src/identity/scim/copies.ts';
import { genericType, groupType, userType } from '../../../src/identity/scim/schemas.ts';
import { enterpriseUrn, plain } from './scim-fixture.ts';

const folded = (kind: string): string => kind.toLowerCase().replace(/s$/, '');
/** Reads the names of these kinds; of groups only those that begin with `app-`. */
const scopeOf = (...kinds: readonly string[]): CopyScope => ({
  mayName: (kind, name) =>
    kinds.includes(folded(kind)) && (folded(kind) !== 'group' || name?.startsWith('app-') === true),
  knowsGroup: (name) => name.startsWith('app-'),
});
const nobody: CopyScope = { mayName: () => false, knowsGroup: null };

suite('copies of names', () => {
  const members = (...elements: readonly Json[]): JsonObject => ({ id: 'g', members: elements });
  const cases: readonly (readonly [string, JsonObject, CopyScope, JsonObject])[] = [
    [
      'of a user go where users are not read',
      members({ value: 'u', type: 'User', display: 'Ann' }),
      scopeOf('group'),
      members({ value: 'u', type: 'User' }),
    ],
    [
      'of a user stay where users are read',
      members({ value: 'u', $ref: '../Users/u', display: 'Ann' }),
      scopeOf('user'),
      members({ value: 'u', $ref: '../Users/u', display: 'Ann' }),
    ],
    [
      'of a group are judged by the name itself',
      members(
        { value: 'a', type: 'Group', display: 'app-x' },
        { value: 'b', type: 'Group', display: 'root' },
      ),
      scopeOf('user', 'group'),
      members({ value: 'a', type: 'Group', display: 'app-x' }, { value: 'b', type: 'Group' }),
    ],
    [
      'of what nobody says need both',
      members({ value: 'u', display: 'Ann' }),
      scopeOf('user'),
      members({ value: 'u' }),
    ],
    [
      'leave no empty element',
      members({ display: 'Ann' }, { value: 'u' }),
      nobody,
      members({}, { value: 'u' }),
    ],
  ];
  for (const [name, resource, scope, shown] of cases) {
    test(name, () => {
      assert.deepEqual(plain(foreignNamesHider(groupType, scope)(resource)), shown);
    });
  }

  test('of users: hidden groups go whole, a manager keeps his id', () => {
    const user = {
      id: 'u',
      groups: [{ value: 'a', display: 'app-x' }, { value: 'b', display: 'root' }, { value: 'c' }],
      [enterpriseUrn]: { manager: { value: 'm', displayName: 'Max' }, department: 'D' },
    };
    assert.deepEqual(plain(foreignNamesHider(userType, scopeOf('group'))(user)), {
      id: 'u',
      groups: [{ value: 'a', display: 'app-x' }],
      [enterpriseUrn]: { manager: { value: 'm' }, department: 'D' },
    });
    const only = { id: 'u', groups: [{ value: 'b', display: 'root' }] };
    assert.deepEqual(plain(foreignNamesHider(userType, scopeOf('group'))(only)), { id: 'u' });
    assert.equal(foreignNamesHider(userType, openCopies)(user), user);
  });

  test('in attributes nobody gave a meaning: a display beside a $ref', () => {
    const hide = foreignNamesHider(genericType('Devices'), scopeOf('user'));
    const owner = { $ref: 'https://x.example/scim/Users/1', display: 'Ann' };
    const rack = { $ref: 'https://x.example/scim/Racks/1', display: 'R1' };
    const lone = { display: 'kept' };
    assert.deepEqual(plain(hide({ owner, rack, lone })), {
      owner,
      rack: { $ref: rack.$ref },
      lone,
    });
  });

  test('are not asked by either, nor is what holds them', () => {
    for (const name of ['members.display', 'members']) {
      assert.ok(asksForCopy(name, groupType, scopeOf('user')), name);
      assert.ok(!asksForCopy(name, groupType, openCopies), name);
    }
    assert.ok(!asksForCopy('members.value', groupType, nobody));
    for (const name of ['groups', 'groups.value', 'groups.display']) {
      assert.ok(asksForCopy(name, userType, scopeOf('user', 'group')), name);
    }
    assert.ok(!asksForCopy('groups.value', userType, nobody));
    for (const name of [
      `${enterpriseUrn}:manager`,
      `${enterpriseUrn}:manager.displayName`,
      enterpriseUrn,
      'urn:x:y:owner.display',
    ]) {
      assert.ok(asksForCopy(name, userType, nobody), name);
    }
    for (const name of ['displayName', 'emails.display', `${enterpriseUrn}:department`]) {
      assert.ok(!asksForCopy(name, userType, nobody), name);
    }
  });

  test('decide whether all is seen', () => {
    assert.ok(seesEveryCopy(userType, openCopies) && seesEveryCopy(groupType, openCopies));
    assert.ok(!seesEveryCopy(userType, scopeOf('user', 'group')));
    assert.ok(!seesEveryCopy(groupType, scopeOf('group')));
    assert.ok(seesEveryCopy(genericType('Devices'), nobody));
  });

  test('are asked of the target with the part that judges them', () => {
    const scope = scopeOf('user', 'group');
    const asked = (projection: object) => withJudgedParts(projection, userType, scope);
    assert.deepEqual(asked({ attributes: ['groups.value'] }), {
      attributes: ['groups.value', 'groups.display'],
    });
    assert.deepEqual(asked({ attributes: ['groups'] }), { attributes: ['groups'] });
    assert.deepEqual(asked({ attributes: ['userName'] }), { attributes: ['userName'] });
    assert.deepEqual(asked({ excluded: ['groups.display'] }), {});
    assert.deepEqual(asked({ excluded: ['groups.display', 'title'] }), { excluded: ['title'] });
    assert.deepEqual(withJudgedParts({ attributes: ['groups.value'] }, userType, openCopies), {
      attributes: ['groups.value'],
    });
  });
});
