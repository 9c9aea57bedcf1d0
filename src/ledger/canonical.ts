/**
 * The one written form of a record: JSON in which member names are sorted (RFC 8785), so that the
 * same record always gives the same bytes. The chain, the store and the export use this text and
 * nothing else. A body is replaced by `bodyHash`, SHA-256(salt ‖ body).
 */
import { hash } from 'node:crypto';
import type {
  ActRecord,
  DenialRecord,
  IntentBody,
  IntentRecord,
  LedgerRecord,
  OutcomeRecord,
} from './record.ts';

/** A body beside the chain: its salt (16 bytes) and its JSON text. */
export type SaltedBody = Readonly<{ salt: Buffer; text: string }>;

/** An intent as the chain has it. */
export type ChainedIntent = Omit<IntentRecord, 'body'> & Readonly<{ bodyHash: string }>;
/** What a line of the ledger parses to. */
export type ChainedRecord = ChainedIntent | OutcomeRecord | DenialRecord | ActRecord;

/** Bytes of a salt. */
export const saltBytes = 16;

/** Base64 of SHA-256(salt ‖ body). */
export const hashBody = ({ salt, text }: SaltedBody): string =>
  hash('sha256', Buffer.concat([salt, Buffer.from(text, 'utf8')]), 'base64');

/** The JSON text of a body. */
export const bodyText = (body: IntentBody): string =>
  JSON.stringify({
    before: body.before,
    call: body.call,
    // Absent in most records, and in those of earlier versions: then it is not printed either.
    calls: body.calls,
    changes: body.changes,
    expected: body.expected,
    ...(body.repeat === undefined ? {} : { repeat: body.repeat }),
    subject: body.subject,
  });

const resourceOf = (resource: IntentRecord['resource']) => ({
  id: resource.id,
  type: resource.type,
});

// Member names below stand in sorted order: JSON.stringify then prints RFC 8785 without a sort. What is
// undefined is not printed: records of earlier versions keep their bytes.
const intent = (record: IntentRecord, at: number, bodyHash: string | null) => ({
  actions: record.actions,
  at,
  bodyHash,
  callerRequestId: record.callerRequestId,
  client: record.client,
  configVersion: record.configVersion,
  decision: record.decision,
  environment: record.environment,
  hold:
    record.hold === undefined
      ? undefined
      : { approvals: record.hold.approvals, id: record.hold.id },
  keyId: record.keyId,
  kind: 'intent',
  normalised: record.normalised.map(({ path, rule }) => ({ path, rule })),
  operation: record.operation,
  override: record.override,
  remote: record.remote,
  repairs: record.repairs,
  requestId: record.requestId,
  resource: resourceOf(record.resource),
  reverses: record.reverses,
  route: record.route,
  rule: record.rule,
  shadowed: record.shadowed,
  target: record.target,
  tenant: record.tenant,
  traceId: record.traceId,
});

const outcome = (record: OutcomeRecord, at: number) => ({
  at,
  attempts: record.attempts,
  code: record.code,
  entry: record.entry,
  kind: 'outcome',
  outcome: record.outcome,
  resourceId: record.resourceId,
  settledBy: record.settledBy,
  status: record.status,
});

const denial = (record: DenialRecord, at: number) => ({
  actions: record.actions,
  at,
  callerRequestId: record.callerRequestId ?? null,
  client: record.client,
  code: record.code,
  configVersion: record.configVersion,
  count: record.count,
  hold: record.hold,
  kind: 'denial',
  operation: record.operation,
  requestId: record.requestId,
  resource: resourceOf(record.resource),
  route: record.route,
  rule: record.rule,
  target: record.target,
  tenant: record.tenant,
  traceId: record.traceId,
});

const act = (record: ActRecord, at: number) => ({
  act: record.act,
  actor: record.actor,
  at,
  details: Object.fromEntries(
    Object.entries(record.details).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  ),
  kind: 'act',
});

/** Prints a record as of `at` (which never goes back within a chain). */
export const canonicalText = (
  record: LedgerRecord,
  at: number,
  bodyHash: string | null,
): string => {
  if (record.kind === 'intent') return JSON.stringify(intent(record, at, bodyHash));
  if (record.kind === 'outcome') return JSON.stringify(outcome(record, at));
  return JSON.stringify(record.kind === 'denial' ? denial(record, at) : act(record, at));
};

const kinds: ReadonlySet<unknown> = new Set(['intent', 'outcome', 'denial', 'act']);

/** Reads a line back; null where it is no record. */
export const parseRecord = (text: string): ChainedRecord | null => {
  try {
    const value = JSON.parse(text) as { kind?: unknown; at?: unknown } | null;
    return typeof value === 'object' &&
      value !== null &&
      kinds.has(value.kind) &&
      typeof value.at === 'number'
      ? (value as ChainedRecord)
      : null;
  } catch {
    return null;
  }
};
