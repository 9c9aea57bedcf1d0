/**
 * The store of a snapshot: its place with whoever logs in there, the secrets that open it, and what
 * is kept how long.
 */
import { resolve as absolute } from 'node:path';
import type { SecretReference } from '../scalars.ts';
import type { SharedLimitsAt, StoreAt, StoreSettings } from '../snapshot.ts';
import type { ProblemAt } from './compile-routes.ts';
import type { Path } from './problem.ts';
import type { StoreFileSettings } from './schema.ts';
import { decodeEncryptionKey, isCheckpointKey, type Secrets } from './secrets.ts';

/** The secrets that the store needs. */
export const storeReferences = (settings: StoreFileSettings): readonly SecretReference[] =>
  [
    ...settings.encryptionKeys,
    settings.checkpoints.key,
    settings.url.engine === 'postgres' ? settings.password : undefined,
    settings.sharedLimits?.password,
  ].filter((reference) => reference !== undefined);

type Context = Readonly<{
  directory: string;
  /** Null: secrets were not asked for. */
  secrets: Secrets | null;
  tell: ProblemAt;
}>;

/** A password that may be left out, or null; told where it does not resolve. */
const passwordOf = (
  reference: SecretReference | undefined,
  path: Path,
  { secrets, tell }: Context,
): string | null => {
  if (reference === undefined || secrets === null) return null;
  const secret = secrets.text(reference);
  if ('text' in secret) return secret.text;
  tell(path, secret.failed);
  return null;
};

const placeOf = (settings: StoreFileSettings, context: Context): StoreAt => {
  const { url } = settings;
  if (url.engine === 'sqlite')
    return { engine: 'sqlite', path: absolute(context.directory, url.path) };
  return {
    ...url,
    user: settings.user ?? '',
    password: passwordOf(settings.password, ['store', 'password'], context),
    caPath: url.caPath === null ? null : absolute(context.directory, url.caPath),
  };
};

const limitsOf = (
  settings: StoreFileSettings['sharedLimits'],
  context: Context,
): SharedLimitsAt | null =>
  settings === undefined
    ? null
    : {
        ...settings.url,
        user: settings.user ?? null,
        password: passwordOf(settings.password, ['store', 'sharedLimits', 'password'], context),
      };

const keysOf = (
  references: readonly SecretReference[],
  { secrets, tell }: Context,
): readonly Buffer[] => {
  if (secrets === null) return [];
  const keys: Buffer[] = [];
  for (const [index, reference] of references.entries()) {
    const secret = secrets.text(reference);
    const raw = 'text' in secret ? decodeEncryptionKey(secret.text) : null;
    const failed = 'failed' in secret ? secret.failed : 'the secret is not 32 bytes in base64';
    if (raw !== null) keys.push(raw);
    else tell(['store', 'encryptionKeys', index], failed);
  }
  return keys;
};

const checkpointKeyOf = (reference: SecretReference, { secrets, tell }: Context): string => {
  if (secrets === null) return '';
  const secret = secrets.text(reference);
  if ('text' in secret && isCheckpointKey(secret.text)) return secret.text;
  const wrong = 'the secret is not an Ed25519 private key in PKCS#8 PEM';
  tell(['store', 'checkpoints', 'key'], 'failed' in secret ? secret.failed : wrong);
  return '';
};

/** Compiles the store; what does not resolve is told at its place and left empty. */
export const compileStore = (settings: StoreFileSettings, context: Context): StoreSettings => {
  const { checkpoints, retention } = settings;
  return Object.freeze({
    at: placeOf(settings, context),
    leaseMs: settings.lease,
    sharedLimits: limitsOf(settings.sharedLimits, context),
    encryptionKeys: keysOf(settings.encryptionKeys, context),
    checkpoints: {
      keyPem: checkpointKeyOf(checkpoints.key, context),
      everyMs: checkpoints.every,
      to: checkpoints.to.map((to) =>
        to === 'log'
          ? ({ kind: 'log' } as const)
          : ({
              kind: 'file',
              path: absolute(context.directory, to.slice('file:'.length)),
            } as const),
      ),
    },
    retention: {
      ledgerMs: retention.ledger,
      bodiesMs: retention.bodies,
      deliveriesMs: retention.deliveries,
    },
  });
};
