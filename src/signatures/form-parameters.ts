/**
 * The parameters of a form as Twilio signs them: sorted by name, name and value joined without a
 * separator, as bytes. Two different forms may give the same bytes (`a=bc`, `ab=c`): a weakness of
 * that scheme, for which nothing can be done here.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Received, Unverified } from './receiver.ts';

const parametersMax = 1_000;

const refused = (reason: string): Extract<Unverified, { kind: 'refused' }> => ({
  kind: 'refused',
  code: 'signature_invalid',
  reason,
});

/** One byte a character, so that bytes that are no UTF-8 stay what they are. */
const unescape = (text: string): string =>
  text
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_all, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const sorted = (body: Buffer): Buffer | Extract<Unverified, { kind: 'refused' }> => {
  const pieces = body.toString('latin1').split('&', parametersMax + 1);
  if (pieces.length > parametersMax) return refused('too many parameters');
  const values = new Map<string, Set<string>>();
  for (const piece of pieces) {
    if (piece === '') continue;
    const at = piece.indexOf('=');
    const name = unescape(at < 0 ? piece : piece.slice(0, at));
    const known = values.get(name) ?? new Set<string>();
    known.add(at < 0 ? '' : unescape(piece.slice(at + 1)));
    values.set(name, known);
  }
  const text = [...values]
    .sort(([a], [b]) => byText(a, b))
    .flatMap(([name, each]) => [...each].sort(byText).map((value) => name + value))
    .join('');
  return Buffer.from(text, 'latin1');
};

/**
 * Bytes of the parameters. Where the query has the hash of the body (`hashName`), the URL is all that
 * is signed and the body must have that hash; a body that is neither hashed nor a form is refused.
 */
export const formParameters = (
  { body, headers, query }: Received,
  hashName: string | null,
): Buffer | Extract<Unverified, { kind: 'refused' }> => {
  const hashes = hashName === null ? [] : new URLSearchParams(query).getAll(hashName);
  if (hashes.length > 1) return refused('the hash of the body is given twice');
  const [given] = hashes;
  if (given !== undefined) {
    if (!/^[0-9a-fA-F]{64}$/.test(given)) return refused('the hash of the body is malformed');
    const holds = timingSafeEqual(
      createHash('sha256').update(body).digest(),
      Buffer.from(given, 'hex'),
    );
    return holds ? Buffer.alloc(0) : refused('the body is not the one that was hashed');
  }
  if (body.length === 0) return Buffer.alloc(0);
  const isForm = /^application\/x-www-form-urlencoded *(?:;|$)/i.test(
    headers['content-type'] ?? '',
  );
  return isForm ? sorted(body) : refused('the body is outside of what is signed');
};
