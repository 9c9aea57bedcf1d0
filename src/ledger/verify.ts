/**
 * Proves, or disproves, that a ledger is what was written: follows the chain over evidence from a
 * store or an export, holds it against signed checkpoints (its own, and those kept elsewhere) and
 * against its index rows. Needs no key for an export. What it promises ends where evidence ends: a
 * tail cut behind the last checkpoint that somebody else holds cannot be seen.
 */
import type { KeyObject } from 'node:crypto';
import { clockDepartureMsMax } from '../clock.ts';
import { ledgerId, parseLedgerId } from '../ids.ts';
import { entryIndex, outcomeIndex } from './batch.ts';
import { hashBody, parseRecord, type ChainedRecord } from './canonical.ts';
import { genesis, link } from './chain.ts';
import { readCheckpoint, splitNotes } from './checkpoints.ts';
import type { Evidence, RecordRun } from './evidence.ts';
import type { OutcomeIndex } from './store.ts';

export type ProblemCode =
  /** A record's text does not give the chain value that stands beside it. */
  | 'edited'
  /** Records are missing between two others. */
  | 'missing'
  /** Records stand in another order, twice, or go back in time. */
  | 'order'
  /** Bytes that no key opens, or a line that is nothing. */
  | 'unreadable'
  /** The ledger's own checkpoints, or its end line, know more records than there are. */
  | 'cut'
  /** A checkpoint held elsewhere knows more records: an old copy, or a cut tail. */
  | 'behind'
  /** The chain is sound in itself, but not the one a checkpoint signed. */
  | 'rewritten'
  /** A checkpoint's signature is not of the given key, or it is no checkpoint. */
  | 'signature'
  /** Index rows say something else than the records. */
  | 'index'
  /** A body is not the one its record names. */
  | 'body'
  /** A record's time lies in the future. */
  | 'future';

export type Problem = Readonly<{ code: ProblemCode; at: string; message: string }>;

export type Verified = Readonly<{
  ok: boolean;
  records: number;
  /** Intents and denials among them. */
  entries: number;
  /** Checkpoints compared with the chain. */
  checkpoints: number;
  /** Checkpoints about records that this evidence does not hold: pruned, or outside its span. */
  unchecked: number;
  /** At most 1,000, in the order found. */
  problems: readonly Problem[];
  problemCount: number;
}>;

export type VerifyOptions = Readonly<{
  /** Ed25519; without it signatures are not checked. */
  publicKey?: KeyObject;
  /** One or more notes held outside the gateway. */
  sinceCheckpoint?: string;
  now: number;
}>;

const problemsMax = 1_000;

type Expected = Readonly<{ size: number; digest: Buffer; outside: boolean }>;

type State = {
  readonly options: VerifyOptions;
  readonly problems: Problem[];
  problemCount: number;
  records: number;
  entries: number;
  checkpoints: number;
  unchecked: number;
  /** Checkpoints not reached yet, by writer and size. */
  readonly expected: Map<string, Map<number, readonly Expected[]>>;
  /** Claimed outcome rows whose record was not reached yet. */
  readonly claimed: Map<string, OutcomeIndex>;
  writer: string;
  first: number;
  next: number;
  digest: Buffer;
  lastAt: number;
  inChain: boolean;
};

const report = (state: State, code: ProblemCode, at: string, message: string): void => {
  state.problemCount += 1;
  if (state.problems.length < problemsMax) state.problems.push({ code, at, message });
};

const nameOf = (state: State, sequence: number): string =>
  /^[0-9a-f]{8}$/.test(state.writer) ? ledgerId(state.writer, sequence) : `record ${sequence}`;

const compare = (state: State, expected: Expected): void => {
  state.checkpoints += 1;
  if (expected.digest.equals(state.digest)) return;
  const where = expected.outside ? 'a checkpoint held elsewhere' : 'a checkpoint';
  report(
    state,
    'rewritten',
    nameOf(state, expected.size),
    `${where} signed another chain of ${expected.size} records`,
  );
};

/** Compares every checkpoint whose size is the chain's present one. */
const meetCheckpoints = (state: State): void => {
  const waiting = state.expected.get(state.writer);
  const size = state.next - 1;
  for (const expected of waiting?.get(size) ?? []) compare(state, expected);
  waiting?.delete(size);
};

const takeNote = (state: State, note: string, outside: boolean): void => {
  const read = readCheckpoint(note, state.options.publicKey ?? null);
  if (read === null) return report(state, 'signature', 'checkpoint', 'this is no checkpoint');
  const { writer, size, digest, signed } = read;
  if (signed === false) {
    const at = `checkpoint of ${size} records`;
    return report(state, 'signature', at, 'the key given did not sign this checkpoint');
  }
  const waiting = state.expected.get(writer) ?? new Map<number, readonly Expected[]>();
  const alike = waiting.get(size) ?? [];
  if (alike.some((other) => other.digest.equals(digest))) return;
  if (!outside && state.inChain && size < state.next - 1) {
    const at = `checkpoint of ${size} records`;
    return report(state, 'order', at, 'the checkpoint stands behind records it does not cover');
  }
  waiting.set(size, [...alike, { size, digest, outside }]);
  state.expected.set(writer, waiting);
  if (state.inChain && writer === state.writer && size === state.next - 1) meetCheckpoints(state);
};

const beginChain = (state: State, evidence: Evidence & { kind: 'chain' }): void => {
  if (state.inChain) endChain(state, state.next - 1, true, false);
  const { writer, first, previous } = evidence;
  state.writer = writer;
  state.first = first;
  state.next = first;
  state.digest = previous;
  state.lastAt = 0;
  state.inChain = true;
  if (first === 1 && !previous.equals(genesis(writer))) {
    report(state, 'rewritten', nameOf(state, 1), 'the chain does not begin at its origin');
  }
  meetCheckpoints(state);
};

/** Judges what is left when a chain ends. */
const endChain = (state: State, size: number, complete: boolean, ended: boolean): void => {
  const have = state.next - 1;
  if (!ended) report(state, 'cut', state.writer, 'the chain has no end line');
  else if (size !== have) {
    report(state, 'cut', nameOf(state, have), `the chain ends at ${have} records, not at ${size}`);
  }
  for (const expected of [...(state.expected.get(state.writer)?.values() ?? [])].flat()) {
    // Before the start, inside a gap, or outside the span of a partial export.
    if (expected.size <= have || !complete) {
      state.unchecked += 1;
      continue;
    }
    const [code, who] = expected.outside
      ? (['behind', 'a checkpoint held elsewhere'] as const)
      : (['cut', 'its own checkpoint'] as const);
    const message = `${who} knows ${expected.size} records; there are ${have}`;
    report(state, code, nameOf(state, have), message);
  }
  state.expected.delete(state.writer);
  for (const { entry, sequence } of state.claimed.values()) {
    const message = 'an index row names an outcome that is no record';
    if (complete || sequence <= have) report(state, 'index', entry, message);
  }
  state.claimed.clear();
  state.inChain = false;
};

const outcomeKey = (row: Pick<OutcomeIndex, 'entry' | 'sequence'>) =>
  `${row.entry} ${row.sequence}`;

const same = (left: object, right: object): boolean =>
  Object.entries(left).every(([name, value]) => (right as Record<string, unknown>)[name] === value);

type Index = NonNullable<RecordRun['index']>;

const checkEntries = (
  state: State,
  index: Index,
  parsed: readonly (ChainedRecord | null)[],
  run: RecordRun,
): void => {
  const rows = new Map(index.entries.map((row) => [row.sequence, row]));
  const settled = new Set(
    index.outcomes.filter(({ outcome }) => outcome !== 'in-doubt').map(({ entry }) => entry),
  );
  parsed.forEach((record, offset) => {
    const sequence = run.first + offset;
    const expected = record === null ? null : entryIndex(record, record.at, sequence);
    const row = rows.get(sequence);
    rows.delete(sequence);
    if (expected === null && row === undefined) return;
    const id = nameOf(state, sequence);
    const open = expected?.decision === 'allow' && !settled.has(ledgerId(run.writer, sequence));
    if (expected === null) report(state, 'index', id, 'an index row names no entry');
    else if (row === undefined) report(state, 'index', id, 'the entry has no index row');
    else if (!same(expected, row)) report(state, 'index', id, 'the index row differs');
    else if (row.open !== open) report(state, 'index', id, 'the entry is open where it is not');
  });
  for (const sequence of rows.keys()) {
    report(
      state,
      'index',
      nameOf(state, sequence),
      'an index row names a record that is not there',
    );
  }
};

const checkOutcomes = (state: State, parsed: readonly (ChainedRecord | null)[], first: number) => {
  parsed.forEach((record, offset) => {
    const expected = record === null ? null : outcomeIndex(record, state.writer, first + offset);
    if (expected === null) return;
    const entry = parseLedgerId(expected.entry);
    if (entry === null || entry.writer !== state.writer || entry.sequence < state.first) return;
    const row = state.claimed.get(outcomeKey(expected));
    state.claimed.delete(outcomeKey(expected));
    if (row === undefined) report(state, 'index', expected.entry, 'an outcome has no index row');
    else if (!same(expected, row)) {
      report(state, 'index', expected.entry, 'the index row of an outcome differs');
    }
  });
};

const checkBodies = (state: State, run: RecordRun, parsed: readonly (ChainedRecord | null)[]) => {
  if (run.bodies === null) {
    return report(state, 'unreadable', nameOf(state, run.first), 'no key opens these bodies');
  }
  for (const [sequence, body] of run.bodies ?? []) {
    const record = parsed[sequence - run.first];
    if (record === undefined) continue;
    if (record?.kind !== 'intent' || record.bodyHash !== hashBody(body)) {
      report(state, 'body', nameOf(state, sequence), 'the body is not the one that was recorded');
    }
  }
};

/** Follows the chain over the lines; at the end `state.digest` is what they give. */
const followLines = (
  state: State,
  lines: readonly string[],
  gap: boolean,
): readonly (ChainedRecord | null)[] =>
  lines.map((text) => {
    state.digest = link(state.digest, text);
    const record = parseRecord(text);
    const id = nameOf(state, state.next);
    state.next += 1;
    state.records += 1;
    if (record === null) {
      report(state, 'unreadable', id, 'the text is no record');
    } else {
      if (record.at < state.lastAt) report(state, 'order', id, 'time goes back');
      if (record.at > state.options.now + clockDepartureMsMax) {
        report(state, 'future', id, 'the time of the record has not come yet');
      }
      state.lastAt = Math.max(state.lastAt, record.at);
      if (record.kind === 'intent' || record.kind === 'denial') state.entries += 1;
    }
    // Behind a gap the chain value is known again only where the source claims one.
    if (!gap) meetCheckpoints(state);
    return record;
  });

/** Places a run behind what came before it; false where it cannot follow. */
const placeRun = (state: State, run: RecordRun): boolean => {
  const id = nameOf(state, run.first);
  if (!state.inChain || run.writer !== state.writer) {
    report(state, 'order', id, 'records stand outside any chain');
    return false;
  }
  if (run.first < state.next) {
    report(state, 'order', id, 'the record stands behind later ones, or twice');
    return false;
  }
  if (run.first > state.next) {
    const missing = run.first - state.next;
    report(state, 'missing', nameOf(state, state.next), `${missing} records are missing here`);
    state.next = run.first;
  }
  return true;
};

const takeRun = (state: State, run: RecordRun): void => {
  const expectedFirst = state.next;
  if (!placeRun(state, run)) return;
  const gap = run.first !== expectedFirst;
  for (const row of run.index?.outcomes ?? []) state.claimed.set(outcomeKey(row), row);
  const last = run.first + Math.max(1, run.count) - 1;
  if (run.lines === null) {
    report(
      state,
      'unreadable',
      nameOf(state, run.first),
      `no key opens records ${run.first}-${last}`,
    );
    for (const [key, { sequence }] of state.claimed) {
      if (sequence >= run.first && sequence <= last) state.claimed.delete(key);
    }
  } else {
    const id = nameOf(state, run.first);
    const parsed = followLines(state, run.lines, gap);
    if (run.lines.length !== run.count) {
      report(state, 'edited', id, `the batch holds ${run.lines.length} records, not ${run.count}`);
    } else if (!gap && !state.digest.equals(run.digest)) {
      report(state, 'edited', id, `records ${run.first}-${last} do not give their chain value`);
    }
    if (run.index !== undefined) {
      checkEntries(state, run.index, parsed, run);
      checkOutcomes(state, parsed, run.first);
      checkBodies(state, run, parsed);
    }
  }
  // Go on from what the source claims, so that one wrong record is one problem.
  state.next = last + 1;
  state.digest = run.digest;
  meetCheckpoints(state);
};

const takeEvidence = (state: State, evidence: Evidence): void => {
  switch (evidence.kind) {
    case 'chain':
      return beginChain(state, evidence);
    case 'records':
      return takeRun(state, evidence);
    case 'checkpoint':
      return takeNote(state, evidence.note, false);
    case 'end':
      if (state.inChain && evidence.writer === state.writer) {
        return endChain(state, evidence.size, evidence.complete, true);
      }
      return report(state, 'order', evidence.writer, 'an end line stands outside its chain');
    case 'unreadable':
      return report(state, 'unreadable', evidence.at, evidence.message);
  }
};

/**
 * Verifies all evidence; takes time in proportion to it and memory for what is not settled yet.
 * Never throws for what the evidence says; a source that fails rejects.
 */
export const verifyLedger = async (
  evidence: AsyncIterable<Evidence>,
  options: VerifyOptions,
): Promise<Verified> => {
  const state: State = {
    options,
    problems: [],
    problemCount: 0,
    records: 0,
    entries: 0,
    checkpoints: 0,
    unchecked: 0,
    expected: new Map(),
    claimed: new Map(),
    writer: '',
    first: 1,
    next: 1,
    digest: Buffer.alloc(0),
    lastAt: 0,
    inChain: false,
  };
  for (const note of splitNotes(options.sinceCheckpoint ?? '')) takeNote(state, note, true);
  for await (const each of evidence) takeEvidence(state, each);
  if (state.inChain) endChain(state, state.next - 1, true, false);
  for (const [writer, waiting] of state.expected) {
    for (const size of waiting.keys()) {
      report(state, 'behind', writer, `a checkpoint knows ${size} records of a chain not here`);
    }
  }
  const { records, entries, checkpoints, unchecked, problems, problemCount } = state;
  const ok = problemCount === 0;
  return { ok, records, entries, checkpoints, unchecked, problems, problemCount };
};
