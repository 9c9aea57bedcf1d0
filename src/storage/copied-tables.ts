/**
 * Tables that `store copy` carries row by row, as they are. What they hold differs by engine only in how
 * a type is called.
 */
import { safetyTables } from './safety-tables.ts';
import { webhookTables } from './webhook-tables.ts';

/** Types of columns as PostgreSQL names them. */
type ColumnType = 'text' | 'bigint' | 'integer' | 'smallint' | 'bytea' | 'boolean' | 'jsonb';

export type CopiedTable = Readonly<{
  name: string;
  columns: Readonly<Record<string, ColumnType>>;
  /** Columns of its primary key, in order. */
  key: readonly string[];
  /** Column that grows with each change: a row that has more of it replaces one that is there. */
  newer?: string;
}>;

/** A row by its columns. */
export type CopiedRow = Readonly<Record<string, string | number | Buffer | null>>;

/** All of them; the order does not matter. */
const copiedTables: readonly CopiedTable[] = [...webhookTables, ...safetyTables];

/** The table of this name; null where it is none that is copied. */
export const copiedTable = (name: string): CopiedTable | null =>
  copiedTables.find((each) => each.name === name) ?? null;

/** What a store gives of these tables, or takes; null where it cannot. */
export type TableCopying = Readonly<{
  /** At most 200 rows of a table after a key, in order of keys. */
  read: ((table: string, after: CopiedRow | null) => Promise<readonly CopiedRow[]>) | null;
  /** Adds rows that are not there yet, and replaces older ones where the table tells which are. */
  write: ((table: string, rows: readonly CopiedRow[]) => Promise<void>) | null;
}>;

/** Copies all; gives how many rows each table had, or null where one side cannot. */
export const copyTables = async (
  from: TableCopying,
  to: TableCopying,
): Promise<ReadonlyMap<string, number> | null> => {
  const { read } = from;
  const { write } = to;
  if (read === null || write === null) return null;
  const counts = new Map<string, number>();
  for (const { name } of copiedTables) {
    let count = 0;
    let page = await read(name, null);
    while (page.length > 0) {
      await write(name, page);
      count += page.length;
      page = await read(name, page.at(-1) ?? null);
    }
    counts.set(name, count);
  }
  return counts;
};
