/**
 * Moves one chain of a ledger into a store that gateways share. Every record keeps its bytes, so its
 * chain value and its id; what surrounds it (seals, index rows, look-ups) is made anew and checked
 * batch by batch. The target's chain is the only memory of how far this came: who begins again goes
 * on where it stopped. Nothing is written before the source is proven sound.
 */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Random } from '../ids.ts';
import type { KeyRing } from '../sealing.ts';
import { encodeBatch, openBodies, openLines, type Line } from './batch.ts';
import { canonicalText, parseRecord, type ChainedRecord, type SaltedBody } from './canonical.ts';
import { genesis } from './chain.ts';
import { readCheckpoint } from './checkpoints.ts';
import { holdChain } from './copy-hold.ts';
import { evidenceOfStore } from './evidence.ts';
import type { IntentBody, LedgerRecord } from './record.ts';
import type { ChainStart, LedgerBatch, LedgerStore, ScannedBatch } from './store.ts';
import { verifyLedger, type Verified } from './verify.ts';
import type { AboutGateway, WriterStore } from './writer-store.ts';

export type CopyDeps = Readonly<{
  source: LedgerStore;
  target: Readonly<{ ledger: LedgerStore; writers: WriterStore }>;
  keyRing: KeyRing;
  publicKey: KeyObject;
  clock: Clock;
  random: Random;
  about: AboutGateway;
  leaseMs: number;
  /** Asked between batches: true ends the copy, to be gone on with later. */
  stopped(): boolean;
  /** Told what is under way, in words, now and then. */
  progress(text: string): void;
  /** Copies what is not the ledger, while the chain is held and before the copy is recorded. */
  rest(): Promise<void>;
}>;

/** A whole copy. `before` of its `records` were there already; `size` and `digest` are the chain's. */
export type Copied = Readonly<{
  writer: string;
  size: number;
  digest: string;
  records: number;
  before: number;
  checkpoints: number;
}>;

/** What came of it. `nothing-left`: an earlier copy was whole, and the target may have gone on. */
export type CopyResult =
  | (Readonly<{ kind: 'copied' | 'nothing-left' }> & Copied)
  | Readonly<{ kind: 'refused'; reason: string; verified?: Verified }>;

const refused = (reason: string, verified?: Verified): CopyResult => ({
  kind: 'refused',
  reason,
  ...(verified === undefined ? {} : { verified }),
});

/** The source's chain as it stands. */
type Source = Readonly<{
  writer: string;
  first: number;
  previous: Buffer;
  next: number;
  digest: Buffer;
  newestAt: number;
}>;

const progressEvery = 10_000;

const readSource = async (
  { source, random }: CopyDeps,
  chain: ChainStart | undefined,
): Promise<Source> => {
  // A store that never held a record has no chain yet: the copy begins the one it would have had.
  const writer = chain?.writer ?? random(4).toString('hex');
  const previous = chain?.previous ?? genesis(writer);
  const first = chain?.first ?? 1;
  if (chain === undefined)
    return { writer, first, previous, next: first, digest: previous, newestAt: 0 };
  const head = await source.head(writer);
  const digest = head.digest ?? previous;
  return { writer, first, previous, next: head.next, digest, newestAt: head.newestAt ?? 0 };
};

/** Does the batch that ends with record `last` end with this chain value? */
const endsWith = async (
  store: LedgerStore,
  writer: string,
  last: number,
  digest: Buffer,
): Promise<boolean> => {
  const [batch] = await store.scan({ writer, from: last });
  return (
    batch !== undefined && batch.first + batch.count - 1 === last && batch.digest.equals(digest)
  );
};

/** A body that retention removed leaves an intent that is found by its id and trace alone. */
const prunedBody: IntentBody = {
  call: { method: '', path: '', query: '', body: null },
  changes: null,
  before: null,
  expected: null,
  subject: null,
};

const asRecord = (chained: ChainedRecord, body: SaltedBody | null): LedgerRecord =>
  chained.kind === 'intent'
    ? { ...chained, body: body === null ? prunedBody : (JSON.parse(body.text) as IntentBody) }
    : chained;

/** The batch as the target takes it, or null where it would not be the same records. */
const encodedAgain = (
  batch: ScannedBatch,
  previous: Buffer,
  keyRing: KeyRing,
): LedgerBatch | null => {
  const texts = openLines(batch, keyRing);
  const bodies = openBodies(batch, keyRing);
  if (texts === null || bodies === null) return null;
  const lines: Line[] = [];
  for (const [offset, text] of texts.entries()) {
    const chained = parseRecord(text);
    if (chained === null) return null;
    const body = bodies.get(batch.first + offset) ?? null;
    lines.push({ record: asRecord(chained, body), at: chained.at, text, body });
  }
  const { writer, first, count, atFirst, atLast, digest } = batch;
  const made = encodeBatch(lines, { writer, first, previous }, keyRing);
  const same =
    made.count === count &&
    made.atFirst === atFirst &&
    made.atLast === atLast &&
    made.digest.equals(digest);
  return same ? made : null;
};

type Position = { next: number; digest: Buffer };

const append = async (
  { target }: CopyDeps,
  batch: LedgerBatch,
  at: Position,
): Promise<string | null> => {
  // An engine may take the bytes of a batch away; its chain value is needed for the next one.
  const digest = Buffer.from(batch.digest);
  const { kind } = await target.ledger.append(batch, { reserve: false });
  if (kind === 'full') return 'The target has no room left.';
  if (kind === 'closed') return 'A gateway on the target closed the chain while it was copied.';
  at.next += batch.count;
  at.digest = digest;
  return null;
};

/** Copies every batch from `at` on; gives why it ended early, or null. */
const copyBatches = async (
  deps: CopyDeps,
  source: Source,
  at: Position,
  renew: () => Promise<boolean>,
): Promise<string | null> => {
  const { writer, next } = source;
  let told = Math.floor(at.next / progressEvery);
  while (at.next < next) {
    const page = await deps.source.scan({ writer, from: at.next });
    if (page.length === 0) return 'The source ends before its head.';
    for (const batch of page) {
      if (deps.stopped())
        return `Stopped after record ${at.next - 1} of ${next - 1}; the same command goes on from there.`;
      if (!(await renew())) return 'Another gateway closed the chain while it was copied.';
      const made = batch.first === at.next ? encodedAgain(batch, at.digest, deps.keyRing) : null;
      if (made === null) return `The batch of record ${batch.first} does not give the same chain.`;
      const failed = await append(deps, made, at);
      if (failed !== null) return failed;
    }
    if (Math.floor(at.next / progressEvery) === told) continue;
    told = Math.floor(at.next / progressEvery);
    deps.progress(`copied ${at.next - 1} of ${next - 1} records`);
  }
  return null;
};

const copyCheckpoints = async (
  { source, target }: CopyDeps,
  { writer, first }: Source,
): Promise<number> => {
  let copied = 0;
  for (let from = first - 1; ;) {
    const page = await source.checkpoints({ writer, from, to: Number.MAX_SAFE_INTEGER });
    for (const { size, note } of page) {
      const at = readCheckpoint(note, null)?.at ?? 0;
      await target.ledger.addCheckpoint({ writer, size, at, note });
    }
    copied += page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < 1_000) return copied;
    from = last.size + 1;
  }
};

/** Puts the copy itself on record, as the first thing that only the target knows. */
const recordCopy = async (
  deps: CopyDeps,
  { writer, first, digest, newestAt }: Source,
  at: Position,
): Promise<string | null> => {
  const record: LedgerRecord = {
    kind: 'act',
    at: Math.max(deps.clock.now(), newestAt),
    actor: 'local',
    act: 'store.copied',
    details: { first, size: at.next - 1, digest: digest.toString('base64') },
  };
  const line = { record, at: record.at, text: canonicalText(record, record.at, null), body: null };
  const from = { writer, first: at.next, previous: at.digest };
  return append(deps, encodeBatch([line], from, deps.keyRing), at);
};

const verify = (deps: CopyDeps, store: LedgerStore): Promise<Verified> =>
  verifyLedger(evidenceOfStore({ store, keyRing: deps.keyRing, writers: null }), {
    publicKey: deps.publicKey,
    now: deps.clock.now(),
  });

/** Where the copy begins: the target's end, if that is a prefix of the source. */
const prefixEnd = async (
  deps: CopyDeps,
  source: Source,
  have: Position,
): Promise<Position | string> => {
  const { writer, first, previous, next } = source;
  if (have.next === first) return { next: first, digest: previous };
  const size = have.next - 1;
  if (have.next <= next && (await endsWith(deps.source, writer, size, have.digest)))
    return { ...have };
  return `The target holds ${size} records of this chain that are not those of the source.`;
};

const copyHeld = async (
  deps: CopyDeps,
  source: Source,
  have: Position,
  renew: () => Promise<boolean>,
): Promise<CopyResult> => {
  const begin = await prefixEnd(deps, source, have);
  if (typeof begin === 'string') return refused(begin);
  const at: Position = { ...begin };
  const stopped = await copyBatches(deps, source, at, renew);
  if (stopped !== null) return refused(stopped);
  const checkpoints = await copyCheckpoints(deps, source);
  deps.progress('verifying the copy');
  const verified = await verify(deps, deps.target.ledger);
  if (!verified.ok || at.next !== source.next || !at.digest.equals(source.digest))
    return refused('The copy is not sound; start no gateway on the target.', verified);
  await deps.rest();
  if (!(await renew())) return refused('Another gateway closed the chain before the end.');
  const { writer, first, digest } = source;
  const size = at.next - 1;
  const failed = await recordCopy(deps, source, at);
  if (failed !== null) return refused(failed);
  return {
    kind: 'copied',
    writer,
    size,
    digest: digest.toString('base64'),
    records: size - first + 1,
    before: begin.next - first,
    checkpoints,
  };
};

/** What stands in the way on the target, or that all is there, or null. */
const judgeTarget = async (deps: CopyDeps, source: Source): Promise<CopyResult | null> => {
  const heads = await deps.target.writers.heads();
  const mine = heads.find(({ writer }) => writer === source.writer);
  if (heads.some(({ writer }) => writer !== source.writer))
    return refused(
      'The target holds other chains; a copy needs an empty store (another schema, say).',
    );
  const { writer, first, next, digest } = source;
  if (mine !== undefined && mine.size >= next && next > first) {
    if (!(await endsWith(deps.target.ledger, writer, next - 1, digest)))
      return refused('The target holds another continuation of this chain.');
    const records = next - first;
    const whole = { writer, size: next - 1, digest: digest.toString('base64'), records };
    return { kind: 'nothing-left', ...whole, before: records, checkpoints: 0 };
  }
  return mine?.closed === true
    ? refused('A gateway on the target closed this chain; begin again with an empty store.')
    : null;
};

/** Copies the ledger. What a store rejects with rejects here; going on later is always possible. */
export const copyLedger = async (deps: CopyDeps): Promise<CopyResult> => {
  const chains = await deps.source.chains();
  if (chains.length > 1) return refused('The source holds several chains; only one can be copied.');
  deps.progress('verifying the source');
  const verified = await verify(deps, deps.source);
  if (!verified.ok) return refused('The source cannot be verified; nothing was copied.', verified);
  const source = await readSource(deps, chains[0]);
  const standing = await judgeTarget(deps, source);
  if (standing !== null) return standing;
  const { first, previous, newestAt } = source;
  const start = { first, previous, at: newestAt };
  const held = await holdChain(deps, source.writer, first === 1 ? undefined : start);
  if ('refused' in held) return refused(held.refused);
  try {
    const have = { next: held.head.next, digest: held.head.digest ?? previous };
    return await copyHeld(deps, source, have, held.renew);
  } finally {
    await held.release();
  }
};
