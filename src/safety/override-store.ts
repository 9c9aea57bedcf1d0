/**
 * The port through which break-glass overrides of protection are kept: asked for by one person with a
 * reason and an end, in force once another approved it. Rejects with GatewayError `ledger_unavailable`.
 */
import type { OverrideId } from '../ids.ts';

export type Override = Readonly<{
  id: OverrideId;
  tenant: string;
  /** Name of the protection. */
  rule: string;
  /** Whose mutations pass. */
  client: string;
  /** Id at the target; null = every subject of the rule. */
  subject: string | null;
  reason: string;
  by: string;
  at: number;
  until: number;
  approvedBy: string | null;
  approvedAt: number | null;
  endedAt: number | null;
}>;

export interface OverrideStore {
  /** False where 100 are open already. */
  add(override: Override, now: number): Promise<boolean>;
  /** One compare-and-set from not approved and not ended; false where it is either, or over. */
  approve(id: OverrideId, by: string, now: number): Promise<boolean>;
  /** False where it is not there or ended. */
  end(id: OverrideId, now: number): Promise<boolean>;
  /** Those that are not over, and ended ones of the last 30 days; at most 1,000, newest first. */
  list(now: number): Promise<readonly Override[]>;
}
