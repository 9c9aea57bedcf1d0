/** Target dialects: every name resolves, every row is covered once, every override is one knob. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileKnobs, limitSetting } from '../../../src/config/compile-knobs.ts';
import { knobList, knobSettings, rfcKnobs } from '../../../src/identity/dialects/knobs.ts';
import { resolveKnobs, targetDialects } from '../../../src/identity/dialects/target-table.ts';
import { coreTypes } from '../../../src/identity/scim/schemas.ts';

const dialects = Object.values(targetDialects);
const noLimits = { concurrent: 16, queue: 512, wait: 20_000 };

test('every dialect is a set of knobs that the route file could write as well', () => {
  for (const { name, knobs } of dialects) {
    const parsed = knobSettings.safeParse({ ...knobs, bodyMax: undefined });
    assert.ok(parsed.success, `${name}: ${parsed.error?.message}`);
  }
});

test('every attribute that a dialect names is one of its resource, in the spelling of the schema', () => {
  for (const { name, knobs } of dialects) {
    const told: string[] = [];
    const compiled = compileKnobs(name, { dialect: name }, coreTypes, (path, message) =>
      told.push(`${path.join('.')}: ${message}`),
    );
    assert.deepEqual(told, [], name);
    assert.deepEqual(compiled, { ...rfcKnobs, ...knobs }, name);
  }
});

test('no row of deviations is claimed by two dialects', () => {
  const rows = dialects.flatMap(({ rows }) => rows);
  assert.deepEqual(rows, [...new Set(rows)]);
  for (const row of rows) assert.match(row, /^T[0-9]+$/);
});

test('rfc departs from nothing; every other dialect from something', () => {
  for (const { name, knobs, sources } of dialects) {
    assert.equal(Object.keys(knobs).length === 0, name === 'rfc', name);
    assert.ok(sources.length > 0, name);
  }
});

test('single knobs override those of the dialect, one by one', () => {
  const slack = targetDialects['slack'];
  assert.ok(slack !== undefined);
  const knobs = resolveKnobs(slack, { deleteUser: 'delete', sort: undefined });
  assert.equal(knobs.deleteUser, 'delete');
  assert.equal(knobs.mediaType, 'application/json');
  assert.equal(knobs.sort, true);
});

test('a name that no resource has is told at its place', () => {
  const told: string[] = [];
  const knobs = {
    single: { users: ['EMAILS', 'colour'], rockets: ['fuel'] },
    defaults: { users: { 'name.givenname': 'x', colour: 'red' } },
  };
  const compiled = compileKnobs('t', { dialect: 'rfc', knobs }, coreTypes, (path, message) =>
    told.push(`${path.join('.')}: ${message}`),
  );
  assert.deepEqual(compiled.single, { users: ['emails'] });
  assert.deepEqual(compiled.defaults, { users: { 'name.givenName': 'x' } });
  assert.deepEqual(told, [
    'targets.t.knobs.single.users.1: User has no attribute of this name',
    'targets.t.knobs.single.rockets.0: this target serves no such resource',
    'targets.t.knobs.defaults.users.colour: there is no such attribute',
  ]);
});

test('T7: the published limits of a vendor hold where the target names none', () => {
  assert.deepEqual(limitSetting({ dialect: 'slack', limits: noLimits }, 'writes'), {
    rate: { count: 600, seconds: 60 },
    burst: 180,
  });
  const own = { ...noLimits, writes: { rate: { count: 5, seconds: 1 }, burst: null } };
  assert.deepEqual(limitSetting({ dialect: 'slack', limits: own }, 'writes'), own.writes);
  assert.equal(limitSetting({ dialect: 'rfc', limits: noLimits }, 'writes'), undefined);
});

test('every knob says what it is for', () => {
  for (const { name, title } of knobList) assert.match(title, /^[A-Z`].{10,}[.?]$/, name);
});
