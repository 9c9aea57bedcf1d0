/**
 * `sallyport ledger verify`: of a store (through the gateway, or the files themselves), or offline of
 * an export, with nothing but the export, a public key and checkpoints that were held elsewhere.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { evidenceOfExport } from '../ledger/evidence-of-export.ts';
import { verifyLedger, type Verified } from '../ledger/verify.ts';

/** What a person may give. */
export type VerifyOptions = Readonly<{
  file: string;
  sinceCheckpoint: string | null;
  publicKey: string | null;
}>;

const readKey = async (path: string | null): Promise<KeyObject | null> =>
  path === null ? null : createPublicKey(await readFile(path));

/** Verifies an export file. */
export const verifyFile = async (options: VerifyOptions, now: number): Promise<Verified> => {
  const publicKey = await readKey(options.publicKey);
  const since =
    options.sinceCheckpoint === null ? null : await readFile(options.sinceCheckpoint, 'utf8');
  const lines = createInterface({ input: createReadStream(options.file), crlfDelay: Infinity });
  return verifyLedger(evidenceOfExport(lines), {
    now,
    ...(publicKey === null ? {} : { publicKey }),
    ...(since === null ? {} : { sinceCheckpoint: since }),
  });
};

/** A verdict in words, one line a problem. */
export const printVerified = (verified: Verified): string => {
  const { ok, records, entries, checkpoints, unchecked, problems, problemCount } = verified;
  const head = ok ? 'verified' : `NOT verified: ${problemCount} problems`;
  const counts = `${records} records, ${entries} entries, ${checkpoints} checkpoints compared${
    unchecked === 0 ? '' : `, ${unchecked} out of reach`
  }`;
  const lines = problems.map((problem) => `${problem.code} at ${problem.at}: ${problem.message}`);
  return [`${head}: ${counts}`, ...lines].join('\n');
};
