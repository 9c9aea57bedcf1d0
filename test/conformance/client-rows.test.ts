/**
 * The table of client rows is whole: every row of the list is in it or left out with a reason, and
 * every row in it has a test that begins with its name.
 */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { quirks } from '../../src/identity/dialects/table.ts';
import { dialectVectors } from '../vectors/client-dialects.ts';

/** Rows of the list of client quirks: C1 to this. */
const lastRow = 38;

/** Rows that are not in the table, with the reason. */
const leftOut: ReadonlyMap<string, string> = new Map();

const rows = Array.from({ length: lastRow }, (_, index) => `C${index + 1}`);

/** `test('C17 no operations …'` and `it('C17 …'`, also over a line break. */
const named = /\b(?:test|it)\(\s*['"`](C[0-9]+) /g;

const rowsOfTests = async (): Promise<ReadonlySet<string>> => {
  const found = new Set(dialectVectors.map(({ row }) => row));
  const root = new URL('../', import.meta.url);
  for (const file of await readdir(root, { recursive: true })) {
    if (!file.endsWith('.test.ts')) continue;
    const text = await readFile(new URL(file, root), 'utf8');
    for (const [, row] of text.matchAll(named)) if (row !== undefined) found.add(row);
  }
  return found;
};

test('every client row is in the table, in order, or left out with a reason', () => {
  const known = quirks.map(({ row }) => row);
  assert.deepEqual(
    rows.filter((row) => known.includes(row) === leftOut.has(row)),
    [],
  );
  assert.deepEqual(
    known,
    rows.filter((row) => known.includes(row)),
  );
  for (const reason of leftOut.values()) assert.notEqual(reason, '');
});

test('every client row has a test of its name', async () => {
  const tested = await rowsOfTests();
  assert.deepEqual(
    quirks.map(({ row }) => row).filter((row) => !tested.has(row)),
    [],
  );
});
