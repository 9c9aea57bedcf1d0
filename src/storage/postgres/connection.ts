/**
 * How this engine speaks to its server: pools of bounded size whose every wait ends, and statements
 * whose failures become GatewayError `ledger_unavailable` here, at the seam. After a failure that is
 * not plainly one statement's own, a connection is destroyed: nobody knows what is still under way
 * on it. Nothing is taken from the environment (`PGPASSWORD` and the like).
 */
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import { Client, Pool, types, type ClientConfig, type PoolClient, type QueryResult } from 'pg';
import { GatewayError } from '../../errors.ts';
import type { StoreAt } from '../../snapshot.ts';

export type PostgresAt = Extract<StoreAt, { engine: 'postgres' }>;

/** What a statement waits at most, ms: `lockMs` for a lock, then the server, then this process. */
export type Waits = Readonly<{ lockMs: number; statementMs: number; queryMs: number }>;

const connectMs = 3_000;
const idleMs = 30_000;
const idleInTransactionMs = 10_000;
const closeMs = 2_000;

const int8 = 20;
const parsers: NonNullable<ClientConfig['types']> = {
  // Numbers of this schema are sequences, counts and milliseconds: all below 2^53.
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === int8 && format !== 'binary' ? Number : types.getTypeParser(oid, format ?? 'text'),
};

/** One setting as a start option of a session; the server takes spaces and backslashes escaped. */
const option = (name: string, value: string): string =>
  `-c ${name}=${value.replace(/[\\\s]/g, (each) => `\\${each}`)}`;

/** The schema as the first and only place where names are looked up. */
const searchPath = (schema: string): string =>
  option('search_path', `"${schema.replaceAll('"', '""')}"`);

const tlsOf = (at: PostgresAt): ConnectionOptions | false => {
  if (at.tls === 'off') return false;
  if (at.tls === 'require') return { rejectUnauthorized: false };
  return {
    rejectUnauthorized: true,
    ...(at.caPath === null ? {} : { ca: readFileSync(at.caPath, 'utf8') }),
    // By the name in the URL, be it a host or an address.
    checkServerIdentity: (_name, certificate) => checkServerIdentity(at.host, certificate),
  };
};

/** SQLSTATE of an error, or the system's code (`ECONNREFUSED`), or ''. */
export const codeOf = (error: unknown): string => {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  return typeof code === 'string' ? code : '';
};

/** The error that leaves this engine: code and message only, never the driver's details and rows. */
export const unavailable = (error: unknown, detail?: string): GatewayError => {
  if (error instanceof GatewayError) return error;
  const code = codeOf(error);
  const message = error instanceof Error && error.message !== '' ? error.message : code;
  return new GatewayError('ledger_unavailable', {
    cause: Object.assign(new Error(message), code === '' ? {} : { code }),
    ...(detail === undefined ? {} : { detail }),
  });
};

/** A statement; with a name it is parsed once a connection. */
export type Statement = Readonly<{ name?: string; text: string }>;
export type Row = Readonly<Record<string, unknown>>;

/** Runs one statement; `count` is of rows given or changed. `Result` is what its text says. */
export type Run = <Result extends Row>(
  statement: Statement,
  values?: readonly unknown[],
) => Promise<Readonly<{ rows: readonly Result[]; first: Result | undefined; count: number }>>;

/** A pool: single statements, each a transaction, and transactions of several. */
export type Sessions = Readonly<{
  run: Run;
  /** Commits what `work` did; whatever it throws undoes all of it. */
  transaction<Result>(work: (run: Run) => Promise<Result>): Promise<Result>;
}>;

/** All connections of one store. */
export type Connections = Readonly<{
  pool(options: Readonly<{ size: number; waits: Waits; settings?: readonly string[] }>): Sessions;
  /** A connection of its own, not yet connected; `waits` as for a pool. */
  client(waits: Waits): Client;
  closed(): boolean;
  /** Ends everything within two seconds, be the server dead or alive. */
  close(): Promise<void>;
}>;

/** Does the session live on after this error? Class 25 tells of a server that only reads by now. */
const sessionLives = (error: unknown): boolean =>
  error instanceof Error &&
  'severity' in error &&
  error.severity === 'ERROR' &&
  !/^(?:08|25|57P|XX)/.test(codeOf(error));

/** A script of several statements answers with a list; nobody asks a script for rows. */
const answerOf = <Result extends Row>(
  answer: QueryResult<Result> | readonly QueryResult<Result>[],
) => {
  const { rows, rowCount } = 'rows' in answer ? answer : { rows: [] as Result[], rowCount: 0 };
  return { rows, first: rows[0], count: rowCount ?? 0 };
};

const runOn =
  (client: PoolClient): Run =>
  async <Result extends Row>(statement: Statement, values: readonly unknown[] = []) =>
    answerOf(await client.query<Result>({ ...statement, values: [...values] }));

const sessionsOf = (pool: Pool, isClosed: () => boolean): Sessions => {
  const using = async <Result>(work: (run: Run) => Promise<Result>): Promise<Result> => {
    if (isClosed())
      throw new GatewayError('ledger_unavailable', { detail: 'The store is closed.' });
    let client: PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      throw unavailable(error);
    }
    try {
      const result = await work(runOn(client));
      client.release();
      return result;
    } catch (error) {
      client.release(!sessionLives(error));
      throw unavailable(error);
    }
  };
  return Object.freeze({
    run: <Result extends Row>(statement: Statement, values?: readonly unknown[]) =>
      using((run) => run<Result>(statement, values)),
    transaction: <Result>(work: (run: Run) => Promise<Result>) =>
      using(async (run) => {
        await run({ text: 'BEGIN' });
        try {
          const result = await work(run);
          await run({ text: 'COMMIT' });
          return result;
        } catch (error) {
          // A session that is not told goes, and its transaction with it.
          if (sessionLives(error)) await run({ text: 'ROLLBACK' });
          throw error;
        }
      }),
  } satisfies Sessions);
};

/** The bounds of a session as the driver names them. */
const configOf = (at: PostgresAt, waits: Waits, settings: readonly string[]): ClientConfig => ({
  host: at.host,
  port: at.port,
  database: at.database,
  user: at.user,
  // A function keeps the driver from looking for a password elsewhere.
  password: at.password ?? (() => ''),
  ssl: tlsOf(at),
  options: [searchPath(at.schema), ...settings].join(' '),
  application_name: 'sallyport',
  connectionTimeoutMillis: connectMs,
  statement_timeout: waits.statementMs,
  lock_timeout: waits.lockMs,
  idle_in_transaction_session_timeout: idleInTransactionMs,
  query_timeout: waits.queryMs,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  types: parsers,
});

/** Prepares to connect; nothing is opened before the first statement. */
export const makeConnections = (at: PostgresAt): Connections => {
  const sockets = new Set<Socket>();
  const pools: Pool[] = [];
  let closed = false;
  // Kept at hand, because a driver that says farewell to a dead server waits for its answer.
  const stream = (): Socket => {
    const socket = new Socket();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, closeMs);
    });
    const ended = Promise.all(pools.map((pool) => pool.end().catch(() => undefined)));
    await Promise.race([ended, bound]);
    clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
  };
  return Object.freeze({
    pool: ({ size, waits, settings = [] }) => {
      const pool = new Pool({
        ...configOf(at, waits, settings),
        stream,
        max: size,
        idleTimeoutMillis: idleMs,
      });
      // A session lost while idle is replaced; one lost in use fails its statement.
      pool.on('error', () => undefined);
      pool.on('connect', (client) => client.on('error', () => undefined));
      pools.push(pool);
      return sessionsOf(pool, () => closed);
    },
    client: (waits) => {
      const client = new Client({ ...configOf(at, waits, []), stream });
      client.on('error', () => undefined);
      return client;
    },
    closed: () => closed,
    close,
  } satisfies Connections);
};

/** Connects for one errand and ends the connection after it; rejects with GatewayError. */
export const withClient = async <Result>(
  at: PostgresAt,
  waits: Waits,
  work: (run: Run) => Promise<Result>,
): Promise<Result> => {
  const connections = makeConnections(at);
  const client = connections.client(waits);
  try {
    await client.connect();
    return await work(
      async <Each extends Row>(statement: Statement, values: readonly unknown[] = []) =>
        answerOf(await client.query<Each>({ ...statement, values: [...values] })),
    );
  } catch (error) {
    throw unavailable(error);
  } finally {
    client.end().catch(() => undefined);
    await connections.close();
  }
};
