/**
 * The port through which later proofs of effect are kept: of each resource that was changed under
 * `verify:`, what the ledger says it must hold now, and when it is looked at next. Claimed by leases, so
 * that one gateway looks. Rejects with GatewayError `ledger_unavailable`.
 */
import type { LedgerId } from '../ids.ts';
import type { Sealed } from '../sealing.ts';

/**
 * `watching` is looked at again, and so is `drifted`, which waits for a person but may come back by
 * itself; the others are ends.
 */
export type CheckState = 'watching' | 'drifted' | 'dismissed' | 'ended';

export type CheckRow = Readonly<{
  /** Keyed hash of tenant, type and id; 16 bytes. One row per resource. */
  key: Buffer;
  /** Newest entry that changed the resource. */
  entry: LedgerId;
  /** Wall ms of that entry. */
  at: number;
  tenant: string;
  target: string;
  route: string;
  resourceType: string;
  state: CheckState;
  /** How often it was looked at since `entry`. */
  round: number;
  dueAt: number;
  /** When drift was seen, wall ms; null where none. */
  driftedAt: number | null;
  /** Attribute names that differ, joined by commas; names, never values. */
  paths: string;
  /** Grows with each change; 1 when new. */
  version: number;
  /** Resource id and what must be found (kept-check.ts), sealed under the key. */
  sealed: Sealed;
}>;

export interface CheckStore {
  /**
   * Keeps or replaces the check of a resource, as `watching` in round 0 with a new version; what was kept
   * with a later `at` stays. New ones beyond `rowsMax` are dropped. At most 500.
   */
  put(
    checks: readonly Omit<CheckRow, 'state' | 'round' | 'driftedAt' | 'paths' | 'version'>[],
    options: Readonly<{ rowsMax: number }>,
  ): Promise<Readonly<{ dropped: number }>>;
  /**
   * Takes due ones, watching or drifted, for `leaseMs`: their `dueAt` moves, and their version grows, so
   * that who lost its lease changes nothing; at most 100, those due longest first.
   */
  claim(
    now: number,
    options: Readonly<{ leaseMs: number; limit: number }>,
  ): Promise<readonly CheckRow[]>;
  read(key: Buffer): Promise<CheckRow | null>;
  /** One compare-and-set on `version`; false where it moved on meanwhile. */
  change(
    key: Buffer,
    version: number,
    to: Pick<CheckRow, 'state' | 'round' | 'dueAt' | 'driftedAt' | 'paths'>,
  ): Promise<boolean>;
  /** Newest entries first; at most 1,000. */
  list(query: Readonly<{ state?: CheckState; limit: number }>): Promise<readonly CheckRow[]>;
  counts(): Promise<Readonly<{ watching: number; drifted: number }>>;
  /** When the next, watching or drifted, is due, wall ms; null = none. */
  nextDueAt(): Promise<number | null>;
  /** Removes ended and dismissed ones that were due before this; at most 1,000. */
  prune(before: number): Promise<Readonly<{ removed: number; more: boolean }>>;
}
