/**
 * C2SP signed notes (https://c2sp.org/signed-note): text whose first line names its origin, a blank
 * line, and one Ed25519 signature line. One note has one spelling.
 */
import { createPublicKey, hash, sign, verify, type KeyObject } from 'node:crypto';

/** First four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), as signed-note defines for Ed25519. */
const keyHash = (origin: string, publicKey: KeyObject): Buffer => {
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  const named = Buffer.concat([Buffer.from(`${origin}\n\u0001`, 'utf8'), raw]);
  return hash('sha256', named, 'buffer').subarray(0, 4);
};

/** Signs text that begins with its origin line and ends with a newline; so does the note. */
export const signNote = (origin: string, text: string, privateKey: KeyObject): string => {
  const signature = sign(null, Buffer.from(text, 'utf8'), privateKey);
  const line = Buffer.concat([keyHash(origin, createPublicKey(privateKey)), signature]);
  return `${text}\n\u2014 ${origin} ${line.toString('base64')}\n`;
};

const notePattern = /^((\S+)\n[\s\S]{1,1000000}?\n)\n\u2014 (\S+) ([0-9A-Za-z+/]{91}=)\n$/;

/**
 * Takes a note apart; null where it is none. `signed` is true where `publicKey` made the signature,
 * false where it did not, null where there is no key to ask.
 */
export const openNote = (
  note: string,
  publicKey: KeyObject | null,
): Readonly<{ origin: string; text: string; signed: boolean | null }> | null => {
  const match = notePattern.exec(note);
  if (match === null) return null;
  const [, text, origin, name, signature] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
  ];
  if (name !== origin) return null;
  if (publicKey === null) return { origin, text, signed: null };
  const bytes = Buffer.from(signature, 'base64');
  const signed =
    // Base64 can spell the same bytes in several ways.
    bytes.toString('base64') === signature &&
    bytes.subarray(0, 4).equals(keyHash(origin, publicKey)) &&
    verify(null, Buffer.from(text, 'utf8'), publicKey, bytes.subarray(4));
  return { origin, text, signed };
};

/** Splits text that holds one or more notes (a checkpoint file, say) into notes. */
export const splitNotes = (text: string): readonly string[] =>
  text
    .replaceAll('\r\n', '\n')
    .split(/(?<=\n\u2014 \S+ \S+\n)/)
    .map((note) => note.replace(/^\n+/, ''))
    .filter((note) => note !== '');
