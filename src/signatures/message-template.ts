/**
 * What is signed, as data: typed parts joined as bytes, never through text, so that no two bodies
 * become one. A template in which two different messages could give the same bytes does not compile,
 * or refuses the values that would. Verifying and signing share it.
 */
import { z } from 'zod';
import { formParameters } from './form-parameters.ts';
import { decodeSignature, encodeSignature, readGroups } from './presented.ts';
import { headerName } from './places.ts';
import type { Received, Unverified } from './receiver.ts';
import { parseTime, printTime } from './times.ts';
import { urlsWithAndWithoutPort } from './url-forms.ts';

const part = z.union([
  z.enum(['body', 'id', 'time', 'url', 'method', 'form']),
  z.strictObject({ text: z.string().regex(/^[\x20-\x7e\n]{1,64}$/) }),
  z.strictObject({ header: headerName }),
]);
type Part = z.output<typeof part>;

/** Options of every scheme that signs a template. */
export const templateShape = {
  /** In order. `form`: names and values of the query of a form body, sorted (Twilio). */
  parts: z.array(part).min(1).max(16),
  /** Header of the id that `id` stands for. */
  id: z.strictObject({ header: headerName }).optional(),
  /** Header of the time that `time` stands for, or its name among the pairs of the signature header. */
  time: z
    .union([
      z.strictObject({ header: headerName, unit: z.enum(['s', 'ms', 'rfc3339', 'either']) }),
      z.strictObject({
        pair: z.string().regex(/^[a-z0-9]{1,16}$/),
        unit: z.enum(['s', 'ms', 'rfc3339', 'either']),
      }),
    ])
    .optional(),
  signature: z.strictObject({
    header: headerName,
    /** Its name among pairs: `t=…,v1=…`. */
    pair: z
      .string()
      .regex(/^[a-z0-9]{1,16}$/)
      .optional(),
    /** What stands between several signatures. */
    separator: z.enum(['space', 'comma']).optional(),
    /** Before each of them: `sha256=`, `v1,`. Those that begin otherwise are not looked at. */
    prefix: z.string().min(1).max(16).optional(),
    encoding: z.enum(['hex', 'base64', 'base64url']),
  }),
  /** The URL is tried as it came, with its port and without it. */
  urlPorts: z.boolean().optional(),
  /** Parameter of the query that holds the SHA-256 of a body that is no form, in hex (Twilio). */
  bodyHash: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/)
    .optional(),
};
const templateOptions = z.strictObject(templateShape);
export type TemplateOptions = z.output<typeof templateOptions>;

/** Signatures that were presented together, and the messages they may be of (URLs differ). */
export type SignedGroup = Readonly<{
  time: string | null;
  signatures: readonly Buffer[];
  messages: readonly Buffer[];
}>;

export type ReadMessage =
  | Readonly<{ kind: 'read'; id: string | null; groups: readonly SignedGroup[] }>
  | Extract<Unverified, { kind: 'refused' }>;

/** What is to be signed. */
export type Outgoing = Readonly<{
  id: string;
  at: number;
  body: Buffer;
  url: string;
  method: string;
}>;

export type MessageTemplate = Readonly<{
  /** Headers it reads. */
  headers: readonly string[];
  /** Never throws. */
  read(received: Received): ReadMessage;
  /** Null where a message of ours cannot have what the template asks for. */
  print: ((outgoing: Outgoing, sign: (message: Buffer) => Buffer) => Record<string, string>) | null;
}>;

const refused = (
  code: 'signature_missing' | 'signature_invalid',
  reason: string,
): Extract<Unverified, { kind: 'refused' }> => ({ kind: 'refused', code, reason });

const isText = (one: Part | undefined): one is { text: string } =>
  typeof one === 'object' && 'text' in one;
const isHeader = (one: Part | undefined): one is { header: string } =>
  typeof one === 'object' && 'header' in one;
/** A text of any form: where it ends must be told by what follows or precedes. */
const isFree = (one: Part | undefined): boolean => one === 'id' || isHeader(one);

const flaw = ({ parts, id, time, signature, bodyHash }: TemplateOptions): string | null => {
  const count = (name: Part): number => parts.filter((one) => one === name).length;
  if (count('body') + count('form') !== 1)
    return 'the parts must have the body once: what is not signed proves nothing';
  if (bodyHash !== undefined && count('form') === 0) return 'bodyHash needs the part form';
  if ((id === undefined) !== (count('id') === 0) || count('id') > 1)
    return 'id says where the part id is read: give both or none';
  if ((time === undefined) !== (count('time') === 0) || count('time') > 1)
    return 'time says where the part time is read: give both or none';
  if (time !== undefined && 'pair' in time && signature.pair === undefined)
    return 'a time among pairs needs a signature among pairs';
  const unclear = parts.some(
    (one, at) =>
      isFree(one) &&
      [parts[at - 1], parts[at + 1]].some((beside) => beside !== undefined && !isText(beside)),
  );
  return unclear ? 'an id or header needs a literal text between it and the next part' : null;
};

/** Characters of texts that go into what is signed: as they were on the wire, one byte each. */
const visible = /^[\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?$/;

/** One byte a character, so that no two addresses become one. */
const bytesOnly = /^[\x21-\xff]+$/;

/** Values that could end elsewhere: those that hold the literal beside them. */
const isAmbiguous = (parts: readonly Part[], at: number, value: string): boolean =>
  [parts[at - 1], parts[at + 1]].some((beside) => isText(beside) && value.includes(beside.text));

const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

type Values = Readonly<{
  id: string | null;
  time: string | null;
  method: string;
  url: string;
  body: Buffer;
  form: Buffer;
  headers: Readonly<Record<string, string>>;
}>;

const noBytes = Buffer.alloc(0);

/** The bytes of one part: a message's own buffer, or text of one byte a character. */
const pieceOf = (one: Part, values: Values): Buffer | string => {
  if (one === 'body') return values.body;
  if (one === 'form') return values.form;
  if (isText(one)) return one.text;
  return (isHeader(one) ? values.headers[one.header] : values[one]) ?? '';
};

/** The bytes that are signed. Written at once: a hash that is fed piece by piece takes twice the time. */
const joined = (parts: readonly Part[], values: Values): Buffer => {
  const pieces = parts.map((one) => pieceOf(one, values));
  const message = Buffer.allocUnsafe(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    at += typeof piece === 'string' ? message.write(piece, at, 'latin1') : piece.copy(message, at);
  }
  return message;
};

/** Ids and headers of the parts, or what is wrong with them. */
const textsFlaw = (options: TemplateOptions, headers: Readonly<Record<string, string>>) => {
  for (const [at, one] of options.parts.entries()) {
    if (!isFree(one)) continue;
    const name = isHeader(one) ? one.header : (options.id?.header ?? '');
    const value = headers[name];
    if (value === undefined || value === '') return refused('signature_missing', `no ${name}`);
    if (!visible.test(value)) return refused('signature_invalid', `${name} is malformed`);
    if (isAmbiguous(options.parts, at, value))
      return refused('signature_invalid', `${name} holds the separator`);
  }
  return null;
};

/** Compiles a template, or says what is wrong with it. */
export const compileTemplate = (
  options: TemplateOptions,
): MessageTemplate | Readonly<{ problem: string }> => {
  const problem = flaw(options);
  if (problem !== null) return { problem };
  const { parts, id, time, signature } = options;
  const timePair = time !== undefined && 'pair' in time ? time.pair : null;
  const timeHeader = time !== undefined && 'header' in time ? time.header : null;
  const presentation = { ...signature, timePair };

  const read = (received: Received): ReadMessage => {
    const { headers } = received;
    const presented = headers[signature.header];
    if (presented === undefined || presented.trim() === '')
      return refused('signature_missing', `no ${signature.header}`);
    const wrong = textsFlaw(options, headers);
    if (wrong !== null) return wrong;
    if (!methods.has(received.method)) return refused('signature_invalid', 'unknown method');
    if (parts.includes('url') && !bytesOnly.test(received.url))
      return refused('signature_invalid', 'the address is malformed');
    const form = parts.includes('form') ? formParameters(received, options.bodyHash ?? null) : null;
    if (form !== null && !Buffer.isBuffer(form)) return form;
    const sentAt = timeHeader === null ? null : (headers[timeHeader] ?? '');
    if (sentAt === '') return refused('signature_missing', `no ${String(timeHeader)}`);
    const signedId = id === undefined ? null : (headers[id.header] ?? null);
    const urls = options.urlPorts === true ? urlsWithAndWithoutPort(received.url) : [received.url];
    const groups: SignedGroup[] = [];
    for (const group of readGroups(presented, presentation)) {
      const text = timePair === null ? sentAt : group.time;
      if (time !== undefined && (text === null || parseTime(text, time.unit) === null)) continue;
      const signatures = group.signatures
        .map((one) => decodeSignature(one, signature.encoding))
        .filter((one) => one !== null);
      if (signatures.length === 0) continue;
      const values = { ...received, id: signedId, time: text, form: form ?? noBytes };
      const messages = urls.map((url) => joined(parts, { ...values, url }));
      groups.push({ time: text, signatures, messages });
    }
    return groups.length === 0
      ? refused('signature_invalid', 'no signature or time of the expected form')
      : { kind: 'read', id: signedId, groups };
  };

  const print: MessageTemplate['print'] = (outgoing, sign) => {
    const sentAt = time === undefined ? null : printTime(outgoing.at, time.unit);
    const values = { ...outgoing, time: sentAt, form: noBytes, headers: {} };
    const bytes = sign(joined(parts, values));
    const text = `${signature.prefix ?? ''}${encodeSignature(bytes, signature.encoding)}`;
    const pair = signature.pair === undefined ? text : `${signature.pair}=${text}`;
    return {
      ...(id === undefined ? {} : { [id.header]: outgoing.id }),
      ...(timeHeader === null || sentAt === null ? {} : { [timeHeader]: sentAt }),
      [signature.header]:
        timePair === null || sentAt === null ? pair : `${timePair}=${sentAt},${pair}`,
    };
  };

  const printable = !parts.some((one) => one === 'form' || isHeader(one));
  return {
    headers: [
      signature.header,
      ...(id === undefined ? [] : [id.header]),
      ...(timeHeader === null ? [] : [timeHeader]),
      ...parts.filter(isHeader).map((one) => one.header),
    ],
    read,
    print: printable ? print : null,
  };
};
