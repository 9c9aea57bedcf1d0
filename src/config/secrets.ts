/**
 * Secrets of the route file, read where their references say. Promises that a value leaves only
 * through `text`, and that a failure never quotes one.
 */
import { createPrivateKey } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import type { SecretReference } from '../scalars.ts';

/** Longest secret, characters. */
const secretLengthMax = 65_536;

/** A value, or why there is none in words fit for `check`. */
export type SecretText = Readonly<{ text: string }> | Readonly<{ failed: string }>;

/** What was read. */
export type Secrets = Readonly<{
  text(reference: SecretReference): SecretText;
  /** Paths of the files that were read, for the watcher. */
  files: readonly string[];
}>;

const keyOf = (reference: SecretReference): string =>
  reference.from === 'env' ? `env:${reference.name}` : `file:${reference.path}`;

const reasonOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[A-Z_]{2,30}$/.test(code) ? code : 'not readable as text';
};

const checked = (text: string): SecretText =>
  text === ''
    ? { failed: 'the secret is empty' }
    : text.length > secretLengthMax
      ? { failed: 'the secret is longer than 64 KiB' }
      : { text };

/**
 * Reads every reference once. Relative files lie beside the route file; one trailing newline of a
 * file is dropped. Never rejects: a secret that cannot be read is a failed one.
 */
export const readSecrets = async (
  references: Iterable<SecretReference>,
  from: Readonly<{
    directory: string;
    env: Readonly<Record<string, string | undefined>>;
    readFile(path: string): Promise<string>;
  }>,
): Promise<Secrets> => {
  const known = new Map<string, SecretText>();
  const files: string[] = [];
  for (const reference of references) {
    const key = keyOf(reference);
    if (known.has(key)) continue;
    if (reference.from === 'env') {
      const value = Object.hasOwn(from.env, reference.name) ? from.env[reference.name] : undefined;
      const failed = `the environment variable ${reference.name} is not set`;
      known.set(key, value === undefined ? { failed } : checked(value));
      continue;
    }
    const path = isAbsolute(reference.path) ? reference.path : join(from.directory, reference.path);
    files.push(path);
    try {
      known.set(key, checked((await from.readFile(path)).replace(/\r?\n$/, '')));
    } catch (error) {
      known.set(key, { failed: `the file of this secret cannot be read (${reasonOf(error)})` });
    }
  }
  return Object.freeze({
    files,
    text: (reference: SecretReference): SecretText =>
      known.get(keyOf(reference)) ?? { failed: 'the secret was not read' },
  });
};

/** 32 bytes from base64, or null. */
export const decodeEncryptionKey = (text: string): Buffer | null => {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) return null;
  const raw = Buffer.from(text, 'base64');
  return raw.length === 32 ? raw : null;
};

/** Is this the PKCS#8 PEM of an Ed25519 private key? */
export const isCheckpointKey = (pem: string): boolean => {
  if (!pem.includes('-----BEGIN PRIVATE KEY-----')) return false;
  try {
    return createPrivateKey({ key: pem, format: 'pem' }).asymmetricKeyType === 'ed25519';
  } catch {
    return false;
  }
};
