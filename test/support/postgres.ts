/**
 * A PostgreSQL server for tests: a fresh schema for each store, dropped afterwards. Without a server
 * a stranger's run skips with a reason; with CI=true that is a failure. `SALLYPORT_TEST_POSTGRES`
 * names another server than the one on this machine.
 */
import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';
import type { StoreAt } from '../../src/snapshot.ts';

export type PostgresAt = Extract<StoreAt, { engine: 'postgres' }>;

/** A server that answers: a place for one more store, and how its schema is dropped. */
export type TestPostgres = Readonly<{
  /** A place in a fresh schema of a random name; `prefix` is up to 40 of [a-z0-9_]. */
  at(prefix?: string): PostgresAt;
  /** Runs one statement, for what only an administrator may do. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Drops the schema of a place; ends what is still connected to it first. */
  drop(at: PostgresAt): Promise<void>;
}>;

const where = process.env['SALLYPORT_TEST_POSTGRES'] ?? 'postgres://root@127.0.0.1:5432/test';

const clientOf = (): Client =>
  new Client({ connectionString: where, connectionTimeoutMillis: 3_000, query_timeout: 30_000 });

const query: TestPostgres['query'] = async (text, values = []) => {
  const client = clientOf();
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text, [...values])).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
};

/** Where the server is, as `StoreAt` tells it. */
const placeOf = (schema: string): PostgresAt => {
  const { host, port, database, user, password } = clientOf();
  return {
    engine: 'postgres',
    host,
    port,
    database: database ?? 'postgres',
    schema,
    user: user ?? 'postgres',
    password: typeof password === 'string' ? password : null,
    tls: 'off',
    caPath: null,
  };
};

const drop = async ({ schema }: PostgresAt): Promise<void> => {
  // What a killed gateway left would otherwise hold its locks until the server notices.
  await query(
    `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND l.pid <> pg_backend_pid()`,
    [schema],
  );
  await query(`DROP SCHEMA IF EXISTS ${escapeIdentifier(schema)} CASCADE`);
};

/** The server, or why there is none; rejects instead where CI says that there must be one. */
export const postgresForTests = async (): Promise<TestPostgres | Readonly<{ missing: string }>> => {
  try {
    await query('SELECT 1');
  } catch (cause) {
    const reason = `no PostgreSQL answers at ${where.replace(/:[^:@/]*@/, ':…@')}; set SALLYPORT_TEST_POSTGRES`;
    if (process.env['CI'] === 'true') throw new Error(reason, { cause });
    return { missing: reason };
  }
  return {
    at: (prefix = 'sallyport_test') => placeOf(`${prefix}_${randomBytes(6).toString('hex')}`),
    query,
    drop,
  };
};
