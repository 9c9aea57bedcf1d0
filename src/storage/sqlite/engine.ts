/** SQLite as an engine: opened, migrated and looked at. */
import { statSync } from 'node:fs';
import DatabaseConstructor from 'better-sqlite3';
import { GatewayError } from '../../errors.ts';
import type { StoreAt } from '../../snapshot.ts';
import type { Engine } from '../stores.ts';
import { readMigrations } from './migrate.ts';
import { openSqlite } from './open.ts';

type At = Extract<StoreAt, { engine: 'sqlite' }>;

/** Names of the migrations a file has; none where it is new. */
const appliedTo = (path: string): Readonly<{ names: readonly string[]; version: string }> => {
  const database = new DatabaseConstructor(path, { readonly: true, timeout: 5_000 });
  try {
    const version = database.prepare<[], { v: string }>('SELECT sqlite_version() AS v').get();
    const known = database
      .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'")
      .get();
    const names =
      known === undefined
        ? []
        : database.prepare<[], { name: string }>('SELECT name FROM migrations ORDER BY name').all();
    return { names: names.map(({ name }) => name), version: version?.v ?? '' };
  } finally {
    database.close();
  }
};

const statusOf = ({ path }: At) => {
  const bytes = statSync(path, { throwIfNoEntry: false })?.size;
  if (bytes === undefined) return null;
  try {
    const { names: applied, version } = appliedTo(path);
    const pending = readMigrations()
      .map(({ name }) => name)
      .filter((name) => !applied.includes(name));
    return { engine: 'sqlite', version, applied, pending, bytes, warnings: [] };
  } catch (cause) {
    throw new GatewayError('ledger_unavailable', {
      cause,
      detail: `The store cannot be read: ${cause instanceof Error ? cause.message : 'unknown'}.`,
    });
  }
};

export const sqliteEngine: Engine<At> = Object.freeze({
  open: openSqlite,
  migrate: async (at: At) => {
    const pending = statusOf(at)?.pending ?? readMigrations().map(({ name }) => name);
    await (await openSqlite(at)).close();
    return pending;
  },
  status: async (at: At) => statusOf(at),
} satisfies Engine<At>);
