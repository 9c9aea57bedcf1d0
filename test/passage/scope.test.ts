import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { openCopies } from '../../src/identity/scim/copies.ts';
import { coreTypes } from '../../src/identity/scim/schemas.ts';
import { copyScopeOf } from '../../src/passage/scope.ts';
import { attributeSet, everything } from '../../src/policy/attribute-set.ts';
import type { CompiledRule, Grants } from '../../src/policy/decision.ts';

type Rule = Readonly<{ word: string; actions: string; only?: readonly string[]; group?: string }>;

const ruleOf = ({ word, actions, only, group }: Rule): CompiledRule => ({
  name: word,
  actions: new Set(actions.split(' ').map((verb) => `${word}:${verb}` as const)),
  write: everything,
  denied: 'refuse',
  read:
    only === undefined ? everything : attributeSet({ included: only, excluded: [], schemas: [] }),
  group: group === undefined ? null : (name) => name.startsWith(group),
  when: null,
});

const holder = (rules: readonly Rule[], until = Number.POSITIVE_INFINITY) => {
  const grants: Grants = {
    client: 'c',
    me: null,
    keepsPassword: false,
    grants: rules.map((rule) => ({
      name: 'g',
      client: 'c',
      rules: { [rule.word]: ruleOf(rule) },
      mode: 'enforce',
      until,
      limitReads: null,
      me: null,
      limitWrites: null,
      urgent: null,
    })),
    needsBefore: () => false,
    needsGroupName: () => false,
  };
  return { grants };
};

const users: Rule = { word: 'users', actions: 'read' };
const groups: Rule = { word: 'groups', actions: 'search' };

suite('what a caller may know of names', () => {
  const scope = (rules: readonly Rule[]) => copyScopeOf(holder(rules), coreTypes, 0);

  test('everything, where it reads users and groups whole', () => {
    assert.equal(scope([users, groups]), openCopies);
  });

  test('nothing of what it has no reading grant on', () => {
    const seen = scope([{ ...users, actions: 'update' }, groups]);
    for (const kind of ['User', 'Users', 'Device']) assert.ok(!seen.mayName(kind, 'Ann'), kind);
    assert.ok(seen.mayName('Group', 'root') && seen.knowsGroup === null);
    assert.equal(copyScopeOf({ grants: undefined }, coreTypes, 0).mayName('User', 'Ann'), false);
  });

  test('names that several grants cover together', () => {
    const only = (...names: readonly string[]) => ({ ...users, only: names });
    assert.ok(scope([only('displayName', 'userName'), only('name')]).mayName('User', 'Ann'));
    assert.ok(!scope([only('displayName', 'userName')]).mayName('User', 'Ann'));
  });

  test('groups by their patterns: of grants that read, else of all', () => {
    const app = { ...groups, group: 'app-' };
    const read = scope([users, app, { ...groups, actions: 'add-member' }]);
    assert.deepEqual([read.knowsGroup?.('app-x'), read.knowsGroup?.('root')], [true, false]);
    assert.deepEqual(
      [read.mayName('Group', 'app-x'), read.mayName('Group', 'root'), read.mayName('Group', null)],
      [true, false, false],
    );
    const write = scope([users, { ...app, actions: 'add-member' }]);
    assert.equal(write.knowsGroup?.('root'), false);
    assert.ok(!write.mayName('Group', 'app-x'));
    assert.equal(scope([users]).knowsGroup, null);
  });

  test('no more once the grant has ended', () => {
    const ending = holder([users, groups], 1_000);
    assert.equal(copyScopeOf(ending, coreTypes, 999), openCopies);
    assert.ok(!copyScopeOf(ending, coreTypes, 1_000).mayName('User', 'Ann'));
    assert.equal(copyScopeOf(ending, coreTypes, 999), openCopies);
  });
});
