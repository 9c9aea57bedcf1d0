/**
 * The passage as the rest of the house sees it: what walks in, and what came of it. Denied, not-sent
 * and in-doubt are values here, not exceptions. Types only; `pass.ts` walks.
 */
import type { Refusal } from '../errors.ts';
import type { HoldId, KeyId, LedgerId, RequestId, SpanId, TraceId } from '../ids.ts';
import type { NormalisedPath } from '../identity/attributes/profile.ts';
import type { Action, Mutation, Operation } from '../identity/operation.ts';
import type { Bulk, BulkOperation } from '../identity/scim/bulk.ts';
import type { Presented } from '../identity/scim/present.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import type { EntryOutcome, SettledBy } from '../ledger/record.ts';
import type { LimitState } from '../limits/limiter.ts';
import type { Grants } from '../policy/decision.ts';
import type { Client, Route, Snapshot } from '../snapshot.ts';
import type { RequestSettled } from '../telemetry/observe.ts';

/**
 * Who walks: the client of a request with its key; a plan as an internal client, which has none: it
 * stands as long as it is internal and has not expired; a person who undoes or restores, with all
 * grants but no way around guards, protection, holds and freezes; or a client whose held mutation people
 * released, rebuilt by its name: it stands as long as it is configured and has not expired. Freezes stop all.
 */
export type Actor = Readonly<{
  client: Client;
  /** What the client holds on this route; undefined = nothing. */
  grants: Grants | undefined;
}> &
  (
    | Readonly<{ kind: 'client'; keyId: KeyId }>
    | Readonly<{ kind: 'plan' | 'person' | 'released'; keyId: null }>
  );

/** A held mutation on its way out: what people approved, and what it must still be. */
export type Release = Readonly<{
  hold: HoldId;
  /** Version of the hold, taken in the ledger's transaction. */
  version: number;
  /** Rule that held it: it does not hold it again; every other rule is asked anew. */
  rule: string;
  /** Rules that held it again on its way out, and that people were asked about as well. */
  others?: readonly string[];
  /** Hash of the mutation that was approved (binding.ts). */
  mutation: Buffer;
  /** Hash of the before-image that was approved; null where none was known. */
  before: Buffer | null;
  /** Version of the configuration under which it was approved. */
  configVersion: string;
  /** Names of those who approved. */
  approvals: readonly string[];
}>;

/** Why a release did not go out: it is decided anew, with what is there now. */
export type Unreleased = Readonly<{
  why: 'mutation-changed' | 'before-changed' | 'config-changed' | 'taken';
  /** As it would be held now (`HoldRequest.operation`). */
  operation: Mutation;
  before: Resource | null;
  after: Resource | null;
}>;

/** Where a passage comes from. */
export type Origin = Readonly<{
  requestId: RequestId;
  traceId: TraceId;
  spanId: SpanId;
  /** The caller's own x-request-id, if it was well-formed. */
  callerRequestId: string | null;
  remote: string;
  /** Names this call, so that a repeat of it is recognised: 1 to 128 visible ASCII characters. */
  idempotencyKey: string | null;
  /** What the caller sees as the base of this route: `https://gw.example.com/scim/slack`. */
  publicBase: string;
  /** True once the caller hung up; asked before anything is recorded, never after. */
  abandoned(): boolean;
}>;

export type Passage = Readonly<{
  snapshot: Snapshot;
  route: Route;
  actor: Actor;
  operation: Operation;
  origin: Origin;
  /** Where people released it. */
  release?: Release;
  /** Undo: the entries that it takes back, and the current resource it was planned for (binding.ts). */
  undo?: Readonly<{ reverses: readonly LedgerId[]; before: Buffer | null }>;
}>;

/** The entry of a mutation, and what its outcome says. */
export type Recorded = Readonly<{
  id: LedgerId;
  /** When it was recorded, or where this gateway saw its end, then; wall ms. */
  at: number;
  outcome: EntryOutcome;
  settledBy: SettledBy;
  /** Id at the target, where it is known. */
  resourceId: string | null;
  /** The target's status, or null. */
  status: number | null;
}>;

export type Attempted = RequestSettled['attempts'][number];

/** What came of one passage, whole: answer, decision, record and what it took. */
export type Outcome = Readonly<{
  reply: Presented | Refusal;
  operation: Operation['verb'] | 'bulk';
  actions: readonly Action[];
  resourceType: string | null;
  decision: 'allow' | 'deny' | 'hold' | null;
  rule: string | null;
  normalised: readonly NormalisedPath[];
  repairs: readonly string[];
  limits: readonly LimitState[];
  retryAfterSeconds: number;
  ledger: Recorded | null;
  /** The answer of an earlier call with the same entry: nothing was written for this one. */
  replayed?: true;
  attempts: readonly Attempted[];
  /** Milliseconds spent waiting for the target. */
  targetMs: number;
  /** Why, for log and trace. */
  internal: string | null;
  /** The hold it waits in, or was released from. */
  holdId?: HoldId;
  /** Why a release did not go out. */
  unreleased?: Unreleased;
  /** Of a Bulk: each mutation it was unrolled into, with its wall times; else absent. */
  parts?: readonly Tried[];
}>;

/** A Bulk on its way: as a passage, with all of its operations. */
export type BulkPassage = Omit<Passage, 'operation'> & Readonly<{ bulk: Bulk }>;

/** One mutation that was tried, or turned away in its turn. Times are wall ms. */
export type Tried = Readonly<{ outcome: Outcome; startedAt: number; endedAt: number }>;

/** What one operation is answered. */
export type BulkResult = Readonly<{
  of: BulkOperation;
  reply: Presented | Refusal;
  /** Id at the target, where it is known. */
  id: string | null;
  /** Of the mutation itself. */
  ledger: Outcome['ledger'];
  /** Of the PATCH that added references of a circle, where there was one. */
  completion: Outcome['ledger'];
  /** The refusal speaks of the completion; the mutation itself was made. */
  made: boolean;
}>;

/** How a Bulk ended. Either it was refused whole and nothing was sent, or its results, as asked. */
export type BulkOutcome = Readonly<{
  refused: Outcome | null;
  /** In the order of the request; what was not executed is absent. */
  results: readonly BulkResult[];
  /** In the order of execution. */
  tried: readonly Tried[];
  /** Reads made to decide it whole. */
  foreseen: Pick<Outcome, 'attempts' | 'targetMs'>;
}>;

/** How doubts left by time-outs and crashes were settled in one round. */
export type Recovered = Readonly<{ seen: number; applied: number; stillInDoubt: number }>;

export interface Doors {
  pass(passage: Passage): Promise<Outcome>;
  /** Carries out a Bulk, operation by operation; a Refusal where its references lead nowhere. */
  passBulk(passage: BulkPassage): Promise<BulkOutcome | Refusal>;
  /** Settles due doubts by reading back; safe to call at any time, one round at a time. */
  recover(): Promise<Recovered>;
}
