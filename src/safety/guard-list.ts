/**
 * How near guards are: every window of the configuration with what it holds now against its limit. Clients
 * are those with a grant at the tenant; a window per group is shown for a group that is named, for keys on
 * disk are digests, and who is behind one cannot be read back.
 */
import { refuse, type Refusal } from '../errors.ts';
import { maxOf } from '../passage/places.ts';
import type { Guard, GuardWindow, TenantSafety } from '../policy/safety.ts';
import { windowKey } from '../policy/touches.ts';
import type { Snapshot } from '../snapshot.ts';
import type { PopulationStore } from './population-store.ts';
import type { WindowStore } from './window-store.ts';

/** Which windows; all that is left out is any. */
export type GuardQuery = Readonly<{
  tenant?: string | undefined;
  guard?: string | undefined;
  client?: string | undefined;
  /** Id at the target. */
  group?: string | undefined;
}>;

/** One window as it stands. */
export type GuardUse = Readonly<{
  tenant: string;
  /** As in rules of answers: `guards.NAME`, or `urgent` of a grant. */
  rule: string;
  /** Null: an urgent grant has one window. */
  window: GuardWindow['name'] | null;
  /** Length, ms. */
  ms: number;
  per: Guard['per'];
  /** Client or group; null where the tenant is counted as a whole. */
  who: string | null;
  used: number;
  /** Null: a share of what nobody counted yet. */
  limit: number | null;
  then: Guard['then'] | null;
  /** When the oldest place ends, wall ms; null where it holds nothing. */
  freesAt: number | null;
}>;

export type GuardListDeps = Readonly<{
  stores: Readonly<{ windows: WindowStore; populations: Pick<PopulationStore, 'list'> }>;
  snapshot(): Snapshot;
}>;

/** Windows asked about in one list, and in one call of the store. */
const windowsMax = 10_000;
const asksMax = 1_000;
/** Rows of a list. */
const rowsMax = 1_000;

type Known = Omit<GuardUse, 'used' | 'freesAt'> & Readonly<{ key: string }>;
type CountOf = (tenant: string, word: string) => number | null;

const meets = (asked: string | undefined, name: string | null): boolean =>
  asked === undefined || asked === name;

/** Names of clients with a grant on a route to this tenant. */
const clientsOf = ({ routes, targets }: Snapshot, tenant: string): ReadonlySet<string> =>
  new Set(
    routes
      .filter(({ target }) => targets[target]?.tenant === tenant)
      .flatMap(({ grants }) => Object.keys(grants)),
  );

const wordOf = ({ actions }: Guard): string => [...actions][0]?.split(':')[0] ?? 'users';

const windowsOf = (
  { tenant, guards }: TenantSafety,
  clients: ReadonlySet<string>,
  query: GuardQuery,
  countOf: CountOf,
): readonly Known[] => {
  const whosOf = ({ per }: Guard): readonly (string | null)[] => {
    if (per === 'group') return query.group === undefined ? [] : [query.group];
    if (per === 'client') return [...clients].filter((name) => meets(query.client, name));
    return query.client === undefined ? [null] : [];
  };
  return guards
    .filter(({ name }) => meets(query.guard, name))
    .flatMap((guard) =>
      whosOf(guard).flatMap((who) =>
        guard.windows.map((window): Known => {
          // How many members a group has is known only where it is changed.
          const of = guard.per === 'group' ? null : countOf(tenant, wordOf(guard));
          return {
            tenant,
            rule: `guards.${guard.name}`,
            window: window.name,
            ms: window.ms,
            per: guard.per,
            who,
            limit: maxOf(window, of),
            then: guard.then,
            key: windowKey(tenant, guard, window, who ?? ''),
          };
        }),
      ),
    );
};

/** Windows of grants with `urgent`. */
const urgentOf = ({ routes, targets }: Snapshot, query: GuardQuery): readonly Known[] => {
  if (query.guard !== undefined) return [];
  return routes.flatMap(({ name, target, grants }) => {
    const { tenant } = targets[target] ?? { tenant: '' };
    if (!meets(query.tenant, tenant)) return [];
    return Object.entries(grants)
      .filter(([client]) => meets(query.client, client))
      .flatMap(([who, held]) =>
        held.grants.flatMap(({ urgent }): readonly Known[] =>
          urgent === null
            ? []
            : [
                {
                  tenant,
                  rule: `routes.${name}.urgent`,
                  window: null,
                  ms: urgent.ms,
                  per: 'client',
                  who,
                  limit: urgent.count,
                  then: null,
                  key: urgent.key,
                },
              ],
        ),
      );
  });
};

/** How full, for the order of the list; what has no limit that is known comes where it holds something. */
const fullness = ({ used, limit }: GuardUse): number =>
  limit === null ? (used > 0 ? 1 : 0) : used / Math.max(limit, 1);

/** The fullest first, at most 1,000; a refusal where that is too much to ask at once. */
export const listGuards = async (
  { stores, snapshot }: GuardListDeps,
  query: GuardQuery,
  now: number,
): Promise<readonly GuardUse[] | Refusal> => {
  const current = snapshot();
  const counts = new Map(
    (await stores.populations.list()).map(({ tenant, word, count }) => [
      `${tenant}\n${word}`,
      count,
    ]),
  );
  const countOf: CountOf = (tenant, word) => counts.get(`${tenant}\n${word}`) ?? null;
  const known = Object.values(current.tenants)
    .filter(({ tenant }) => meets(query.tenant, tenant))
    .flatMap((safety) => windowsOf(safety, clientsOf(current, safety.tenant), query, countOf))
    .concat(urgentOf(current, query));
  if (known.length > windowsMax) {
    return refuse('value_invalid', 'Too many windows: name a tenant, a guard or a client.');
  }
  const rows: GuardUse[] = [];
  for (let first = 0; first < known.length; first += asksMax) {
    const page = known.slice(first, first + asksMax);
    const held = await stores.windows.held(page.map(({ key, ms }) => ({ key, from: now - ms })));
    page.forEach(({ key: _key, ...window }, index) => {
      const { used, oldest } = held[index] ?? { used: 0, oldest: null };
      rows.push({ ...window, used, freesAt: oldest === null ? null : oldest + window.ms });
    });
  }
  return rows.toSorted((left, right) => fullness(right) - fullness(left)).slice(0, rowsMax);
};
