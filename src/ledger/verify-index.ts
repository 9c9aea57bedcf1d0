/** Holds index rows and bodies against the records they are derived from, across chains. */
import { ledgerId, parseLedgerId } from '../ids.ts';
import { entryIndex, outcomeIndex } from './batch.ts';
import { hashBody, type ChainedRecord } from './canonical.ts';
import type { RecordRun } from './evidence.ts';
import type { OutcomeIndex } from './store.ts';
import { nameOf, report, type State } from './verify-state.ts';

const outcomeKey = (row: Pick<OutcomeIndex, 'entry' | 'writer' | 'sequence'>) =>
  `${row.entry} ${row.writer} ${row.sequence}`;

const same = (left: object, right: object): boolean =>
  Object.entries(left).every(([name, value]) => (right as Record<string, unknown>)[name] === value);

type Index = NonNullable<RecordRun['index']>;

/** Holds the rows of entries against the records. */
export const checkEntries = (
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

const compareRow = (state: State, expected: OutcomeIndex, row: OutcomeIndex): void => {
  if (same(expected, row)) return;
  report(state, 'index', expected.entry, 'the index row of an outcome differs');
};

/** Takes the rows that claim to be outcomes of a run's entries. */
export const claimOutcomes = (state: State, rows: readonly OutcomeIndex[]): void => {
  for (const row of rows) {
    const found = state.foreign.get(outcomeKey(row));
    state.foreign.delete(outcomeKey(row));
    if (found === undefined) state.claimed.set(outcomeKey(row), row);
    else compareRow(state, found, row);
  }
};

/** At the end of a chain: rows that name records of it that are not there. */
export const endClaims = (state: State, have: number, complete: boolean): void => {
  for (const [key, { entry, writer, sequence }] of state.claimed) {
    if (writer !== state.writer) continue;
    state.claimed.delete(key);
    const message = 'an index row names an outcome that is no record';
    if (complete || sequence <= have) report(state, 'index', entry, message);
  }
};

/** At the end of everything: what one chain says of another and that one does not confirm. */
export const endForeign = (state: State): void => {
  for (const { entry, writer, sequence } of state.claimed.values()) {
    const chain = state.ended.get(writer);
    if (chain !== undefined && sequence < chain.first) continue;
    report(state, 'index', entry, 'an index row names an outcome that is no record');
  }
  if (!state.indexed) return;
  for (const { entry } of state.foreign.values()) {
    const settled = parseLedgerId(entry);
    const chain = settled === null ? undefined : state.ended.get(settled.writer);
    if (chain === undefined || settled === null || settled.sequence < chain.first) continue;
    report(state, 'index', entry, 'an outcome has no index row');
  }
};

/** Holds outcomes against the rows that claim them. */
export const checkOutcomes = (
  state: State,
  parsed: readonly (ChainedRecord | null)[],
  first: number,
) => {
  parsed.forEach((record, offset) => {
    const expected = record === null ? null : outcomeIndex(record, state.writer, first + offset);
    if (expected === null) return;
    const entry = parseLedgerId(expected.entry);
    if (entry === null) return;
    const row = state.claimed.get(outcomeKey(expected));
    state.claimed.delete(outcomeKey(expected));
    if (row !== undefined) return compareRow(state, expected, row);
    // Another gateway settled it, and its entry may come later.
    if (entry.writer !== state.writer) state.foreign.set(outcomeKey(expected), expected);
    else if (entry.sequence >= state.first) {
      report(state, 'index', expected.entry, 'an outcome has no index row');
    }
  });
};

/** Holds bodies against the hashes in their records. */
export const checkBodies = (
  state: State,
  run: RecordRun,
  parsed: readonly (ChainedRecord | null)[],
) => {
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
