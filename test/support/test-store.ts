/**
 * The store under a gateway of a test: SQLite in its folder, or with SALLYPORT_TEST_STORE=postgres a
 * schema of its own on the test's PostgreSQL. Route files of tests name SQLite; this rewrites them.
 */
import { randomBytes } from 'node:crypto';
import { postgresForTests, type PostgresAt } from './postgres.ts';

export type TestStore = Readonly<{
  engine: 'sqlite' | 'postgres';
  /** A route file as it has to read for this store. */
  rewrite(text: string): string;
  /** What the route file then asks of the environment. */
  env: Readonly<Record<string, string>>;
  /** Removes what lies outside of the gateway's folder; nothing may run on it any more. */
  drop(): Promise<void>;
}>;

/** Settings that only a shared store knows; `more` adds lines of `store:` in flow style. */
export type SharedStore = Readonly<{ lease?: string; sharedLimits?: string }>;

const passwordName = 'SALLYPORT_TEST_STORE_PASSWORD';
/** The line of every route file in tests that names the store. */
const sqliteLine = /^( *)url: sqlite:data\/sallyport\.db$/m;

export const sqliteStore: TestStore = Object.freeze({
  engine: 'sqlite',
  rewrite: (text: string) => text,
  env: {},
  drop: () => Promise.resolve(),
});

const linesOf = (at: PostgresAt, { lease, sharedLimits }: SharedStore): readonly string[] => {
  const host = at.host.startsWith('/') ? encodeURIComponent(at.host) : at.host;
  const tls = at.tls === 'off' ? 'disable' : at.tls === 'require' ? 'require' : 'verify-full';
  return [
    `url: "postgres://${host}:${at.port}/${at.database}?schema=${at.schema}&sslmode=${tls}"`,
    `user: "${at.user}"`,
    ...(at.password === null ? [] : [`password: "\${env:${passwordName}}"`]),
    ...(lease === undefined ? [] : [`lease: ${lease}`]),
    ...(sharedLimits === undefined ? [] : [`sharedLimits: "${sharedLimits}"`]),
  ];
};

/** A store on a PostgreSQL server at a given place. */
export const storeAt = (
  at: PostgresAt,
  settings: SharedStore = {},
  drop: () => Promise<void> = () => Promise.resolve(),
): TestStore => ({
  engine: 'postgres',
  rewrite: (text) => {
    const indent = sqliteLine.exec(text)?.[1];
    if (indent === undefined) throw new Error('the route file names no SQLite store to replace');
    return text.replace(sqliteLine, () =>
      linesOf(at, settings)
        .map((line) => `${indent}${line}`)
        .join('\n'),
    );
  },
  env: at.password === null ? {} : { [passwordName]: at.password },
  drop,
});

/** A store in a schema of its own on a server that a test started itself. */
export const storeOn = (
  { host, port, user, database }: Pick<PostgresAt, 'host' | 'port' | 'user' | 'database'>,
  settings: SharedStore = {},
): TestStore =>
  storeAt(
    {
      engine: 'postgres',
      host,
      port,
      user,
      database,
      schema: `campaign_${randomBytes(6).toString('hex')}`,
      password: null,
      tls: 'off',
      caPath: null,
    },
    settings,
  );

/** The engine that this run of the tests is about. */
export const testEngine: TestStore['engine'] =
  process.env['SALLYPORT_TEST_STORE'] === 'postgres' ? 'postgres' : 'sqlite';

/** A fresh store of that engine; rejects where PostgreSQL was asked for and none answers. */
export const storeForTests = async (settings: SharedStore = {}): Promise<TestStore> => {
  if (testEngine === 'sqlite') return sqliteStore;
  const server = await postgresForTests();
  if ('missing' in server) throw new Error(server.missing);
  const at = server.at();
  return storeAt(at, settings, () => server.drop(at));
};
