/**
 * Proves, or disproves, that a ledger is what was written: follows the chain over evidence from a
 * store or an export, holds it against signed checkpoints (its own, and those kept elsewhere) and
 * against its index rows. Needs no key for an export. What it promises ends where evidence ends: a
 * tail cut behind the last checkpoint that somebody else holds cannot be seen.
 */
import { clockDepartureMsMax } from '../clock.ts';
import { parseRecord, type ChainedRecord } from './canonical.ts';
import { genesis, link } from './chain.ts';
import { readCheckpoint } from './checkpoints.ts';
import type { Evidence, RecordRun } from './evidence.ts';
import { splitNotes } from './signed-note.ts';
import {
  checkBodies,
  checkEntries,
  checkOutcomes,
  claimOutcomes,
  endClaims,
  endForeign,
} from './verify-index.ts';
import { endJoints, expect, joinChains, takeJoint } from './verify-joints.ts';
import {
  beginState,
  nameOf,
  report,
  type Expected,
  type Problem,
  type State,
  type VerifyOptions,
} from './verify-state.ts';

export type { Problem, VerifyOptions } from './verify-state.ts';

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
  if (read === null && outside && takeJoint(state, note, true)) return;
  if (read === null) return report(state, 'signature', 'checkpoint', 'this is no checkpoint');
  const { writer, size, digest, signed } = read;
  if (signed === false) {
    const at = `checkpoint of ${size} records`;
    return report(state, 'signature', at, 'the key given did not sign this checkpoint');
  }
  if (!outside && state.inChain && size < state.next - 1) {
    const at = `checkpoint of ${size} records`;
    return report(state, 'order', at, 'the checkpoint stands behind records it does not cover');
  }
  expect(state, writer, { size, digest, outside });
  if (state.inChain && writer === state.writer && size === state.next - 1) meetCheckpoints(state);
};

const beginChain = (state: State, evidence: Evidence & { kind: 'chain' }): void => {
  if (state.inChain) endChain(state, state.next - 1, true, false);
  joinChains(state);
  const { writer, first, previous } = evidence;
  if (state.ended.has(writer)) report(state, 'order', writer, 'the chain stands here twice');
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
  endClaims(state, have, complete);
  state.ended.set(state.writer, { first: state.first, size: have });
  state.inChain = false;
};

/** Follows the chain over the lines; at the end `state.digest` is what they give. */
const followLines = (
  state: State,
  lines: readonly string[],
  gap: boolean,
): readonly (ChainedRecord | null)[] =>
  lines.map((text) => {
    const { now } = state.options;
    state.digest = link(state.digest, text);
    const record = parseRecord(text);
    const id = nameOf(state, state.next);
    state.next += 1;
    state.records += 1;
    if (record === null) {
      report(state, 'unreadable', id, 'the text is no record');
    } else {
      if (record.at < state.lastAt) report(state, 'order', id, 'time goes back');
      if (record.at > (typeof now === 'number' ? now : now()) + clockDepartureMsMax) {
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
  if (run.index !== undefined) {
    state.indexed = true;
    claimOutcomes(state, run.index.outcomes);
  }
  const last = run.first + Math.max(1, run.count) - 1;
  if (run.lines === null) {
    report(
      state,
      'unreadable',
      nameOf(state, run.first),
      `no key opens records ${run.first}-${last}`,
    );
    for (const [key, { writer, sequence }] of state.claimed) {
      const inside = sequence >= run.first && sequence <= last;
      if (writer === run.writer && inside) state.claimed.delete(key);
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
    case 'joint':
      if (takeJoint(state, evidence.note, false)) return;
      return report(state, 'signature', 'joint checkpoint', 'this is no joint checkpoint');
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
  const state = beginState(options);
  for (const note of splitNotes(options.sinceCheckpoint ?? '')) takeNote(state, note, true);
  for await (const each of evidence) takeEvidence(state, each);
  if (state.inChain) endChain(state, state.next - 1, true, false);
  joinChains(state);
  endForeign(state);
  endJoints(state);
  const { records, entries, checkpoints, unchecked, problems, problemCount } = state;
  const ok = problemCount === 0;
  return { ok, records, entries, checkpoints, unchecked, problems, problemCount };
};
