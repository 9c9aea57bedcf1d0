/**
 * Migrations as every engine keeps them: files in order, forward only. What was applied must be a
 * prefix of what the folder holds, byte for byte; anything else means another program or an older one.
 */
import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type Migration = Readonly<{ name: string; sql: string; digest: string }>;

/** A row of the journal. */
export type AppliedMigration = Readonly<{ name: string; digest: string }>;

/** The files of one engine's folder, in order; `migrations` lies at the package's root. */
export const readMigrations = (engine: 'sqlite' | 'postgres'): readonly Migration[] => {
  const folder = new URL(`../../migrations/${engine}/`, import.meta.url);
  return readdirSync(fileURLToPath(folder))
    .filter((name) => /^[0-9]{4}-[a-z0-9-]+\.sql$/.test(name))
    .toSorted()
    .map((name) => {
      const sql = readFileSync(new URL(name, folder), 'utf8');
      return { name, sql, digest: hash('sha256', sql) };
    });
};

/** What is missing in a store; throws TypeError where its history differs from the folder's. */
export const pendingMigrations = (
  applied: readonly AppliedMigration[],
  migrations: readonly Migration[],
): readonly Migration[] => {
  applied.forEach(({ name, digest }, index) => {
    const known = migrations[index];
    if (known === undefined) throw new TypeError(`the store is newer than this program: ${name}`);
    if (known.name !== name || known.digest !== digest) {
      throw new TypeError(`the store was made with another version of ${name}`);
    }
  });
  return migrations.slice(applied.length);
};
