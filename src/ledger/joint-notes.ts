/**
 * Joint notes: signed heads of several chains at once, each note naming the hash of the one before.
 * Whoever holds one of them outside holds all chains that ever were: a chain that is cut, rewritten or
 * gone as a whole no longer fits. A note names the chains that moved since the note before, and those
 * that were closed, once.
 */
import { hash, type KeyObject } from 'node:crypto';
import { linkBytes } from './chain.ts';
import { openNote, signNote } from './signed-note.ts';
import type { ChainHead } from './writer-store.ts';

/** Chains one note names at most; the rest stands in the next. */
export const jointLinesMax = 1_000;

/** What a joint note says. */
export type Joint = Readonly<{
  environment: string;
  /** From 1, without gaps. */
  number: number;
  /** SHA-256 of the note before; zeros before the first. */
  previous: Buffer;
  /** ms since the epoch. */
  at: number;
  /** In order of writers. */
  heads: readonly ChainHead[];
}>;

/** What the next note names as the one before it. */
export const jointDigest = (note: string | null): Buffer =>
  note === null ? Buffer.alloc(linkBytes) : hash('sha256', note, 'buffer');

const originOf = (environment: string): string => `sallyport/${environment}/joint`;

/** Signs a joint note; it ends with a newline. */
export const signJoint = (joint: Joint, privateKey: KeyObject): string => {
  const origin = originOf(joint.environment);
  const lines = joint.heads.map(
    ({ writer, size, digest, closed }) =>
      `${writer} ${size} ${digest.toString('base64')} ${closed ? 'closed' : 'open'}`,
  );
  const text = [
    origin,
    String(joint.number),
    joint.previous.toString('base64'),
    new Date(joint.at).toISOString(),
    ...lines,
    '',
  ].join('\n');
  return signNote(origin, text, privateKey);
};

const textPattern =
  /^sallyport\/([^/\n]{1,100})\/joint\n([1-9][0-9]{0,15})\n([0-9A-Za-z+/]{43}=)\n([0-9T:.-]{19,30}Z)\n((?:[0-9a-f]{8} [1-9][0-9]{0,15} [0-9A-Za-z+/]{43}= (?:open|closed)\n){1,1000})$/;

const headOf = (line: string): ChainHead => {
  const [writer, size, digest, state] = line.split(' ') as [string, string, string, string];
  return {
    writer,
    size: Number(size),
    digest: Buffer.from(digest, 'base64'),
    closed: state === 'closed',
  };
};

/** Reads a joint note; null where it is none. `signed` as in readCheckpoint. */
export const readJoint = (
  note: string,
  publicKey: KeyObject | null,
): (Joint & Readonly<{ signed: boolean | null }>) | null => {
  const opened = openNote(note, publicKey);
  const match = opened === null ? null : textPattern.exec(opened.text);
  if (opened === null || match === null) return null;
  const [, environment, number, previous, at, lines] = match as unknown as [
    string,
    ...(readonly string[] & { length: 5 }),
  ];
  const joint = {
    environment: environment as string,
    number: Number(number),
    previous: Buffer.from(previous as string, 'base64'),
    at: Date.parse(at as string),
    heads: (lines as string).trimEnd().split('\n').map(headOf),
    signed: opened.signed,
  };
  const whole =
    joint.previous.length === linkBytes &&
    !Number.isNaN(joint.at) &&
    joint.heads.every(({ digest }) => digest.length === linkBytes);
  return whole ? joint : null;
};
