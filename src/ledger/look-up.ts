/** Answers questions about entries: finds rows in the store, opens the sealed records, joins both. */
import { ledgerId, type LedgerId } from '../ids.ts';
import type { KeyRing } from '../sealing.ts';
import {
  decisionOf,
  holdOf,
  holds,
  openBodies,
  openLines,
  openRecord,
  subjectKey,
  traceKey,
} from './batch.ts';
import { parseRecord, type ChainedIntent, type ChainedRecord } from './canonical.ts';
import type { Ledger, ListQuery, OpenEntry } from './ledger.ts';
import {
  outcomeThatCounts,
  type DenialRecord,
  type IntentBody,
  type LedgerRow,
  type OutcomeRecord,
} from './record.ts';
import type { FindQuery, Found, LedgerStore, StoredBatch } from './store.ts';

type Entry = Readonly<{
  id: LedgerId;
  record: ChainedIntent | DenialRecord;
  body: IntentBody | null;
}>;
type Latest = Found['entries'][number]['outcome'];

/** What people see of an intent or denial; `latest` is its newest outcome. */
const rowOf = (
  id: LedgerId,
  record: ChainedIntent | DenialRecord,
  latest: Pick<NonNullable<Latest>, 'outcome' | 'settledBy' | 'status'> | null,
): LedgerRow => ({
  id,
  at: new Date(record.at).toISOString(),
  client: record.client,
  route: record.route,
  target: record.target,
  tenant: record.tenant,
  operation: record.operation,
  actions: record.actions,
  resource: record.resource,
  decision: decisionOf(record),
  rule: record.rule,
  outcome: latest?.outcome ?? null,
  settledBy: latest?.settledBy ?? null,
  status: latest?.status ?? null,
  traceId: record.traceId,
  requestId: record.requestId,
  callerRequestId: record.callerRequestId ?? null,
  configVersion: record.configVersion,
  normalised: record.kind === 'intent' ? record.normalised : [],
  repairs: record.kind === 'intent' ? record.repairs : [],
  code: record.kind === 'denial' ? record.code : null,
  hold: holdOf(record) ?? null,
  override: record.kind === 'intent' ? (record.override ?? null) : null,
  reverses: record.kind === 'intent' ? (record.reverses ?? []) : [],
  shadowed: record.kind === 'intent' ? record.shadowed : [],
});

const isEntry = (record: ChainedRecord | null): record is ChainedIntent | DenialRecord =>
  record?.kind === 'intent' || record?.kind === 'denial';

/** Opens each batch once and gives its records by sequence. */
const openAll = (batches: readonly StoredBatch[], keyRing: KeyRing) => {
  const lines = new Map(batches.map((batch) => [batch, openLines(batch, keyRing)]));
  return (entry: Readonly<{ writer: string; sequence: number }>) => {
    const batch = batches.find((candidate) => holds(candidate, entry));
    const text = batch && lines.get(batch)?.[entry.sequence - batch.first];
    return { batch, record: text === undefined ? null : parseRecord(text) };
  };
};

const bodyOf = (
  batch: StoredBatch | undefined,
  sequence: number,
  keyRing: KeyRing,
): IntentBody | null => {
  const text = batch && openBodies(batch, keyRing)?.get(sequence)?.text;
  return text === undefined ? null : (JSON.parse(text) as IntentBody);
};

const intentOf = (record: ChainedIntent, body: IntentBody | null): OpenEntry['intent'] => {
  const { bodyHash: _, ...intent } = record;
  return { ...intent, body: body ?? prunedBody };
};

/** Stands for a body that retention removed: such an entry can no longer be read back. */
const prunedBody: IntentBody = Object.freeze({
  call: Object.freeze({ method: '', path: '', query: '', body: null }),
  changes: null,
  before: null,
  expected: null,
  subject: null,
});

const findQuery = (query: ListQuery, keyRing: KeyRing): FindQuery | null => {
  const { subject, traceId, ...rest } = query;
  const keys: Buffer[] = [];
  if (subject !== undefined) keys.push(subjectKey(keyRing, subject));
  if (traceId !== undefined) {
    const key = traceKey(traceId);
    if (key === null) return null;
    keys.push(key);
  }
  return keys.length === 0 ? rest : { ...rest, keys };
};

type Read = NonNullable<Awaited<ReturnType<LedgerStore['read']>>>;

/** The outcome records of an entry, in order. */
const openOutcomes = (found: Read, keyRing: KeyRing): readonly OutcomeRecord[] => {
  const open = openAll([found.batch, ...found.outcomeBatches], keyRing);
  return found.outcomes
    .map((outcome) => open(outcome).record)
    .filter((record): record is OutcomeRecord => record?.kind === 'outcome');
};

const outcomesOf = async (
  store: LedgerStore,
  keyRing: KeyRing,
  id: LedgerId,
): Promise<readonly OutcomeRecord[]> => {
  const found = await store.read(id);
  return found === null ? [] : openOutcomes(found, keyRing);
};

/** A create has no id when it is recorded; its outcome has. */
const named = (row: LedgerRow, outcomes: readonly OutcomeRecord[]): LedgerRow => {
  const id =
    row.resource.id ?? outcomes.findLast(({ resourceId }) => resourceId !== null)?.resourceId;
  return id === row.resource.id ? row : { ...row, resource: { ...row.resource, id: id ?? null } };
};

/** The reading half of the ledger. */
export const makeLookUp = (
  store: LedgerStore,
  keyRing: KeyRing,
): Pick<Ledger, 'list' | 'show' | 'unsettled'> => ({
  list: async (query) => {
    const find = findQuery(query, keyRing);
    if (find === null) return [];
    const { entries, batches } = await store.find(find);
    const open = openAll(batches, keyRing);
    const rows: LedgerRow[] = [];
    for (const entry of entries) {
      const { record } = open(entry);
      if (!isEntry(record)) continue;
      const id = ledgerId(entry.writer, entry.sequence);
      const row = rowOf(id, record, entry.outcome);
      const made = row.resource.id === null && row.outcome === 'applied' && entry.outcome !== null;
      rows.push(made ? named(row, await outcomesOf(store, keyRing, id)) : row);
    }
    return rows;
  },
  unsettled: async (limit, { after, writer } = {}) => {
    const { entries, batches } = await store.find({
      unsettled: true,
      limit,
      ...(after === undefined ? {} : { after }),
      ...(writer === undefined ? {} : { writer }),
    });
    const open = openAll(batches, keyRing);
    return entries.flatMap((entry): OpenEntry[] => {
      const { batch, record } = open(entry);
      if (record?.kind !== 'intent') return [];
      return [
        {
          id: ledgerId(entry.writer, entry.sequence),
          intent: intentOf(record, bodyOf(batch, entry.sequence, keyRing)),
          outcome: entry.outcome?.outcome ?? null,
        },
      ];
    });
  },
  show: async (id) => {
    const found = await store.read(id);
    if (found === null) return null;
    const entry = openEntry(id, found.batch, keyRing);
    if (entry === null) return null;
    const outcomes = openOutcomes(found, keyRing);
    const row = named(rowOf(id, entry.record, outcomeThatCounts(outcomes) ?? null), outcomes);
    return { row, body: entry.body, outcomes };
  },
});

const openEntry = (id: LedgerId, batch: StoredBatch, keyRing: KeyRing): Entry | null => {
  const sequence = Number.parseInt(id.slice(12), 36);
  const record = openRecord(batch, sequence, keyRing);
  return isEntry(record)
    ? { id, record, body: record.kind === 'intent' ? bodyOf(batch, sequence, keyRing) : null }
    : null;
};
