/**
 * `sallyport init`: a commented route file and the two keys of the store. Overwrites nothing; keys
 * are readable by their owner only and are never printed.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { printJsonSchema } from '../config/json-schema.ts';

/** What became of each file, in the order written. */
export type InitResult = readonly Readonly<{ path: string; written: boolean }>[];

const writeNew = async (path: string, text: string, mode: number): Promise<boolean> => {
  await mkdir(dirname(path), { recursive: true });
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
  let file;
  try {
    file = await open(path, flags, mode);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EEXIST') return false;
    throw error;
  }
  try {
    await file.writeFile(text, 'utf8');
    await file.sync();
  } finally {
    await file.close();
  }
  return true;
};

/** The commented example that ships with the package; the same two folders up from src and dist. */
const template = new URL('../../config/gateway.yaml', import.meta.url);

/**
 * Writes `gateway.yaml` with the `gateway.schema.json` its first line names, `data/store.key` (32 random bytes, base64) and `data/checkpoint.key`
 * (Ed25519, PKCS#8 PEM) below `directory`. A file that exists stays as it is. Rejects with the
 * system's error where the folder cannot be written.
 */
export const initFiles = async (directory: string): Promise<InitResult> => {
  const out: { path: string; written: boolean }[] = [];
  const put = async (name: string, mode: number, make: () => string): Promise<void> => {
    const path = join(directory, name);
    out.push({ path, written: await writeNew(path, make(), mode) });
  };
  const routeFile = await readFile(template, 'utf8');
  await put('gateway.yaml', 0o644, () => routeFile);
  await put('gateway.schema.json', 0o644, printJsonSchema);
  await put('data/store.key', 0o600, () => `${randomBytes(32).toString('base64')}\n`);
  await put('data/checkpoint.key', 0o600, () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  return out;
};
