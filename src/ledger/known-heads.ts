/**
 * What is known of chains outside the store: notes in checkpoint files on this machine. A store that
 * has less than they say was restored from a backup, or failed over to a copy that lagged.
 */
import { open } from 'node:fs/promises';
import type { KeyObject } from 'node:crypto';
import { readCheckpoint } from './checkpoints.ts';
import { readJoint } from './joint-notes.ts';
import { splitNotes } from './signed-note.ts';
import type { ChainHead } from './writer-store.ts';

/** A head somebody signed. */
export type KnownHead = Readonly<{ writer: string; size: number; digest: Buffer }>;

/** Bytes read of the end of a file: the newest notes stand last. */
const tailBytes = 1_048_576;

const readTail = async (path: string): Promise<string> => {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (file === null) return '';
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
};

type Asked = Readonly<{
  environment: string;
  publicKey: KeyObject;
  /** Only notes signed after this, ms. */
  after: number;
}>;

/** Heads a note tells; none where it is none of ours, or cut at the front of a tail. */
const headsOf = (note: string, { environment, publicKey, after }: Asked): readonly KnownHead[] => {
  const joint = readJoint(note, publicKey);
  const one = joint === null ? readCheckpoint(note, publicKey) : null;
  const read = joint ?? one;
  if (read === null || read.signed !== true) return [];
  if (read.environment !== environment || read.at <= after) return [];
  return joint === null ? [one as KnownHead] : joint.heads;
};

/** The largest head of each chain that the files know; told of files that cannot be read. */
export const readKnownHeads = async (
  paths: readonly string[],
  asked: Asked,
  unreadable: (cause: unknown) => void,
): Promise<ReadonlyMap<string, KnownHead>> => {
  const known = new Map<string, KnownHead>();
  for (const path of paths) {
    const text = await readTail(path).catch((cause: unknown) => {
      unreadable(cause);
      return '';
    });
    for (const note of splitNotes(text)) {
      for (const { writer, size, digest } of headsOf(note, asked)) {
        if (size > (known.get(writer)?.size ?? 0)) known.set(writer, { writer, size, digest });
      }
    }
  }
  return known;
};

/** What a store lacks of what is known, in words; null where it lacks nothing. */
export const lackOfStore = (
  known: Iterable<KnownHead>,
  heads: ReadonlyMap<string, Pick<ChainHead, 'size' | 'digest'>>,
): string | null => {
  for (const { writer, size, digest } of known) {
    const head = heads.get(writer);
    if (head === undefined) return `a checkpoint knows the chain ${writer}, the store does not`;
    if (head.size < size) {
      return `a checkpoint knows ${size} records of ${writer}, the store has ${head.size}`;
    }
    if (head.size === size && !head.digest.equals(digest)) {
      return `a checkpoint signed another chain of ${size} records of ${writer}`;
    }
  }
  return null;
};
