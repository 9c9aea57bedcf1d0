/**
 * Evidence: what a verifier looks at and what an export is printed from, in order of the chain. It
 * comes from a store (sealed, with index rows and bodies) or from an export file (plain lines).
 */
import { parseLedgerId } from '../ids.ts';
import type { KeyRing } from '../sealing.ts';
import { openBodies, openLines } from './batch.ts';
import { parseRecord, type SaltedBody } from './canonical.ts';
import { genesis, link } from './chain.ts';
import type { LedgerStore, ScannedBatch } from './store.ts';

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
  /** Ends a chain; `complete` says that nothing was left out behind it. */
  | Readonly<{ kind: 'end'; writer: string; size: number; complete: boolean }>
  | Readonly<{ kind: 'unreadable'; at: string; message: string }>;

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

/** Everything a store holds in a span, chain by chain. */
export async function* evidenceOfStore(
  store: LedgerStore,
  keyRing: KeyRing,
  span: Span = {},
): AsyncGenerator<Evidence> {
  for (const { writer, first, previous } of await store.chains()) {
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
      yield { kind: 'chain', writer, ...start };
      yield* notesOf(store, { writer, from: start.first - 1, to: start.first - 1 });
    }
    for (;;) {
      const page = await store.scan({ writer, from: walk.from });
      for (const batch of page) {
        if (!walk.cut) yield* walkBatch(store, keyRing, span, batch, walk);
      }
      if (page.length === 0 || walk.cut) break;
    }
    if (walk.begun && !walk.cut) {
      // Notes of what is no longer there: a tail that was cut.
      yield* notesOf(store, { writer, from: walk.size + 1, to: Number.MAX_SAFE_INTEGER });
    }
    if (walk.begun) yield { kind: 'end', writer, size: walk.size, complete: !walk.cut };
  }
}

const recordLine =
  /^\{"seq":([1-9][0-9]{0,15}),"chain":"([0-9A-Za-z+/]{43}=)","record":(\{.*\})\}$/;

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
  const { kind, ...rest } = evidence;
  return [JSON.stringify({ [kind]: rest })];
};

type ParsedLine = Readonly<{
  chain?: { writer?: unknown; first?: unknown; previous?: unknown };
  checkpoint?: unknown;
  end?: { writer?: unknown; size?: unknown; complete?: unknown };
}>;

const readOther = (line: string, at: string): Evidence => {
  let parsed: ParsedLine | null = null;
  try {
    parsed = JSON.parse(line) as ParsedLine | null;
  } catch {
    return { kind: 'unreadable', at, message: 'the line is no JSON' };
  }
  const { chain, checkpoint, end } = parsed ?? {};
  if (
    typeof chain?.writer === 'string' &&
    typeof chain.first === 'number' &&
    typeof chain.previous === 'string'
  ) {
    const { writer, first } = chain;
    return { kind: 'chain', writer, first, previous: Buffer.from(chain.previous, 'base64') };
  }
  if (typeof checkpoint === 'string') return { kind: 'checkpoint', note: checkpoint };
  if (typeof end?.writer === 'string' && typeof end.size === 'number') {
    return { kind: 'end', writer: end.writer, size: end.size, complete: end.complete === true };
  }
  return { kind: 'unreadable', at, message: 'the line is nothing an export holds' };
};

/** Reads an ndjson export. The hashed text is cut out of the line, byte for byte. */
export async function* evidenceOfExport(
  lines: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<Evidence> {
  let writer = '';
  let number = 0;
  for await (const raw of lines) {
    number += 1;
    const line = raw.replace(/\r?\n$/, '');
    if (line === '') continue;
    const match = recordLine.exec(line);
    if (match !== null) {
      const [, sequence, digest, text] = match as unknown as [string, string, string, string];
      yield {
        kind: 'records',
        writer,
        first: Number(sequence),
        count: 1,
        lines: [text],
        digest: Buffer.from(digest, 'base64'),
      };
      continue;
    }
    const other = readOther(line, `line ${number}`);
    if (other.kind === 'chain') writer = other.writer;
    yield other;
  }
}
