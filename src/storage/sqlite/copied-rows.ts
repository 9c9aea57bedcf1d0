/** Rows of copied tables as they lie in the file, page by page, for `store copy`. */
import type { Database } from 'better-sqlite3';
import { copiedTable, type CopiedRow } from '../copied-tables.ts';

const pageRows = 200;

/** Reads of TableCopying. */
export const makeCopiedReads = (database: Database) => ({
  readCopied: (name: string, after: CopiedRow | null): readonly CopiedRow[] => {
    const table = copiedTable(name);
    if (table === null) return [];
    const key = table.key.join(', ');
    const beyond =
      after === null ? '' : `WHERE (${key}) > (${table.key.map(() => '?').join(', ')})`;
    return database
      .prepare<unknown[], CopiedRow>(
        `SELECT ${Object.keys(table.columns).join(', ')} FROM ${name} ${beyond}
          ORDER BY ${key} LIMIT ${pageRows}`,
      )
      .all(...(after === null ? [] : table.key.map((column) => after[column])));
  },
});
