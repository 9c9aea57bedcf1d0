/**
 * How records become a batch and come back: canonical lines joined by newlines and sealed once;
 * bodies with their salts sealed apart; index rows that say nothing a sealed record would hide
 * (personal names appear only as keyed hashes).
 */
import { parseLedgerId } from '../ids.ts';
import type { KeyRing } from '../sealing.ts';
import { parseRecord, saltBytes, type ChainedRecord, type SaltedBody } from './canonical.ts';
import { link } from './chain.ts';
import type { Claims } from './claims.ts';
import type { DenialRecord, IntentRecord, LedgerRecord } from './record.ts';
import {
  lookupBytes,
  lookupKeyBytes,
  type EntryIndex,
  type LedgerBatch,
  type OutcomeIndex,
  type StoredBatch,
} from './store.ts';

/** Most records and plaintext bytes of one batch. */
export const batchRecordsMax = 128;
export const batchBytesMax = 262_144;

/** A record on its way into a batch. */
export type Line = Readonly<{
  record: LedgerRecord;
  /** As printed, not before the record ahead of it. */
  at: number;
  text: string;
  body: SaltedBody | null;
  /** What must be had for it to be written; absent where it claims nothing. */
  claims?: Claims | undefined;
}>;

const recordsContext = (writer: string, first: number) => `ledger/records/${writer}/${first}`;
const bodiesContext = (writer: string, first: number) => `ledger/bodies/${writer}/${first}`;

/** Look-up key of a resource id or a subject's own name; case does not count. */
export const subjectKey = (keyRing: KeyRing, subject: string): Buffer =>
  keyRing
    .fingerprint(`subject/${subject.normalize('NFC').toLowerCase()}`)
    .subarray(0, lookupKeyBytes);

/** Look-up key of a trace id: its own 16 bytes. */
export const traceKey = (traceId: string): Buffer | null =>
  /^[0-9a-f]{32}$/.test(traceId) ? Buffer.from(traceId, 'hex') : null;

/** What was decided: a denial that names a hold waits in it. */
export const decisionOf = (
  record: Pick<DenialRecord, 'kind' | 'hold'> | Pick<IntentRecord, 'kind' | 'decision'>,
): EntryIndex['decision'] => {
  if (record.kind === 'intent') return record.decision;
  return record.hold === undefined ? 'deny' : 'hold';
};

/** The index row of a record, or null where its kind has none. */
export const entryIndex = (
  record: LedgerRecord | ChainedRecord,
  at: number,
  sequence: number,
): EntryIndex | null =>
  record.kind === 'intent' || record.kind === 'denial'
    ? {
        sequence,
        at,
        client: record.client,
        route: record.route,
        target: record.target,
        actions:
          record.actions.length === 1
            ? (record.actions[0] as string)
            : [...new Set(record.actions)].toSorted().join(','),
        decision: decisionOf(record),
      }
    : null;

/** The index row of an outcome. */
export const outcomeIndex = (
  record: LedgerRecord | ChainedRecord,
  writer: string,
  sequence: number,
): OutcomeIndex | null =>
  record.kind === 'outcome'
    ? {
        entry: record.entry,
        writer,
        sequence,
        outcome: record.outcome,
        settledBy: record.settledBy,
        status: record.status,
      }
    : null;

type Lookup = Readonly<{ key: Buffer; writer: string; sequence: number }>;

/** Entries that one entry takes back and is found by; the rest are named in the record alone. */
const reversesMax = 100;
const nothing: readonly string[] = Object.freeze([]);

/** Ids of what a record belongs to: its hold, its override, entries that it takes back. */
const relatedTo = (record: LedgerRecord): readonly string[] => {
  if (record.kind === 'denial') return record.hold === undefined ? nothing : [record.hold];
  if (record.kind !== 'intent') return nothing;
  const { hold, override, reverses } = record;
  if (hold === undefined && override === undefined && reverses === undefined) return nothing;
  return [
    ...(hold === undefined ? nothing : [hold.id]),
    ...(override === undefined ? nothing : override.split(' + ')),
    ...(reverses ?? nothing).slice(0, reversesMax),
  ];
};

const lookupsOf = (
  record: LedgerRecord,
  keyRing: KeyRing,
  writer: string,
  sequence: number,
): readonly Lookup[] => {
  const found: Lookup[] = [];
  const add = (key: Buffer | null, at = { writer, sequence }) => {
    if (key !== null) found.push({ key, ...at });
  };
  if (record.kind === 'intent' || record.kind === 'denial') {
    add(traceKey(record.traceId));
    if (record.resource.id !== null) add(subjectKey(keyRing, record.resource.id));
  }
  if (record.kind === 'intent' && record.body.subject !== null) {
    const { subject, before } = record.body;
    add(subjectKey(keyRing, subject));
    // A rename is found under the name it took and under the one it gave up.
    for (const name of ['userName', 'displayName'] as const) {
      const former = (before as Readonly<Record<string, unknown>> | null)?.[name];
      if (typeof former !== 'string') continue;
      if (former !== '' && former !== subject) add(subjectKey(keyRing, former));
      break;
    }
  }
  for (const id of relatedTo(record)) add(subjectKey(keyRing, id));
  if (record.kind === 'intent' && record.body.repeat !== undefined) {
    add(subjectKey(keyRing, record.body.repeat.key));
  }
  if (record.kind === 'outcome' && record.resourceId !== null) {
    const entry = parseLedgerId(record.entry);
    if (entry !== null) add(subjectKey(keyRing, record.resourceId), entry);
  }
  return found;
};

const pack = (lookups: readonly Lookup[]): Buffer => {
  const packed = Buffer.allocUnsafe(lookups.length * lookupBytes);
  lookups.forEach(({ key, writer, sequence }, index) => {
    const at = index * lookupBytes;
    key.copy(packed, at, 0, lookupKeyBytes);
    packed.writeUInt32BE(Number.parseInt(writer, 16), at + lookupKeyBytes);
    packed.writeUIntBE(sequence, at + lookupKeyBytes + 4, 6);
  });
  return packed;
};

/** Links, seals and indexes up to 128 lines as the batch after `previous`. */
export const encodeBatch = (
  lines: readonly Line[],
  from: Readonly<{ writer: string; first: number; previous: Buffer }>,
  keyRing: KeyRing,
): LedgerBatch => {
  const { writer, first, previous } = from;
  let digest = previous;
  const entries: EntryIndex[] = [];
  const outcomes: OutcomeIndex[] = [];
  const lookups: Lookup[] = [];
  const bodies: string[] = [];
  const claimed: LedgerBatch['claims'][number][] = [];
  lines.forEach(({ record, at, text, body, claims }, offset) => {
    const sequence = first + offset;
    digest = link(digest, text);
    const entry = entryIndex(record, at, sequence);
    if (entry !== null) entries.push(entry);
    const outcome = outcomeIndex(record, writer, sequence);
    if (outcome !== null) outcomes.push(outcome);
    lookups.push(...lookupsOf(record, keyRing, writer, sequence));
    if (claims !== undefined) {
      claimed.push({ sequence, windows: claims.windows, hold: claims.hold });
    }
    if (body !== null) bodies.push(`${sequence} ${body.salt.toString('hex')} ${body.text}`);
  });
  const text = lines.map((line) => line.text).join('\n');
  return {
    writer,
    first,
    count: lines.length,
    atFirst: lines[0]?.at ?? 0,
    atLast: lines.at(-1)?.at ?? 0,
    previous,
    digest,
    records: keyRing.seal(Buffer.from(text, 'utf8'), recordsContext(writer, first)),
    bodies:
      bodies.length === 0
        ? null
        : keyRing.seal(Buffer.from(bodies.join('\n'), 'utf8'), bodiesContext(writer, first)),
    entries,
    claims: claimed,
    outcomes,
    lookups: pack(lookups),
  };
};

/** The canonical lines of a stored batch; null if no key opens it or a byte was changed. */
export const openLines = (batch: StoredBatch, keyRing: KeyRing): readonly string[] | null =>
  keyRing
    .open(batch.records, recordsContext(batch.writer, batch.first))
    ?.toString('utf8')
    .split('\n') ?? null;

/** The bodies of a stored batch by sequence; null if they cannot be opened; empty if pruned. */
export const openBodies = (
  batch: StoredBatch,
  keyRing: KeyRing,
): ReadonlyMap<number, SaltedBody> | null => {
  if (batch.bodies === null) return new Map();
  const plain = keyRing.open(batch.bodies, bodiesContext(batch.writer, batch.first));
  if (plain === null) return null;
  const found = new Map<number, SaltedBody>();
  for (const line of plain.toString('utf8').split('\n')) {
    const saltAt = line.indexOf(' ') + 1;
    const textAt = saltAt + saltBytes * 2 + 1;
    found.set(Number(line.slice(0, saltAt - 1)), {
      salt: Buffer.from(line.slice(saltAt, textAt - 1), 'hex'),
      text: line.slice(textAt),
    });
  }
  return found;
};

/** The record with this sequence, if the batch holds it and can be opened. */
export const openRecord = (
  batch: StoredBatch,
  sequence: number,
  keyRing: KeyRing,
): ChainedRecord | null => {
  const text = openLines(batch, keyRing)?.[sequence - batch.first];
  return text === undefined ? null : parseRecord(text);
};

/** Does the batch hold this entry? */
export const holds = (
  batch: Pick<StoredBatch, 'writer' | 'first' | 'count'>,
  entry: Readonly<{ writer: string; sequence: number }>,
): boolean =>
  batch.writer === entry.writer &&
  batch.first <= entry.sequence &&
  entry.sequence < batch.first + batch.count;
