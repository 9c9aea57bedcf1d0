/**
 * Every row of the list of target deviations (T1 to T38) is behaviour with a test that is named after
 * it, or is left out here with its reason. A test is named after a row where its title holds it.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { targetDialects } from '../../src/identity/dialects/target-table.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const rows = Array.from({ length: 38 }, (_, at) => `T${at + 1}`);

/** Rows that are no behaviour of a gateway, each with its reason. */
const leftOut: Readonly<Record<string, string>> = {
  T28: 'Twilio wants e-mail and userName to change together: which of the two is meant is nobody but the sender to say',
  T29: 'limits of vendors without a dialect: written under `limits` and `knobs.bodyMax` of the target',
  T38: 'Bulk of a target is never used: every operation goes out alone, so what it advertises is not believed',
};

const titles = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
  .flatMap((entry) => {
    const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
    return [...text.matchAll(/['"`]((?:T[0-9]+['" ,:]+)+)/g)].map(([, named]) => named ?? '');
  });
const tested = new Set(titles.flatMap((title) => title.match(/T[0-9]+/g) ?? []));

for (const row of rows) {
  test(`${row} has a test that is named after it, or a reason to have none`, () => {
    assert.notEqual(tested.has(row), row in leftOut, `${row}: exactly one of both`);
  });
}

test('a dialect claims only rows of the list', () => {
  for (const { name, rows: claimed } of Object.values(targetDialects)) {
    assert.deepEqual(
      claimed.filter((row) => !rows.includes(row)),
      [],
      name,
    );
  }
});
