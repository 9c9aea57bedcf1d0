/**
 * Signed checkpoints: what turns a hash chain into evidence once a copy is held outside the gateway.
 * The text is a C2SP signed note (https://c2sp.org/signed-note): origin, size in records, chain
 * value, time; then a blank line and one Ed25519 signature line. One origin per chain.
 */
import { createPublicKey, hash, sign, verify, type KeyObject } from 'node:crypto';
import { linkBytes } from './chain.ts';

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

const textOf = (checkpoint: Checkpoint): string =>
  [
    originOf(checkpoint),
    String(checkpoint.size),
    checkpoint.digest.toString('base64'),
    new Date(checkpoint.at).toISOString(),
    '',
  ].join('\n');

/** First four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), as signed-note defines for Ed25519. */
const keyHash = (origin: string, publicKey: KeyObject): Buffer => {
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  const named = Buffer.concat([Buffer.from(`${origin}\n\u0001`, 'utf8'), raw]);
  return hash('sha256', named, 'buffer').subarray(0, 4);
};

/** Signs a checkpoint; the note ends with a newline. */
export const signCheckpoint = (checkpoint: Checkpoint, privateKey: KeyObject): string => {
  const text = textOf(checkpoint);
  const origin = originOf(checkpoint);
  const signature = sign(null, Buffer.from(text, 'utf8'), privateKey);
  const line = Buffer.concat([keyHash(origin, createPublicKey(privateKey)), signature]);
  return `${text}\n\u2014 ${origin} ${line.toString('base64')}\n`;
};

const notePattern =
  /^(sallyport\/([^/\n]{1,100})\/([0-9a-f]{8})\n(0|[1-9][0-9]{0,15})\n([0-9A-Za-z+/]{43}=)\n([0-9T:.-]{19,30}Z)\n)\n\u2014 (\S+) ([0-9A-Za-z+/]{91}=)\n$/;

/**
 * Reads a note. Null where it is none. `signed` is true where `publicKey` is given and made the
 * signature, false where it did not, null where there is no key to ask.
 */
export const readCheckpoint = (
  note: string,
  publicKey: KeyObject | null,
): (Checkpoint & Readonly<{ signed: boolean | null }>) | null => {
  const match = notePattern.exec(note);
  if (match === null) return null;
  const [, text, environment, writer, size, digest, at, name, signature] = match as unknown as [
    string,
    ...(readonly string[] & { length: 8 }),
  ];
  const checkpoint = {
    environment: environment as string,
    writer: writer as string,
    size: Number(size),
    digest: Buffer.from(digest as string, 'base64'),
    at: Date.parse(at as string),
  };
  if (checkpoint.digest.length !== linkBytes || Number.isNaN(checkpoint.at)) return null;
  const origin = originOf(checkpoint);
  if (name !== origin) return null;
  if (publicKey === null) return { ...checkpoint, signed: null };
  const bytes = Buffer.from(signature as string, 'base64');
  const signed =
    // Base64 can spell the same bytes in several ways; one note has one spelling.
    bytes.toString('base64') === signature &&
    bytes.subarray(0, 4).equals(keyHash(origin, publicKey)) &&
    verify(null, Buffer.from(text as string, 'utf8'), publicKey, bytes.subarray(4));
  return { ...checkpoint, signed };
};

/** Splits text that holds one or more notes (a checkpoint file, say) into notes. */
export const splitNotes = (text: string): readonly string[] =>
  text
    .replaceAll('\r\n', '\n')
    .split(/(?<=\n\u2014 \S+ \S+\n)/)
    .map((note) => note.replace(/^\n+/, ''))
    .filter((note) => note !== '');
