/**
 * Signed checkpoints: what turns a hash chain into evidence once a copy is held outside the gateway.
 * A note (signed-note.ts) tells origin, size in records, chain value and time. One origin per chain.
 */
import type { KeyObject } from 'node:crypto';
import { linkBytes } from './chain.ts';
import { openNote, signNote } from './signed-note.ts';

/** What a note says. */
export type Checkpoint = Readonly<{
  environment: string;
  writer: string;
  /** Records in the chain. */
  size: number;
  digest: Buffer;
  /** ms since the epoch. */
  at: number;
}>;

const originOf = ({ environment, writer }: Pick<Checkpoint, 'environment' | 'writer'>): string =>
  `sallyport/${environment}/${writer}`;

/** Signs a checkpoint; the note ends with a newline. */
export const signCheckpoint = (checkpoint: Checkpoint, privateKey: KeyObject): string => {
  const origin = originOf(checkpoint);
  const text = [
    origin,
    String(checkpoint.size),
    checkpoint.digest.toString('base64'),
    new Date(checkpoint.at).toISOString(),
    '',
  ].join('\n');
  return signNote(origin, text, privateKey);
};

const textPattern =
  /^sallyport\/([^/\n]{1,100})\/([0-9a-f]{8})\n(0|[1-9][0-9]{0,15})\n([0-9A-Za-z+/]{43}=)\n([0-9T:.-]{19,30}Z)\n$/;

/**
 * Reads a note. Null where it is none. `signed` is true where `publicKey` is given and made the
 * signature, false where it did not, null where there is no key to ask.
 */
export const readCheckpoint = (
  note: string,
  publicKey: KeyObject | null,
): (Checkpoint & Readonly<{ signed: boolean | null }>) | null => {
  const opened = openNote(note, publicKey);
  const match = opened === null ? null : textPattern.exec(opened.text);
  if (opened === null || match === null) return null;
  const [, environment, writer, size, digest, at] = match as unknown as [
    string,
    ...(readonly string[] & { length: 5 }),
  ];
  const checkpoint = {
    environment: environment as string,
    writer: writer as string,
    size: Number(size),
    digest: Buffer.from(digest as string, 'base64'),
    at: Date.parse(at as string),
  };
  if (checkpoint.digest.length !== linkBytes || Number.isNaN(checkpoint.at)) return null;
  return opened.origin === originOf(checkpoint) ? { ...checkpoint, signed: opened.signed } : null;
};
