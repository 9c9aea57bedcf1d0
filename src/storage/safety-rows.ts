/** Rows of the safety ports as both engines read them, and what does not depend on an engine. */
import type { CheckRow } from '../drift/check-store.ts';
import type { ProtectionMark } from '../safety/mark-store.ts';
import { bounds } from './bounds.ts';

/** Columns of a HoldRow. */
export const holdColumns = `id, state, version, at, changed_at AS "changedAt",
  expires_at AS "expiresAt", tenant, target, route, client, actions,
  resource_type AS "resourceType", rule, batch, join_key AS "join", mutation, calls,
  by_count AS "by", entry, sealed`;

/** States in which a hold waits still, as a list of SQL. */
export const openStates = "('pending', 'approved')";

/** Largest number of calls that a hold counts. */
export const callsMax = 2_147_483_647;

/** Columns of a CheckRow. */
export const checkColumns = `key, entry, at, tenant, target, route, resource_type AS "resourceType",
  state, round, due_at AS "dueAt", drifted_at AS "driftedAt", paths, version, sealed`;

/** Columns of an Override. */
export const overrideColumns = `id, tenant, rule, client, subject, reason, asked_by AS "by", at,
  until, approved_by AS "approvedBy", approved_at AS "approvedAt", ended_at AS "endedAt"`;

/** What CheckStore.put takes of each. */
export type NewCheck = Omit<CheckRow, 'state' | 'round' | 'driftedAt' | 'paths' | 'version'>;

/** Key of a check as text. */
export const checkName = ({ key }: NewCheck): string => key.toString('hex');

/** Each resource once, by its newest entry, in the order of their first mention. */
export const newestChecks = (checks: readonly NewCheck[]): readonly NewCheck[] => {
  const newest = new Map<string, NewCheck>();
  for (const check of checks) {
    const name = checkName(check);
    if ((newest.get(name)?.at ?? check.at) <= check.at) newest.set(name, check);
  }
  return [...newest.values()];
};

/** A mark's place among all. */
export const markKey = ({ tenant, rule, word, id }: ProtectionMark): string =>
  JSON.stringify([tenant, rule, word, id]);

/** Is there room for so many new marks beside those that the tenants hold? */
export const marksFit = (
  fresh: readonly ProtectionMark[],
  held: readonly Readonly<{ tenant: string; count: number }>[],
): boolean => {
  const counts = new Map(held.map(({ tenant, count }) => [tenant, count]));
  let all = held.reduce((sum, { count }) => sum + count, 0);
  for (const { tenant } of fresh) {
    const count = (counts.get(tenant) ?? 0) + 1;
    all += 1;
    if (count > bounds.marksOfTenant || all > bounds.marks) return false;
    counts.set(tenant, count);
  }
  return true;
};

/** Refuses what no caller may ask: dropping the rest would unprotect or lose in silence. */
export const boundCall = (given: readonly unknown[], most: number): void => {
  if (given.length > most) throw new TypeError(`at most ${most} a call`);
};
