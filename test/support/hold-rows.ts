/** Rows of held mutations, put into a store and read from it past every port, and places in windows counted. */
import DatabaseConstructor from 'better-sqlite3';
import { newHoldId, systemRandom, type HoldId } from '../../src/ids.ts';
import type { PostgresAt, TestPostgres } from './postgres.ts';

/** What the tests look at of a hold. */
export type HeldRow = Readonly<{
  state: string;
  version: number;
  entry: string | null;
  changedAt: number;
}>;

export type HoldRows = Readonly<{
  /** `expiresAt`: by default never. */
  add(state: string, version: number, expiresAt?: number): Promise<HoldId>;
  read(id: HoldId): Promise<HeldRow>;
  /** How many places there are, be they given back or not. */
  places(): Promise<number>;
  /** Entries that have places. */
  placed(): Promise<readonly string[]>;
}>;

const columns = `id, state, version, at, changed_at, expires_at, tenant, target, route, client, actions,
  resource_type, rule, batch, join_key, mutation, calls, by_count, entry, sealed`;
const blob = Buffer.alloc(16, 5);

const never = 9_999_999_999_999;

const valuesOf = (
  id: HoldId,
  state: string,
  version: number,
  expiresAt = never,
): readonly unknown[] => {
  const texts = ['acme', 'slack', 'slack', 'entra', 'users:deactivate', 'User', 'guards.leavers'];
  const join = systemRandom(16);
  return [id, state, version, 1, 1, expiresAt, ...texts, 'batch', join, blob, 1, 1, null, blob];
};

/** Of a SQLite file, on a connection beside the one that is open. */
export const sqliteHolds = (path: string): HoldRows => {
  const on = <Result>(
    work: (database: DatabaseConstructor.Database) => Result,
  ): Promise<Result> => {
    const database = new DatabaseConstructor(path, { timeout: 5_000 });
    try {
      return Promise.resolve(work(database));
    } finally {
      database.close();
    }
  };
  const marks = Array.from({ length: 20 }, () => '?').join(', ');
  return {
    add: async (state, version, expiresAt) => {
      const id = newHoldId(1_700_000_000_000, systemRandom);
      await on((database) =>
        database
          .prepare(`INSERT INTO holds (${columns}) VALUES (${marks})`)
          .run(...valuesOf(id, state, version, expiresAt)),
      );
      return id;
    },
    read: (id) =>
      on(
        (database) =>
          database
            .prepare(
              'SELECT state, version, entry, changed_at AS changedAt FROM holds WHERE id = ?',
            )
            .get(id) as HeldRow,
      ),
    places: () =>
      on(
        (database) =>
          (database.prepare('SELECT count(*) AS n FROM places').get() as { n: number }).n,
      ),
    placed: () =>
      on((database) =>
        database
          .prepare('SELECT DISTINCT sequence FROM places ORDER BY sequence')
          .all()
          .map((row) => String((row as { sequence: number }).sequence)),
      ),
  };
};

/** Of a schema. */
export const postgresHolds = ({ query }: TestPostgres, { schema }: PostgresAt): HoldRows => {
  const marks = Array.from({ length: 20 }, (_, index) => `$${index + 1}`).join(', ');
  return {
    add: async (state, version, expiresAt) => {
      const id = newHoldId(1_700_000_000_000, systemRandom);
      await query(
        `INSERT INTO "${schema}".holds (${columns}) VALUES (${marks})`,
        valuesOf(id, state, version, expiresAt),
      );
      return id;
    },
    read: async (id) => {
      const [row] = await query(
        `SELECT state, version::integer, entry, changed_at::float8 AS "changedAt"
          FROM "${schema}".holds WHERE id = $1`,
        [id],
      );
      return row as HeldRow;
    },
    places: async () => {
      const [row] = await query(`SELECT count(*)::integer AS n FROM "${schema}".places`);
      return row?.['n'] as number;
    },
    placed: async () => {
      const rows = await query(
        `SELECT DISTINCT writer, sequence FROM "${schema}".places ORDER BY writer, sequence`,
      );
      return rows.map(({ writer, sequence }) => `${String(writer)} ${String(sequence)}`);
    },
  };
};
