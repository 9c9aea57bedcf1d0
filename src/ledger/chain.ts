/**
 * The hash chain: h(n) = SHA-256(h(n-1) ‖ record n). It starts from a value that names its writer,
 * so that one chain cannot stand in for another. Alone it shows edits; with signed checkpoints held
 * elsewhere it also shows a cut tail and a rewritten whole.
 */
import { hash } from 'node:crypto';

/** Bytes of a chain value. */
export const linkBytes = 32;

/** The value before a writer's first record. */
export const genesis = (writer: string): Buffer =>
  hash('sha256', `sallyport ledger 1\n${writer}\n`, 'buffer');

let scratch = Buffer.allocUnsafe(16_384);

/** The value after `text` (canonical, UTF-8). */
export const link = (previous: Buffer, text: string): Buffer => {
  const most = linkBytes + text.length * 3;
  if (scratch.length < most) scratch = Buffer.allocUnsafe(most * 2);
  previous.copy(scratch, 0, 0, linkBytes);
  const written = scratch.write(text, linkBytes, 'utf8');
  return hash('sha256', scratch.subarray(0, linkBytes + written), 'buffer');
};
