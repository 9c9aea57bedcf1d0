import assert from 'node:assert/strict';
import { test } from 'node:test';
import DatabaseConstructor from 'better-sqlite3';
import { migrate, readMigrations, type Migration } from '../../../src/storage/sqlite/migrate.ts';

const one: Migration = { name: '0001-a.sql', sql: 'CREATE TABLE a (x)', digest: 'd1' };
const two: Migration = {
  name: '0002-b.sql',
  sql: 'CREATE TABLE b (x); CREATE TABLE c (x)',
  digest: 'd2',
};

const tables = (database: DatabaseConstructor.Database) =>
  database
    .prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'migrations' ORDER BY name",
    )
    .pluck()
    .all();

test('applies what is missing, once, in order', () => {
  const database = new DatabaseConstructor(':memory:');
  migrate(database, [one], 1);
  migrate(database, [one, two], 2);
  migrate(database, [one, two], 3);
  assert.deepEqual(tables(database), ['a', 'b', 'c']);
});

test('a file that fails leaves nothing behind', () => {
  const database = new DatabaseConstructor(':memory:');
  const broken = { ...two, sql: 'CREATE TABLE b (x); CREATE TABLE b (x)' };
  assert.throws(() => migrate(database, [one, broken], 1));
  assert.deepEqual(tables(database), ['a']);
});

test('refuses a store that is newer, or made by other files', () => {
  const database = new DatabaseConstructor(':memory:');
  migrate(database, [one, two], 1);
  assert.throws(() => migrate(database, [one], 2), /newer than this program/);
  const changed = { ...one, digest: 'other' };
  assert.throws(() => migrate(database, [changed, two], 2), /another version of 0001-a.sql/);
});

test('the folder of migrations holds numbered files without a gap', () => {
  const names = readMigrations().map(({ name }) => name.slice(0, 4));
  assert.deepEqual(
    names,
    names.map((_, index) => String(index + 1).padStart(4, '0')),
  );
  assert.ok(names.length > 0);
});
