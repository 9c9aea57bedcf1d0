/** Counts of deliveries by lane, as engines find them one kind at a time and the port gives them. */
import type { LaneCount } from '../deliveries/outbox-store.ts';

/** One kind of one lane. */
export type LaneTally = Readonly<{
  lane: string;
  what: 'pending' | 'scheduled' | 'dead';
  count: number;
  oldestAt: number | null;
}>;

/** One count a lane, in order of lanes; lanes without any of them are not there. */
export const tallyLanes = (tallies: readonly LaneTally[]): readonly LaneCount[] => {
  const lanes = new Map<string, LaneCount>();
  for (const { lane, what, count, oldestAt } of tallies) {
    const before = lanes.get(lane) ?? { lane, pending: 0, scheduled: 0, dead: 0, oldestAt: null };
    lanes.set(lane, { ...before, [what]: count, oldestAt: oldestAt ?? before.oldestAt });
  }
  return [...lanes.values()].toSorted((a, b) => (a.lane < b.lane ? -1 : 1));
};
