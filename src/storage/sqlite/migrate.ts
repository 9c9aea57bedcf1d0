/**
 * Brings a database to the newest schema, forward only. What was applied must be a prefix of what
 * the folder holds, byte for byte; anything else means another program or an older one.
 */
import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Database } from 'better-sqlite3';

export type Migration = Readonly<{ name: string; sql: string; digest: string }>;

/** The files of `migrations/sqlite`, in order; the folder lies at the package's root. */
export const readMigrations = (
  folder: URL = new URL('../../../migrations/sqlite/', import.meta.url),
): readonly Migration[] =>
  readdirSync(fileURLToPath(folder))
    .filter((name) => /^[0-9]{4}-[a-z0-9-]+\.sql$/.test(name))
    .toSorted()
    .map((name) => {
      const sql = readFileSync(new URL(name, folder), 'utf8');
      return { name, sql, digest: hash('sha256', sql) };
    });

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
    .prepare<[], { name: string; digest: string }>(
      'SELECT name, digest FROM migrations ORDER BY name',
    )
    .all();
  applied.forEach(({ name, digest }, index) => {
    const known = migrations[index];
    if (known === undefined) throw new TypeError(`the store is newer than this program: ${name}`);
    if (known.name !== name || known.digest !== digest) {
      throw new TypeError(`the store was made with another version of ${name}`);
    }
  });
  const note = database.prepare('INSERT INTO migrations VALUES (?, ?, ?)');
  for (const { name, sql, digest } of migrations.slice(applied.length)) {
    database.transaction(() => {
      database.exec(sql);
      note.run(name, digest, now);
    })();
  }
};
