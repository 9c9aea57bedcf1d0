/**
 * Break-glass overrides in force: an immutable table, swapped whole on a read of the store. It is in
 * force from its approval until its end, and no longer: the end is asked for anew with each question.
 */
import { GatewayError } from '../errors.ts';
import type { Clock } from '../clock.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { Protections } from '../passage/safeguards.ts';
import type { Override, OverrideStore } from './override-store.ts';

export type OverrideStanding = Readonly<{
  /** Reads the store again; on failure the old table stays and GatewayError is thrown. */
  refresh(): Promise<void>;
  override: Protections['override'];
  /** Those in force. */
  inForce(now: number): readonly Override[];
}>;

/** Was it approved, and is it not over? */
export const isInForce = (override: Override, now: number): boolean =>
  override.approvedAt !== null &&
  override.approvedBy !== null &&
  override.endedAt === null &&
  now >= override.approvedAt &&
  now < override.until;

/** By tenant; only those that may be in force. */
const tableOf = (overrides: readonly Override[]): ReadonlyMap<string, readonly Override[]> =>
  Map.groupBy(
    overrides.filter(({ approvedAt, endedAt }) => approvedAt !== null && endedAt === null),
    ({ tenant }) => tenant,
  );

/** Makes the table, empty until it is refreshed. */
export const makeOverrideStanding = (deps: {
  store: OverrideStore;
  clock: Clock;
  observer: Pick<Observer, 'overridesSeen'>;
}): OverrideStanding => {
  const { store, clock, observer } = deps;
  let all: readonly Override[] = [];
  let table = tableOf(all);
  let asked = 0;
  let applied = 0;
  return {
    inForce: (now) => all.filter((one) => isInForce(one, now)),
    refresh: async () => {
      const turn = ++asked;
      let read: readonly Override[];
      try {
        read = await store.list(clock.now());
      } catch (cause) {
        throw new GatewayError('internal', { cause, detail: 'The overrides cannot be read.' });
      }
      // A read that ends late must not bring back what was ended.
      if (turn < applied) return;
      applied = turn;
      all = read;
      table = tableOf(read);
      const now = clock.now();
      observer.overridesSeen({ inForce: read.filter((one) => isInForce(one, now)).length });
    },
    override: ({ tenant, rule, client, subject, now }) => {
      const found = table
        .get(tenant)
        ?.find(
          (one) =>
            one.rule === rule &&
            one.client === client &&
            (one.subject === null || one.subject === subject) &&
            isInForce(one, now),
        );
      if (found === undefined || found.approvedBy === null) return null;
      return { id: found.id, by: found.by, approvedBy: found.approvedBy };
    },
  };
};
