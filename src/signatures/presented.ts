/**
 * Signatures as headers present them: alone, in a list, or among pairs (`t=…,v1=…`). At most 16
 * signatures and 4 times of one header are looked at; more would be work for whoever asks.
 */

export type Encoding = 'hex' | 'base64' | 'base64url';

const signaturesMax = 16;
const timesMax = 4;
const lengthMax = 16_384;

/** Signatures under one time; `time` null where the header has none. */
export type Group = Readonly<{ time: string | null; signatures: readonly string[] }>;

type Form = Readonly<{
  pair?: string | undefined;
  separator?: 'space' | 'comma' | undefined;
  prefix?: string | undefined;
  /** Name of the time among the pairs. */
  timePair: string | null;
}>;

const separators = { space: / +/, comma: / *, */ } as const;

const items = (text: string, { separator, prefix = '' }: Form): readonly string[] =>
  (separator === undefined
    ? [text.trim()]
    : text.trim().split(separators[separator], signaturesMax)
  )
    .filter((item) => item.startsWith(prefix))
    .map((item) => item.slice(prefix.length));

/** Groups stand apart by blanks (Persona, on rotation); a blank behind a comma parts nothing (WorkOS). */
const pairGroups = (text: string, { pair, prefix = '', timePair }: Form): readonly Group[] => {
  const groups: Group[] = [];
  for (const chunk of text.trim().split(/(?<!,) +/, timesMax)) {
    const pairs = chunk.split(/, */, 2 * signaturesMax).map((item) => {
      const at = item.indexOf('=');
      return { name: item.slice(0, Math.max(at, 0)), value: item.slice(at + 1) };
    });
    const times = pairs.filter(({ name }) => timePair !== null && name === timePair);
    // Two times over one signature: nobody can tell which was signed.
    if (timePair !== null && times.length !== 1) continue;
    const signatures = pairs
      .filter(({ name, value }) => name === pair && value.startsWith(prefix))
      .map(({ value }) => value.slice(prefix.length));
    groups.push({ time: times[0]?.value ?? null, signatures: signatures.slice(0, signaturesMax) });
  }
  return groups;
};

/** What a signature header presents, in its order. Never throws; garbage gives empty groups or none. */
export const readGroups = (text: string, form: Form): readonly Group[] => {
  if (text.length > lengthMax) return [];
  if (form.pair === undefined) return [{ time: null, signatures: items(text, form) }];
  let left = signaturesMax;
  return pairGroups(text, form).map(({ time, signatures }) => {
    const taken = signatures.slice(0, left);
    left -= taken.length;
    return { time, signatures: taken };
  });
};

const alphabets: Readonly<Record<Encoding, RegExp>> = {
  hex: /^(?:[0-9a-fA-F]{2})+$/,
  // Senders pad or do not, and integrators saw both alphabets of one sender: bytes are compared.
  base64: /^[A-Za-z0-9+/_-]+={0,2}$/,
  base64url: /^[A-Za-z0-9+/_-]+={0,2}$/,
};

/** Bytes of a signature's text, or null where it is none of this encoding. */
export const decodeSignature = (text: string, encoding: Encoding): Buffer | null => {
  if (!alphabets[encoding].test(text)) return null;
  const bytes = Buffer.from(text, encoding === 'hex' ? 'hex' : 'base64');
  return bytes.length === 0 ? null : bytes;
};

/** Text of a signature: hex in lower case, base64 padded, base64url not. */
export const encodeSignature = (bytes: Buffer, encoding: Encoding): string =>
  bytes.toString(encoding);
