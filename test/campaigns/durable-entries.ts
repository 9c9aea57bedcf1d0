/**
 * Which ledger entries a store would still hold if the power had failed at some moment: the file as
 * it lay there, with only as much of its write-ahead log as had been synced by then. Reads the log
 * frame by frame (SQLite file format, section 4) into an image that SQLite itself then opens.
 */
import DatabaseConstructor from 'better-sqlite3';

const logHeader = 32;
const frameHeader = 24;
/** Where a file's header says that it needs its log; an image in memory has none. */
const versionFields = [18, 19] as const;

export type Replay = Readonly<{
  /** Takes in the log up to `bytes`, which never shrinks; a commit counts only if it is whole. */
  advance(bytes: number): void;
  /** Does the store hold the entry of this sequence as of now? */
  holds(sequence: number): boolean;
}>;

/** Begins with the file alone. */
export const replayLog = (file: Buffer, log: Buffer): Replay => {
  const pageSize = file.readUInt16BE(16) === 1 ? 65_536 : file.readUInt16BE(16);
  const salts = log.subarray(16, 24);
  let image = Buffer.from(file);
  let offset = logHeader;
  let pending: { page: number; at: number }[] = [];
  let newest = 0;

  const apply = (pageCount: number): void => {
    const grown = Buffer.alloc(pageCount * pageSize);
    image.copy(grown);
    for (const { page, at } of pending) log.copy(grown, (page - 1) * pageSize, at, at + pageSize);
    image = grown;
    pending = [];
    for (const field of versionFields) image[field] = 1;
    const database = new DatabaseConstructor(image);
    try {
      const sql = 'SELECT max(sequence) AS newest FROM entries';
      newest = database.prepare<[], { newest: number | null }>(sql).get()?.newest ?? 0;
    } finally {
      database.close();
    }
  };
  return {
    advance: (bytes) => {
      for (; offset + frameHeader + pageSize <= Math.min(bytes, log.length);) {
        // A frame of an earlier life of the log ends it.
        if (!log.subarray(offset + 8, offset + 16).equals(salts)) return;
        pending.push({ page: log.readUInt32BE(offset), at: offset + frameHeader });
        const pageCount = log.readUInt32BE(offset + 4);
        offset += frameHeader + pageSize;
        if (pageCount > 0) apply(pageCount);
      }
    },
    // Sequences are given out in the order of commits.
    holds: (sequence) => sequence <= newest,
  };
};
