/**
 * What the ledger records. A mutation is an intent and, later, one or more outcomes; denials, acts
 * of people and changes of configuration stand beside them. All of it is chained; bodies appear in
 * the chain only as SHA-256(salt ‖ body), so they can be pruned without breaking it.
 */
import type { KeyId, LedgerId, RequestId, TraceId } from '../ids.ts';

/** How an entry ended, and how that is known. */
export type EntryOutcome = 'applied' | 'rejected' | 'not-sent' | 'in-doubt';
export type SettledBy =
  | 'answer'
  | 'read-back'
  | 'no-change'
  | 'connection'
  | 'standing'
  | 'timeout'
  | 'crash'
  /** The answer to a call that ended after its gateway had lost its lease. */
  | 'late-send'
  | 'person';

/**
 * Which of an entry's outcomes counts, oldest first: the newest that is final, else the newest. A doubt
 * that comes late takes nothing back that is known.
 */
export const outcomeThatCounts = <Outcome extends Readonly<{ outcome: EntryOutcome }>>(
  outcomes: readonly Outcome[],
): Outcome | undefined =>
  outcomes.findLast(({ outcome }) => outcome !== 'in-doubt') ?? outcomes.at(-1);

export type Normalised = Readonly<{ path: string; rule: string }>;

/** Written before the first byte goes out. */
export type IntentRecord = Readonly<{
  kind: 'intent';
  at: number;
  client: string;
  keyId: KeyId | null;
  route: string;
  target: string;
  tenant: string;
  operation: string;
  actions: readonly string[];
  resource: Readonly<{ type: string; id: string | null }>;
  /** What was released from a hold was allowed, and says so in `hold`. */
  decision: 'allow';
  rule: string;
  traceId: TraceId;
  requestId: RequestId;
  /** The caller's own x-request-id, if it was well-formed. */
  callerRequestId: string | null;
  remote: string;
  configVersion: string;
  environment: string;
  normalised: readonly Normalised[];
  repairs: readonly string[];
  /** Rules that shadow mode let pass. */
  shadowed: readonly string[];
  /** Hold it was released from, and who approved. */
  hold?: Readonly<{ id: string; approvals: readonly string[] }>;
  /** Break-glass override that let it hit a protected subject; several joined by ` + `. */
  override?: string;
  /** Entries that it takes back. */
  reverses?: readonly string[];
  /** What locates the subject again (`/Users/2819c223`, or the matching attribute of a create); sealed with the body. */
  body: IntentBody;
}>;

/** One printed request to a target. */
export type RecordedCall = Readonly<{ method: string; path: string; query: string; body: unknown }>;

/** Sealed apart, pruned with its salt. */
export type IntentBody = Readonly<{
  /** Printed request to the target, secrets (passwords) replaced by null. */
  call: RecordedCall;
  /**
   * Where a mutation takes several requests: all of them in order, `call` among them, each with those
   * that would take it back.
   */
  calls?: readonly (RecordedCall & Readonly<{ inverse: readonly RecordedCall[] }>)[];
  /** Canonical changes or resource, for read-back and undo. */
  changes: unknown;
  /** Current resource before the mutation, where it was captured. */
  before: unknown;
  /** Values a read-back must find, or null where it cannot settle this entry. */
  expected: unknown;
  /** displayName, userName: for people who may unseal. */
  subject: string | null;
  /** Keyed fingerprints of an Idempotency-Key and of the call it names, where one came with it. */
  repeat?: Readonly<{ key: string; call: string }>;
}>;

export type OutcomeRecord = Readonly<{
  kind: 'outcome';
  at: number;
  entry: LedgerId;
  outcome: EntryOutcome;
  settledBy: SettledBy;
  /** Target's status, or null. */
  status: number | null;
  /** Error code answered to the client, or null. */
  code: string | null;
  /** Resource id at the target where the mutation made one. */
  resourceId: string | null;
  attempts: number;
}>;

/**
 * A refusal of an authenticated caller, or a mutation that waits for people (`code: mutation_held`, with
 * its hold). Repeats of refusals are counted into one record, holds never.
 */
export type DenialRecord = Readonly<{
  kind: 'denial';
  at: number;
  client: string;
  route: string;
  target: string;
  tenant: string;
  operation: string;
  actions: readonly string[];
  resource: Readonly<{ type: string; id: string | null }>;
  code: string;
  rule: string;
  traceId: TraceId;
  requestId: RequestId;
  /** The caller's own x-request-id, if it was well-formed; absent in older records. */
  callerRequestId?: string | null;
  configVersion: string;
  /** 1, or how many alike were counted into this record. */
  count: number;
  /** The hold it waits in; only with `mutation_held`. */
  hold?: string;
}>;

/** A person's act, a read of evidence, or the gateway's own (start, stop, configuration). */
export type ActRecord = Readonly<{
  kind: 'act';
  at: number;
  /** Person's name, `local`, or `gateway`. */
  actor: string;
  /** `keys.issue`, `ledger.export`, `config.activated`, `gateway.started` … */
  act: string;
  /** Facts of the act; never a secret. */
  details: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
}>;

export type LedgerRecord = IntentRecord | OutcomeRecord | DenialRecord | ActRecord;

/** A row of `ledger list` in JSON (interface.md §5). */
export type LedgerRow = Readonly<{
  id: string;
  at: string;
  client: string;
  route: string;
  target: string;
  tenant: string;
  operation: string;
  actions: readonly string[];
  resource: Readonly<{ type: string; id: string | null }>;
  decision: 'allow' | 'deny' | 'hold';
  rule: string;
  outcome: EntryOutcome | null;
  settledBy: SettledBy | null;
  status: number | null;
  traceId: string;
  requestId: string;
  /** The caller's own x-request-id, or null. */
  callerRequestId: string | null;
  configVersion: string;
  normalised: readonly Normalised[];
  /** Rows of the dialect table that were repaired. */
  repairs: readonly string[];
  /** Error code of a denial; null for what was not denied. */
  code: string | null;
  /** Hold it waits in, or was released from; null for others. */
  hold: string | null;
  /** Break-glass overrides that let it hit a protected subject, joined by ` + `; null for others. */
  override: string | null;
  /** Entries that it takes back; empty for others. */
  reverses: readonly string[];
  /** Rules that a trial let pass, and that would have refused or held it. */
  shadowed: readonly string[];
}>;
