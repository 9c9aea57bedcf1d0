/**
 * HTTP message signatures (RFC 9421). A signature proves only what it covers, so method, authority,
 * path and query must be covered, and the body by a digest that is made again from the bytes. Of
 * several signatures one suffices; `keyid` chooses the key where the route has one of that id.
 */
import { parseDictionary, serializeDictionary, type InnerList } from 'structured-headers';
import { z } from 'zod';
import { keysValidAt } from '../key-list.ts';
import {
  messageAlgorithms,
  readMessageKey,
  type MessageAlgorithm,
  type MessageKey,
} from '../message-key.ts';
import type { KeyMaterial, Received, Unverified } from '../receiver.ts';
import type { CompiledScheme, Proof, Scheme, SchemeContext } from '../scheme.ts';
import {
  componentNames,
  contentDigest,
  covers,
  digestFits,
  signatureBase,
} from '../signature-base.ts';

const component = z
  .string()
  .regex(
    /^(?:@(?:method|target-uri|authority|scheme|request-target|path|query)|[a-z0-9-]{1,128})$/,
    {
      error: 'write a component as RFC 9421 names it',
    },
  );
const options = z.strictObject({
  /** What a signature must cover; `content-digest` besides wherever there is a body. */
  required: z.array(component).max(32).default(['@method', '@authority', '@path', '@query']),
  /** Whether a body may come without being covered. */
  body: z.enum(['covered', 'free']).default('covered'),
  algorithms: z
    .array(z.enum(messageAlgorithms))
    .min(1)
    .default([...messageAlgorithms]),
  /** How a secret is written; PEM and JWK say it themselves. */
  encoding: z.enum(['utf8', 'base64']).default('utf8'),
  /** `tag` that a signature must have (§2.3). */
  tag: z.string().min(1).max(128).optional(),
  /** `keyid` that is written into signatures of our own. */
  keyid: z
    .string()
    .regex(/^[\x20-\x7e]{1,128}$/)
    .optional(),
});
type Options = z.output<typeof options>;

const labelsMax = 16;
const headerLengthMax = 16_384;

type Key = Pick<KeyMaterial, 'id' | 'notBefore' | 'until'> & Readonly<{ key: MessageKey }>;
type Candidate = Readonly<{ list: InnerList; signature: Buffer }>;

const refuse = (code: Extract<Unverified, { kind: 'refused' }>['code'], reason: string) =>
  ({ kind: 'refused', code, reason }) as const;

/** Signatures by label, those only that have an input and bytes; null where the headers are none. */
const readCandidates = (input: string, presented: string): readonly Candidate[] | null => {
  if (input.length > headerLengthMax || presented.length > headerLengthMax) return null;
  try {
    const signatures = parseDictionary(presented);
    return [...parseDictionary(input)].slice(0, labelsMax).flatMap(([label, member]) => {
      const bytes = signatures.get(label)?.[0];
      return Array.isArray(member[0]) && bytes instanceof ArrayBuffer
        ? [{ list: member as InnerList, signature: Buffer.from(bytes) }]
        : [];
    });
  } catch {
    return null;
  }
};

/** A parameter that is a time in seconds; undefined where it is not there, null where it is no such. */
const secondsOf = ([, parameters]: InnerList, name: string): number | null | undefined => {
  const value = parameters.get(name);
  if (value === undefined) return undefined;
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
};
const textOf = ([, parameters]: InnerList, name: string): string | null => {
  const value = parameters.get(name);
  return typeof value === 'string' && value !== '' ? value : null;
};

type Judged = Readonly<{ names: readonly string[]; created: number | undefined }>;

/** What is wrong with a signature before its bytes are looked at. */
const judge = (
  { list }: Candidate,
  given: Options,
  received: Received,
  at: Readonly<{ now: number; leewayMs: number }>,
): Judged | Extract<Unverified, { kind: 'refused' }> => {
  const names = componentNames(list);
  if (names === null) return refuse('signature_invalid', 'components that are not understood');
  const needed =
    given.body === 'covered' && received.body.length > 0
      ? [...given.required, 'content-digest']
      : given.required;
  if (!needed.every((name) => covers(names, name))) {
    return refuse('signature_invalid', 'not all is covered that must be');
  }
  if (given.tag !== undefined && textOf(list, 'tag') !== given.tag) {
    return refuse('signature_invalid', 'another tag');
  }
  const [created, expires] = [secondsOf(list, 'created'), secondsOf(list, 'expires')];
  if (created === null || expires === null)
    return refuse('signature_invalid', 'times that are none');
  if (created !== undefined && created * 1_000 > at.now + at.leewayMs) {
    return refuse('timestamp_stale', 'created in the future');
  }
  if (expires !== undefined && expires * 1_000 <= at.now)
    return refuse('timestamp_stale', 'expired');
  // What is covered by a digest that is wrong is not covered at all.
  if (
    names.includes('content-digest') &&
    !digestFits(received.headers['content-digest'], received.body)
  ) {
    return refuse('signature_invalid', 'the digest is not that of the body');
  }
  return { names, created };
};

/** Keys for a `keyid`: the one of that id, else all; and by `alg`, which may only agree. */
const keysOf = (keys: readonly Key[], list: InnerList): readonly Key[] => {
  const keyid = textOf(list, 'keyid');
  const named = keys.filter(({ id }) => id === keyid);
  return named.length > 0 ? named : keys;
};
const algorithmsFor = ({ algorithms }: Options, key: MessageKey, list: InnerList) => {
  const alg = list[1].get('alg');
  return key.algorithms
    .filter((one) => algorithms.includes(one))
    .filter((one): one is MessageAlgorithm => alg === undefined || alg === one);
};

const matching = (
  given: Options,
  keys: readonly Key[],
  { list, signature }: Candidate,
  base: Buffer,
): Key | undefined =>
  keysOf(keys, list).find(({ key }) =>
    algorithmsFor(given, key, list).some((algorithm) => key.verify(algorithm, base, signature)),
  );

const makeCheck =
  (given: Options, keys: readonly Key[], leewayMs: number): CompiledScheme['check'] =>
  (received, now): Proof | Unverified => {
    const { 'signature-input': input, signature: presented } = received.headers;
    if (input === undefined || presented === undefined) {
      return refuse('signature_missing', 'no signature');
    }
    const candidates = readCandidates(input, presented);
    if (candidates === null) return refuse('signature_invalid', 'the headers cannot be read');
    const valid = keysValidAt(keys, now);
    let worst: Unverified = refuse('signature_invalid', 'no signature fits');
    for (const candidate of candidates) {
      const judged = judge(candidate, given, received, { now, leewayMs });
      if ('kind' in judged) {
        worst = judged;
        continue;
      }
      const base = signatureBase(received, judged.names, candidate.list);
      if (base === null) continue;
      // Header values are bytes to HTTP; latin1 gives them back as they came.
      const match = matching(given, valid, candidate, Buffer.from(base, 'latin1'));
      if (match === undefined) continue;
      return {
        kind: 'proven',
        keyId: match.id,
        signature: candidate.signature,
        signedId: textOf(candidate.list, 'nonce'),
        signedTime: judged.created === undefined ? null : String(judged.created),
        contents: null,
      };
    }
    return worst;
  };

const makeSign = (key: MessageKey, keyid: string | undefined): CompiledScheme['sign'] => {
  const { sign } = key;
  if (sign === null) return null;
  return ({ id, at, body, url, method }) => {
    const headers = { 'content-digest': contentDigest(body) };
    const names = ['@method', '@authority', '@path', '@query', 'content-digest'];
    const list: InnerList = [
      names.map((name) => [name, new Map()]),
      new Map<string, number | string>([
        ['created', Math.floor(at / 1_000)],
        ['nonce', id],
        ...(keyid === undefined ? [] : ([['keyid', keyid]] as const)),
      ]),
    ];
    const base = signatureBase({ method, url, headers }, names, list);
    if (base === null) return {};
    const bytes = sign(Buffer.from(base, 'latin1'));
    return {
      ...headers,
      'signature-input': serializeDictionary(new Map([['sig1', list]])),
      signature: `sig1=:${bytes.toString('base64')}:`,
    };
  };
};

const compile = (
  given: Options,
  { keys, toleranceMs }: SchemeContext,
): CompiledScheme | Readonly<{ problem: string }> => {
  const read: Key[] = [];
  for (const { id, text, notBefore, until } of keys) {
    const key = readMessageKey(id, text, given.encoding);
    if ('problem' in key) return key;
    if (!key.algorithms.some((one) => given.algorithms.includes(one))) {
      return { problem: `${id} is for none of the algorithms` };
    }
    read.push({ id, notBefore, until, key });
  }
  const [first] = read;
  return {
    check: makeCheck(given, read, toleranceMs),
    secretHeaders: [],
    readHeaders: ({ headers }) => {
      const candidates = readCandidates(
        headers['signature-input'] ?? '',
        headers['signature'] ?? '',
      );
      const covered = (candidates ?? []).flatMap(({ list }) => componentNames(list) ?? []);
      const fields = covered.filter(
        (name) => !name.startsWith('@') && name !== 'authorization' && name !== 'cookie',
      );
      return ['signature-input', 'signature', 'content-digest', ...fields];
    },
    withoutSecret: null,
    sign: first === undefined ? null : makeSign(first.key, given.keyid),
  };
};

/** Options: components that must be covered, algorithms, and how secrets are written. */
export const httpSignature: Scheme = {
  name: 'http-signature',
  title: 'HTTP message signatures (RFC 9421), the body by Content-Digest',
  keys: 'route',
  options,
  compile: (given, context) => compile(given as Options, context),
};
