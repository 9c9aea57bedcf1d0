/**
 * Evidence: what a verifier looks at and what an export is printed from, in order of the chain. It
 * comes from a store (sealed, with index rows and bodies) or from an export file (plain lines).
 */
import { ledgerId, parseLedgerId } from '../ids.ts';
import type { KeyRing } from '../sealing.ts';
import { openBodies, openLines } from './batch.ts';
import { parseRecord, type SaltedBody } from './canonical.ts';
import { everyChain } from './chain-pages.ts';
import { genesis, link } from './chain.ts';
import type { ChainStart, LedgerStore, OutcomeIndex, ScannedBatch } from './store.ts';
import type { WriterStore } from './writer-store.ts';

/** A run of records; `lines` null where they cannot be read (a byte changed, or no key opens them). */
export type RecordRun = Readonly<{
  kind: 'records';
  writer: string;
  first: number;
  count: number;
  lines: readonly string[] | null;
  /** Chain value that the source claims after the last of them. */
  digest: Buffer;
  /** Present where the source has them; bodies null where they cannot be read. */
  index?: Pick<ScannedBatch, 'entries' | 'outcomes'>;
  bodies?: ReadonlyMap<number, SaltedBody> | null;
}>;

export type Evidence =
  | RecordRun
  /** Begins a chain: `previous` is the chain value before record `first`. */
  | Readonly<{ kind: 'chain'; writer: string; first: number; previous: Buffer }>
  /** Comes before the run in which its size lies. */
  | Readonly<{ kind: 'checkpoint'; note: string }>
  /** A signed note over several chains; all of them come before the first chain, in order. */
  | Readonly<{ kind: 'joint'; note: string }>
  /** Ends a chain; `complete` says that nothing was left out behind it. */
  | Readonly<{ kind: 'end'; writer: string; size: number; complete: boolean }>
  | Readonly<{ kind: 'unreadable'; at: string; message: string }>;

/** Where evidence comes from; `writers` null where one process owns the store. */
export type EvidenceSource = Readonly<{
  store: LedgerStore;
  keyRing: KeyRing;
  writers: Pick<WriterStore, 'joints' | 'heads'> | null;
}>;

/**
 * How far each chain is looked at: where it stood when the looking began, since gateways go on writing
 * meanwhile and settle each other's entries. Null: as far as it goes.
 */
type Bounds = ReadonlyMap<string, number> | null;

const isWithin = (bounds: Bounds, { writer, sequence }: OutcomeIndex): boolean =>
  bounds === null || sequence <= (bounds.get(writer) ?? 0);

/** The batch as it was when the looking began: without what was settled since. */
const asOf = (bounds: Bounds, batch: ScannedBatch): ScannedBatch => {
  if (bounds === null) return batch;
  const outcomes = batch.outcomes.filter((row) => isWithin(bounds, row));
  if (outcomes.length === batch.outcomes.length) return batch;
  const since = new Set(
    batch.outcomes
      .filter((row) => !isWithin(bounds, row) && row.outcome !== 'in-doubt')
      .map(({ entry }) => entry),
  );
  const settledBefore = new Set(
    outcomes.filter(({ outcome }) => outcome !== 'in-doubt').map(({ entry }) => entry),
  );
  const entries = batch.entries.map((entry) => {
    const id = ledgerId(batch.writer, entry.sequence);
    return since.has(id) && !settledBefore.has(id) ? { ...entry, open: true } : entry;
  });
  return { ...batch, outcomes, entries };
};

/** A span of time, ms; `since` is inclusive, `until` exclusive. */
export type Span = Readonly<{ since?: number; until?: number }>;

type Trimmed = Readonly<{ run: RecordRun; previous: Buffer; cut: boolean }>;

/** The part of a batch that lies in the span, with the chain value before it. */
const trim = (batch: ScannedBatch, previous: Buffer, span: Span, keyRing: KeyRing): Trimmed => {
  const lines = openLines(batch, keyRing);
  const { writer, first, count, digest, entries, outcomes } = batch;
  const whole: RecordRun = {
    kind: 'records',
    writer,
    first,
    count,
    lines,
    digest,
    index: { entries, outcomes },
    bodies: openBodies(batch, keyRing),
  };
  const since = span.since ?? -Infinity;
  const until = span.until ?? Infinity;
  if (lines === null || (batch.atFirst >= since && batch.atLast < until)) {
    return { run: whole, previous, cut: false };
  }
  const times = lines.map((line) => parseRecord(line)?.at ?? batch.atFirst);
  const skipped = times.filter((at) => at < since).length;
  const kept = lines.slice(skipped, lines.length - times.filter((at) => at >= until).length);
  const before = lines.slice(0, skipped).reduce(link, previous);
  const inside = (sequence: number) =>
    sequence >= first + skipped && sequence < first + skipped + kept.length;
  const run: RecordRun = {
    ...whole,
    first: first + skipped,
    count: kept.length,
    lines: kept,
    digest: kept.reduce(link, before),
    index: {
      entries: entries.filter(({ sequence }) => inside(sequence)),
      outcomes: outcomes.filter(({ entry }) => inside(parseLedgerId(entry)?.sequence ?? 0)),
    },
  };
  return { run, previous: before, cut: skipped + kept.length < lines.length };
};

/** The chain value before the batch that holds `since`, and that batch's first record. */
const startAt = async (
  store: LedgerStore,
  chain: Readonly<{ writer: string; first: number; previous: Buffer }>,
  since: number,
): Promise<Readonly<{ first: number; previous: Buffer }>> => {
  const { writer } = chain;
  const [batch] = await store.scan({ writer, from: chain.first, since });
  if (batch === undefined || batch.first === chain.first) return chain;
  const [before] = await store.scan({ writer, from: batch.first - 1 });
  return before === undefined ? chain : { first: batch.first, previous: before.digest };
};

async function* notesOf(
  store: LedgerStore,
  range: Readonly<{ writer: string; from: number; to: number }>,
): AsyncGenerator<Evidence> {
  for (let from = range.from; ;) {
    const page = await store.checkpoints({ ...range, from });
    for (const { note } of page) yield { kind: 'checkpoint', note };
    const last = page.at(-1);
    if (last === undefined || page.length < 1_000) return;
    from = last.size + 1;
  }
}

type Walk = { from: number; previous: Buffer; size: number; begun: boolean; cut: boolean };

async function* walkBatch(
  store: LedgerStore,
  keyRing: KeyRing,
  span: Span,
  batch: ScannedBatch,
  walk: Walk,
): AsyncGenerator<Evidence> {
  const { run, previous, cut } = trim(batch, walk.previous, span, keyRing);
  walk.from = batch.first + Math.max(1, batch.count);
  walk.previous = batch.digest;
  walk.cut = cut;
  if (run.count === 0) return;
  const { writer, first, count } = run;
  if (!walk.begun) yield { kind: 'chain', writer, first, previous };
  const from = walk.begun ? first : first - 1;
  walk.begun = true;
  walk.size = first + count - 1;
  yield* notesOf(store, { writer, from, to: walk.size });
  yield run;
}

/** Notes of what is no longer there: a tail that was cut. A chain that grew meanwhile has no such tail. */
async function* notesBeyond(
  store: LedgerStore,
  writer: string,
  size: number,
): AsyncGenerator<Evidence> {
  const beyond = { writer, from: size + 1, to: Number.MAX_SAFE_INTEGER };
  const [first] = await store.checkpoints(beyond);
  if (first === undefined) return;
  const grown = await store.scan({ writer, from: first.size });
  if (grown.length === 0) yield* notesOf(store, beyond);
}

async function* walkChain(
  { store, keyRing }: EvidenceSource,
  span: Span,
  bounds: Bounds,
  { writer, first, previous }: ChainStart,
): AsyncGenerator<Evidence> {
  const most = bounds === null ? Number.MAX_SAFE_INTEGER : (bounds.get(writer) ?? first - 1);
  const chain = { writer, first, previous: previous ?? genesis(writer) };
  const start = span.since === undefined ? chain : await startAt(store, chain, span.since);
  const walk: Walk = {
    from: start.first,
    previous: start.previous,
    size: start.first - 1,
    begun: span.since === undefined,
    cut: false,
  };
  if (walk.begun) {
    yield { kind: 'chain', writer, first: start.first, previous: start.previous };
    yield* notesOf(store, { writer, from: start.first - 1, to: start.first - 1 });
  }
  for (;;) {
    const page = await store.scan({ writer, from: walk.from });
    for (const batch of page) {
      if (walk.cut || batch.first > most) break;
      yield* walkBatch(store, keyRing, span, asOf(bounds, batch), walk);
    }
    if (page.length === 0 || walk.cut || walk.from > most) break;
  }
  if (walk.begun && !walk.cut) yield* notesBeyond(store, writer, walk.size);
  if (walk.begun) yield { kind: 'end', writer, size: walk.size, complete: !walk.cut };
}

async function* jointsOf(
  writers: NonNullable<EvidenceSource['writers']>,
): AsyncGenerator<Evidence> {
  for (let from = 1; ;) {
    const page = await writers.joints(from);
    for (const { note } of page) yield { kind: 'joint', note };
    const last = page.at(-1);
    if (last === undefined || page.length < 1_000) return;
    from = last.number + 1;
  }
}

const boundsOf = async (writers: Pick<WriterStore, 'heads'>): Promise<Bounds> => {
  const heads = await everyChain((after) => writers.heads(after));
  return new Map(heads.map(({ writer, size }) => [writer, size]));
};

/**
 * Everything a store holds in a span: the joint notes over all chains where it has any and the whole is
 * asked for, then chain by chain.
 */
export async function* evidenceOfStore(
  source: EvidenceSource,
  span: Span = {},
): AsyncGenerator<Evidence> {
  const { store, writers } = source;
  // Of a part only a part of the chains is there.
  const whole = span.since === undefined && span.until === undefined;
  if (writers !== null && whole) yield* jointsOf(writers);
  const bounds = writers === null ? null : await boundsOf(writers);
  for (let after: string | undefined; ;) {
    // Asked anew for each: retention moves where the later ones begin while one is read.
    const [chain] = await store.chains(after);
    if (chain === undefined) return;
    yield* walkChain(source, span, bounds, chain);
    after = chain.writer;
  }
}

const printRun = ({ first, count, lines }: RecordRun, previous: Buffer): readonly string[] => {
  if (lines === null) {
    const at = `${first}-${first + count - 1}`;
    return [JSON.stringify({ unreadable: { at, message: 'no key opens these records' } })];
  }
  let digest = previous;
  return lines.map((text, offset) => {
    digest = link(digest, text);
    return `{"seq":${first + offset},"chain":"${digest.toString('base64')}","record":${text}}`;
  });
};

/** Prints evidence as lines of an export; `previous` is the chain value before it. */
export const printEvidence = (evidence: Evidence, previous: Buffer): readonly string[] => {
  if (evidence.kind === 'records') return printRun(evidence, previous);
  if (evidence.kind === 'chain') {
    const { writer, first } = evidence;
    const chain = { writer, first, previous: evidence.previous.toString('base64') };
    return [JSON.stringify({ sallyport: 'ledger/1', chain })];
  }
  if (evidence.kind === 'checkpoint') return [JSON.stringify({ checkpoint: evidence.note })];
  if (evidence.kind === 'joint') return [JSON.stringify({ joint: evidence.note })];
  const { kind, ...rest } = evidence;
  return [JSON.stringify({ [kind]: rest })];
};
