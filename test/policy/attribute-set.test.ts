import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { attributeSet, everything, unionOf } from '../../src/policy/attribute-set.ts';
import { custom, enterprise } from './fixtures.ts';

const set = (included: readonly string[] | null, excluded: readonly string[] = []) =>
  attributeSet({ included, excluded, schemas: [enterprise, custom] });

const cases: readonly [readonly string[] | null, readonly string[], string, boolean][] = [
  [['name'], [], 'name', true],
  [['name'], [], 'name.givenName', true],
  [['name'], [], 'NAME.GIVENNAME', true],
  [['name'], [], 'nameless', false],
  [['name.givenName'], [], 'name.givenName', true],
  [['name.givenName'], [], 'name', false],
  [['name.givenName'], [], 'name.familyName', false],
  [[enterprise], [], enterprise, true],
  [[enterprise], [], `${enterprise}:department`, true],
  [[enterprise], [], `${enterprise}:manager.value`, true],
  [[enterprise.toLowerCase()], [], `${enterprise}:department`, true],
  [[enterprise], [], `${enterprise}2:department`, false],
  [[enterprise], [], `${custom}:colour`, false],
  [[`${enterprise}:manager`], [], `${enterprise}:manager.value`, true],
  [[`${enterprise}:manager`], [], enterprise, false],
  [[`${enterprise}:manager`], [], `${enterprise}:department`, false],
  [null, ['phoneNumbers'], 'phoneNumbers.value', false],
  [null, ['phoneNumbers'], 'emails', true],
  [null, ['phoneNumbers.value'], 'phoneNumbers.type', true],
  [null, ['phoneNumbers.value'], 'phoneNumbers', false],
  [null, [`${enterprise}:manager.value`], enterprise, false],
  [null, [`${enterprise}:manager.value`], `${enterprise}:manager`, false],
  [null, [`${enterprise}:manager.value`], `${enterprise}:department`, true],
  [null, [enterprise], `${enterprise}:department`, false],
  [['name'], ['name.familyName'], 'name.givenName', true],
  [['name'], ['name.familyName'], 'name', false],
  [[], [], 'userName', false],
  [['name'], [], '__proto__', false],
  [['name'], [], 'constructor', false],
  [['name'], [], '', false],
];

for (const [included, excluded, name, expected] of cases) {
  const lists = `${included?.join() ?? '*'}${excluded.length === 0 ? '' : ` without ${excluded.join()}`}`;
  test(`${lists}: ${expected ? 'covers' : 'leaves out'} "${name}"`, () => {
    assert.equal(set(included, excluded).covers(name), expected);
  });
}

test('a schema whose URN continues that of another is not an attribute of it', () => {
  const longer = attributeSet({
    included: ['urn:x'],
    excluded: [],
    schemas: ['urn:x', 'urn:x:y'],
  });
  assert.equal(longer.covers('urn:x:y'), false);
  assert.equal(longer.covers('urn:x:y:z'), false);
  assert.equal(longer.covers('urn:x:z'), true);
});

test('a union covers what any part covers, and is one of its parts where it can be', () => {
  const one = set(['name']);
  const both = unionOf([one, set(['title'])]);
  assert.deepEqual(
    ['name.givenName', 'title', 'emails'].map((name) => both.covers(name)),
    [true, true, false],
  );
  assert.equal(unionOf([one, one]), one);
  assert.equal(unionOf([one, everything]), everything);
  assert.equal(unionOf([]).covers('name'), false);
});

test('what covers a container covers its parts, and an exclusion leaves no way around', () => {
  const part = fc.constantFrom('name', 'emails', 'title', 'value', 'givenName');
  const name = fc
    .tuple(fc.constantFrom('', `${enterprise}:`, `${custom}:`), part, fc.option(part))
    .map(([urn, top, sub]) => urn + top + (sub === null ? '' : `.${sub}`));
  fc.assert(
    fc.property(
      fc.option(fc.array(name)),
      fc.array(name),
      name,
      part,
      (included, excluded, attribute, below) => {
        const compiled = set(included, excluded);
        if (!attribute.includes('.', attribute.lastIndexOf(':')) && compiled.covers(attribute)) {
          assert.ok(compiled.covers(`${attribute}.${below}`));
        }
        for (const gone of excluded) {
          assert.equal(compiled.covers(gone), false);
          assert.equal(compiled.covers(gone.replace(/\.[a-zA-Z]+$/, '')), false);
        }
      },
    ),
  );
});
