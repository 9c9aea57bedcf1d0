/**
 * Brings a schema to the newest, made where it is missing; the rules are those of `../migrations.ts`.
 * Gateways that start together take turns under an advisory lock.
 */
import { hash } from 'node:crypto';
import { escapeIdentifier } from 'pg';
import { pendingMigrations, type AppliedMigration, type Migration } from '../migrations.ts';
import type { Run } from './connection.ts';

const sql = {
  schema: 'SELECT 1 FROM pg_namespace WHERE nspname = $1',
  known: `SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = 'migrations'`,
  lock: 'SELECT pg_advisory_lock($1::bigint)',
  unlock: 'SELECT pg_advisory_unlock($1::bigint)',
  journal: `CREATE TABLE IF NOT EXISTS migrations (
    name text COLLATE "C" PRIMARY KEY, digest text NOT NULL, applied_at bigint NOT NULL)`,
  applied: 'SELECT name, digest FROM migrations ORDER BY name',
  note: `INSERT INTO migrations
    VALUES ($1, $2, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)`,
};

/** Number of an advisory lock of one schema, as decimal digits. Such locks are those of a database. */
export const lockOf = (schema: string, purpose: string): string =>
  hash('sha256', `sallyport ${purpose} ${schema}`, 'buffer').readBigInt64BE(0).toString();

/** The journal of a schema, or null where it has none. */
export const readApplied = async (
  run: Run,
  schema: string,
): Promise<readonly AppliedMigration[] | null> => {
  const known = await run({ text: sql.known }, [schema]);
  if (known.count === 0) return null;
  return (await run<AppliedMigration>({ text: sql.applied })).rows;
};

const apply = async (run: Run, { name, sql: text, digest }: Migration): Promise<void> => {
  await run({ text: 'BEGIN' });
  try {
    await run({ text });
    await run({ text: sql.note }, [name, digest]);
    await run({ text: 'COMMIT' });
  } catch (error) {
    await run({ text: 'ROLLBACK' }).catch(() => undefined);
    throw error;
  }
};

/**
 * Applies what is missing, each file in one transaction, on one connection; gives the names. Throws
 * TypeError where history differs.
 */
export const migrate = async (
  run: Run,
  schema: string,
  migrations: readonly Migration[],
): Promise<readonly string[]> => {
  const before = await readApplied(run, schema);
  // The common case of a gateway's start asks for no lock and no right to create.
  if (before !== null && pendingMigrations(before, migrations).length === 0) return [];
  const lock = lockOf(schema, 'migrate');
  await run({ text: sql.lock }, [lock]);
  try {
    if ((await run({ text: sql.schema }, [schema])).count === 0) {
      await run({ text: `CREATE SCHEMA ${escapeIdentifier(schema)}` });
    }
    await run({ text: sql.journal });
    const { rows } = await run<AppliedMigration>({ text: sql.applied });
    const pending = pendingMigrations(rows, migrations);
    for (const migration of pending) await apply(run, migration);
    return pending.map(({ name }) => name);
  } finally {
    await run({ text: sql.unlock }, [lock]).catch(() => undefined);
  }
};
