/** Brings a SQLite file to the newest schema; the rules are those of `../migrations.ts`. */
import type { Database } from 'better-sqlite3';
import {
  pendingMigrations,
  readMigrations as readFolder,
  type AppliedMigration,
  type Migration,
} from '../migrations.ts';

export type { Migration };

/** The files of `migrations/sqlite`, in order. */
export const readMigrations = (): readonly Migration[] => readFolder('sqlite');

const journal = `CREATE TABLE IF NOT EXISTS migrations (
  name TEXT PRIMARY KEY, digest TEXT NOT NULL, applied_at INTEGER NOT NULL
) STRICT`;

/** Applies what is missing, each file in one transaction; throws TypeError where history differs. */
export const migrate = (
  database: Database,
  migrations: readonly Migration[],
  now: number,
): void => {
  database.exec(journal);
  const applied = database
    .prepare<[], AppliedMigration>('SELECT name, digest FROM migrations ORDER BY name')
    .all();
  const note = database.prepare('INSERT INTO migrations VALUES (?, ?, ?)');
  for (const { name, sql, digest } of pendingMigrations(applied, migrations)) {
    database.transaction(() => {
      database.exec(sql);
      note.run(name, digest, now);
    })();
  }
};
