/**
 * Keys of HTTP message signatures and the algorithms of RFC 9421 §3.3, as a table. A key has its
 * algorithm by what it is; the `alg` of a message may only agree.
 */
import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  sign,
  timingSafeEqual,
  verify,
  type KeyObject,
} from 'node:crypto';
import { isKeyText, readPublicKeys } from './public-keys.ts';

/** Names of RFC 9421 §6.2.2. */
export const messageAlgorithms = [
  'hmac-sha256',
  'ed25519',
  'ecdsa-p256-sha256',
  'rsa-pss-sha512',
  'rsa-v1_5-sha256',
] as const;
export type MessageAlgorithm = (typeof messageAlgorithms)[number];

/** A key with what it can do. `sign` is null where only its public half is there. */
export type MessageKey = Readonly<{
  algorithms: readonly MessageAlgorithm[];
  verify(algorithm: MessageAlgorithm, base: Buffer, signature: Buffer): boolean;
  sign: ((base: Buffer) => Buffer) | null;
}>;

type Asymmetric = Readonly<{ hash: string | null; more: Readonly<Record<string, unknown>> }>;
const asymmetric: Readonly<Record<Exclude<MessageAlgorithm, 'hmac-sha256'>, Asymmetric>> = {
  ed25519: { hash: null, more: {} },
  'ecdsa-p256-sha256': { hash: 'sha256', more: { dsaEncoding: 'ieee-p1363' } },
  'rsa-pss-sha512': {
    hash: 'sha512',
    more: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 },
  },
  'rsa-v1_5-sha256': { hash: 'sha256', more: { padding: constants.RSA_PKCS1_PADDING } },
};

/** Which a key is for, by one of its JWS algorithms. */
const byJws: readonly (readonly [string, readonly MessageAlgorithm[]])[] = [
  ['Ed25519', ['ed25519']],
  ['ES256', ['ecdsa-p256-sha256']],
  ['PS512', ['rsa-pss-sha512', 'rsa-v1_5-sha256']],
];

const secretBytesMin = 16;

const readPrivate = (text: string): KeyObject | null => {
  try {
    return createPrivateKey(text);
  } catch {
    return null;
  }
};

const ofPair = (publicKey: KeyObject, privateKey: KeyObject | null, jws: readonly string[]) => {
  const algorithms = byJws.flatMap(([name, for9421]) => (jws.includes(name) ? for9421 : []));
  const [first] = algorithms;
  if (first === undefined) return null;
  const key: MessageKey = {
    algorithms,
    verify: (algorithm, base, signature) => {
      if (algorithm === 'hmac-sha256' || !algorithms.includes(algorithm)) return false;
      const { hash, more } = asymmetric[algorithm];
      try {
        return verify(hash, base, { key: publicKey, ...more }, signature);
      } catch {
        return false;
      }
    },
    sign:
      privateKey === null || first === 'hmac-sha256'
        ? null
        : (base) => {
            const { hash, more } = asymmetric[first];
            return sign(hash, base, { key: privateKey, ...more });
          },
  };
  return key;
};

/** Reads a key: PEM or JWK, else a secret in its encoding; or says what is wrong, without quoting it. */
export const readMessageKey = (
  id: string,
  text: string,
  encoding: 'utf8' | 'base64',
): MessageKey | Readonly<{ problem: string }> => {
  if (isKeyText(text)) {
    const privateKey = readPrivate(text);
    const pem =
      privateKey === null
        ? text
        : createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
    const [found] = readPublicKeys(id, pem);
    const key = found === undefined ? null : ofPair(found.key, privateKey, found.algorithms);
    return key ?? { problem: `${id} is no key of a kind that signs messages` };
  }
  if (encoding === 'base64' && !/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) {
    return { problem: `${id} is not base64` };
  }
  const secret = Buffer.from(text, encoding);
  if (secret.length < secretBytesMin) {
    return { problem: `${id} is shorter than ${secretBytesMin} bytes` };
  }
  const secretKey = createSecretKey(secret);
  const mac = (base: Buffer): Buffer => createHmac('sha256', secretKey).update(base).digest();
  return {
    algorithms: ['hmac-sha256'],
    verify: (algorithm, base, signature) => {
      const made = mac(base);
      return (
        algorithm === 'hmac-sha256' &&
        made.length === signature.length &&
        timingSafeEqual(made, signature)
      );
    },
    sign: mac,
  };
};
