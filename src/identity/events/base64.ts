/** Base64 and base64url to UTF-8 text, by hand: this room has no Buffer. Strict, except that padding may be missing. */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const values = new Map(Array.from(alphabet, (sign, value): [string, number] => [sign, value]));
values.set('-', 62).set('_', 63);

/** Text of base64, or null where it is none or holds no UTF-8. */
export const decodeBase64 = (text: string): string | null => {
  const signs = text.replace(/={1,2}$/, '');
  if (signs.length % 4 === 1) return null;
  const bytes = new Uint8Array(Math.floor((signs.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const sign of signs) {
    const value = values.get(sign);
    if (value === undefined) return null;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (held >> bits) & 0xff;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
};
