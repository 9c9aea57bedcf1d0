/** Held changes of a campaign, what people are to make of each, and what must have become of it in the end. */
import type { HoldRow } from '../../src/holds/hold-store.ts';
import { withStore } from './audit.ts';
import type { Home } from './gateway-process.ts';
import type { Audit } from './several-gateways.ts';
import type { UsersTarget } from './users-target.ts';

/** Of one round: approved by two at once, rejected, both at once, left alone, and too late. */
export const shares = { approved: 6, contested: 2, rejected: 2, left: 1, late: 1 } as const;
/** What people are to make of it. */
export type Fate = keyof typeof shares;

/** A held change: of which user, and what people are to make of it. */
export type Held = Readonly<{ id: string; user: string; fate: Fate }>;

type Grounds = Readonly<{ target: UsersTarget }>;

/** Mutations of that user that reached the target, its creation aside. */
export const arrivedOf = ({ target }: Grounds, user: string): number =>
  target.arrivals().filter(({ method, path }) => method !== 'POST' && path.endsWith(`/${user}`))
    .length;

/** Every hold there is, by id; no gateway runs. */
export const rowsOf = (home: Home): Promise<ReadonlyMap<string, HoldRow>> =>
  withStore(home, async ({ stores }) => {
    const rows = new Map<string, HoldRow>();
    let before: HoldRow['id'] | undefined;
    for (;;) {
      const page = await stores.holds.list({
        limit: 1_000,
        ...(before === undefined ? {} : { before }),
      });
      for (const row of page) rows.set(row.id, row);
      before = page.at(-1)?.id;
      if (page.length < 1_000) return rows;
    }
  });

/** What is wrong with one hold in the end; null = nothing. */
export const wrongWith = (
  { id, user, fate }: Held,
  row: HoldRow | undefined,
  grounds: Grounds & Readonly<{ audit: Audit }>,
): string | null => {
  if (row === undefined) return `${id} (${fate}) is lost`;
  const arrived = arrivedOf(grounds, user);
  const ends: Readonly<Record<Fate, readonly string[]>> = {
    approved: ['released'],
    contested: ['released', 'rejected'],
    rejected: ['rejected', 'pending'],
    left: ['pending'],
    late: ['expired', 'pending'],
  };
  if (!ends[fate].includes(row.state)) return `${id} (${fate}) ended as ${row.state}`;
  if (row.state !== 'released') return arrived === 0 ? null : `${id} (${row.state}) was sent`;
  const outcome = grounds.audit.entries.get(row.entry ?? '')?.outcome;
  if (arrived === 1) return null;
  // A gateway that died after it recorded the intent: nobody may send it again, for nobody knows.
  if (arrived === 0 && outcome === 'in-doubt') return null;
  return `${id} (${fate}) arrived ${arrived} times, its entry says ${outcome}`;
};
