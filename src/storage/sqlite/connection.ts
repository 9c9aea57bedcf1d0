/**
 * How this engine opens its file: durable settings, one gateway per file, a reserve for a full disk.
 * Used inside the worker threads only.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import DatabaseConstructor, { type Database } from 'better-sqlite3';
import { migrate, readMigrations } from './migrate.ts';

/** Bytes kept free for outcomes and revocations. */
const reserveBytes = 8 * 1_048_576;
/** Size of the write-ahead log at which the writer checkpoints itself, and at which it waits for it. */
export const walBytes = { passive: 64 * 1_048_576, truncate: 192 * 1_048_576 };

/** Message of the error a second process gets. */
const heldMessage = 'a gateway runs on this store; stop it, or ask it with --admin';

/**
 * Holds the store for this process, for as long as it lives: a lock on a file beside it, which the
 * system lets go when the process dies in whatever way.
 */
export const holdStore = (path: string): Database => {
  const lock = new DatabaseConstructor(`${path}.lock`, { timeout: 0 });
  try {
    lock.pragma('locking_mode = EXCLUSIVE');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true) {
      throw new Error(heldMessage, { cause: error });
    }
    throw error;
  }
  return lock;
};

/** Opens the file for writing, making it (readable by its owner only) and migrating it first. */
export const openForWriting = (path: string): Database => {
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseConstructor(path, { timeout: 5_000 });
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    // Checkpoints run beside the commits, not inside them.
    database.pragma('wal_autocheckpoint = 0');
    database.pragma('trusted_schema = OFF');
    database.pragma('cache_size = -16384');
    migrate(database, readMigrations(), Date.now());
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
};

/** Opens the file for reading; checkpoints remain possible. */
export const openForReading = (path: string): Database => {
  const database = new DatabaseConstructor(path, { fileMustExist: true, timeout: 5_000 });
  database.pragma('synchronous = FULL');
  database.pragma('wal_autocheckpoint = 0');
  database.pragma('trusted_schema = OFF');
  database.pragma('query_only = ON');
  return database;
};

/** Bytes of the write-ahead log. */
export const walSize = (path: string): number =>
  statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;

const reservePath = (path: string) => `${path}.reserve`;

/** Is the disk reserve there, whole? */
export const hasReserve = (path: string): boolean =>
  statSync(reservePath(path), { throwIfNoEntry: false })?.size === reserveBytes;

/** Gives the reserve's room back to the disk. */
export const releaseReserve = (path: string): void => {
  if (existsSync(reservePath(path))) unlinkSync(reservePath(path));
};

/** Makes the reserve; false where the disk has no room for it. */
export const makeReserve = (path: string): boolean => {
  if (hasReserve(path)) return true;
  const file = openSync(reservePath(path), 'w', 0o600);
  try {
    const chunk = Buffer.alloc(1_048_576);
    for (let written = 0; written < reserveBytes;) written += writeSync(file, chunk);
    fsyncSync(file);
    return true;
  } catch {
    releaseReserve(path);
    return false;
  } finally {
    closeSync(file);
  }
};
