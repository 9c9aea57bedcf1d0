/**
 * The engines under test: each opens a fresh, empty store, and says how it differs where the port
 * lets it. A suite that needs an engine which is not there is skipped with the reason.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineOf } from '../../src/storage/engines.ts';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import type { Stores } from '../../src/storage/stores.ts';
import { postgresForTests } from './postgres.ts';

/** One engine of the conformance suites. */
export type EngineUnderTest = Readonly<{
  name: string;
  /** Why it cannot be tested here, or false. */
  skip: string | false;
  /** Opens a fresh store that writes the chain `writer`; closing it removes it. */
  open(writer: string): Promise<Stores>;
  /** Gateways share it: other chains may lie beside its own. */
  shared: boolean;
  /** Look-ups are merged by upkeep. */
  merges: boolean;
}>;

const sqlite: EngineUnderTest = {
  name: 'sqlite',
  skip: false,
  shared: false,
  merges: true,
  open: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-conformance-'));
    const stores = await openSqlite({ path: join(folder, 'store.db') });
    const close = async (): Promise<void> => {
      await stores.close();
      await rm(folder, { recursive: true, force: true });
    };
    return { ...stores, close };
  },
};

/** The PostgreSQL server of this run, or why there is none. */
export const postgres = await postgresForTests();

const onPostgres: EngineUnderTest = {
  name: 'postgres',
  skip: 'missing' in postgres && postgres.missing,
  shared: true,
  merges: false,
  open: async (writer) => {
    if ('missing' in postgres) throw new Error(postgres.missing);
    const at = postgres.at('sallyport_conformance');
    const stores = await engineOf(at).open(at);
    const about = { name: 'test', version: 'v1', candidate: writer, leaseMs: 30_000 };
    await stores.shared?.writers.claim(about);
    const close = async (): Promise<void> => {
      await stores.close();
      await postgres.drop(at);
    };
    return { ...stores, close };
  },
};

/** All of them. */
export const enginesUnderTest: readonly EngineUnderTest[] = [sqlite, onPostgres];

/** Runs on a fresh store and closes it after. */
export const withStores =
  (engine: EngineUnderTest, writer: string, run: (stores: Stores) => Promise<void>) =>
  async (): Promise<void> => {
    const stores = await engine.open(writer);
    try {
      await run(stores);
    } finally {
      await stores.close();
    }
  };
