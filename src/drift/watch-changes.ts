/**
 * Hears of every applied mutation and keeps, per resource, what the ledger says it must hold now. Telling
 * it costs a look into a set; the rest happens later, in batches. What it forgets (a full buffer, a
 * crash) is told anew by the ledger before anybody is alarmed (rebuild.ts).
 */
import type { Clock, Timer } from '../clock.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import type { Aftermath, Applied } from '../passage/safeguards.ts';
import type { KeyRing } from '../sealing.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { CheckRow, CheckStore } from './check-store.ts';
import { checkKey, openCheck, sealCheck, withChange, type KeptCheck } from './kept-check.ts';
import { looksAgain, nextLookAt } from './schedule.ts';

/** Resources that are watched at once; new ones beyond them are dropped, and told. */
export const checkRowsMax = 100_000;

/** Changes that wait to be kept; more are forgotten, and told. */
const bufferMax = 5_000;
/** Changes kept in one go, and how long they wait for company, ms. */
const batchMax = 100;
const collectMs = 250;
/** While the store is away, ms. */
const againMs = 5_000;
/** Reads of the store at once. */
const readsMax = 8;

export type WatchDeps = Readonly<{
  clock: Clock;
  keyRing: KeyRing;
  store: Pick<CheckStore, 'put' | 'read'>;
  snapshot(): Snapshot;
  observer: Pick<Observer, 'note'>;
  /** A look may be due at this time, wall ms. */
  due(at: number): void;
}>;

export type Watching = Aftermath &
  Readonly<{
    /** Keeps what is still in memory. */
    flush(): Promise<void>;
    stop(): Promise<void>;
  }>;

type Put = Parameters<CheckStore['put']>[0][number];

/** Tenants of which some route looks again: changes of others cost nothing. */
const tenantsOf = (() => {
  const known = new WeakMap<Snapshot, ReadonlySet<string>>();
  return (snapshot: Snapshot): ReadonlySet<string> => {
    let tenants = known.get(snapshot);
    if (tenants === undefined) {
      const routes = snapshot.routes.filter(({ verifyAgain }) => looksAgain(verifyAgain));
      tenants = new Set(routes.flatMap(({ target }) => snapshot.targets[target]?.tenant ?? []));
      known.set(snapshot, tenants);
    }
    return tenants;
  };
})();

const verified = ({ route, actions }: Applied): boolean =>
  looksAgain(route.verifyAgain) && actions.some((action) => route.verify.has(action));

/** A password is never read back: such a change says nothing of what is there. */
const onlyPassword = ({ actions }: Applied): boolean =>
  actions.every((action) => action.endsWith(':password'));

const idOf = ({ resourceId, expected }: Applied): string | null =>
  expected !== null && expected.kind !== 'created' ? expected.id : resourceId;

/** Of one resource, what was told of it since the last batch; oldest first. */
type Group = Readonly<{ key: Buffer; id: string; type: ResourceType; changes: Applied[] }>;

const grouped = (keyRing: KeyRing, changes: readonly Applied[]): readonly Group[] => {
  const groups = new Map<string, Group>();
  for (const change of changes) {
    const id = idOf(change);
    if (id === null) continue;
    const { type, target } = change;
    const key = checkKey(keyRing, { tenant: target.tenant, type: type.name, id });
    const name = key.toString('hex');
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { key, id, type, changes: [change] });
    else group.changes.push(change);
  }
  return [...groups.values()];
};

const isWatched = (row: CheckRow | null): row is CheckRow =>
  row !== null && (row.state === 'watching' || row.state === 'drifted');

/** What is to be kept of a resource, or null where nobody asked to watch it. */
const putOf = (
  { keyRing, clock }: WatchDeps,
  { key, id, type, changes }: Group,
  row: CheckRow | null,
): Put | null => {
  const watched = isWatched(row) ? row : null;
  let kept: KeptCheck | null = watched === null ? null : openCheck(keyRing, key, watched.sealed);
  let by: Applied | null = null;
  let newest: Applied | null = null;
  for (const change of changes) {
    const starts = verified(change) && change.expected !== null;
    if (starts) by = change;
    else if (kept === null && watched === null && by === null) continue;
    kept = withChange(kept, id, change, type);
    newest = change;
  }
  if (kept === null || newest === null) return null;
  const { entry, at } = newest;
  const route = by?.route ?? null;
  const now = clock.now();
  // The first look is owed however late it is kept.
  const first = route === null ? null : nextLookAt(route.verifyAgain, { at, now: at });
  const dueAt = Math.min(first ?? Infinity, watched?.dueAt ?? Infinity);
  return {
    key,
    entry,
    at,
    tenant: newest.target.tenant,
    target: by?.target.name ?? watched?.target ?? newest.target.name,
    route: route?.name ?? watched?.route ?? newest.route.name,
    resourceType: type.name,
    dueAt: dueAt === Infinity ? now : dueAt,
    sealed: sealCheck(keyRing, key, kept),
  };
};

const readAll = async (
  store: Pick<CheckStore, 'read'>,
  groups: readonly Group[],
): Promise<readonly (CheckRow | null)[]> => {
  const rows: (CheckRow | null)[] = [];
  for (let at = 0; at < groups.length; at += readsMax) {
    const some = groups.slice(at, at + readsMax);
    rows.push(...(await Promise.all(some.map(({ key }) => store.read(key)))));
  }
  return rows;
};

/** Makes the ear; it keeps nothing before it is told something. */
export const watchChanges = (deps: WatchDeps): Watching => {
  const { clock, keyRing, store, observer } = deps;
  let buffer: Applied[] = [];
  let forgotten = 0;
  let timer: Timer | null = null;
  let running: Promise<void> | null = null;
  let stopped = false;

  const keep = async (changes: readonly Applied[]): Promise<void> => {
    const groups = grouped(keyRing, changes);
    const rows = await readAll(store, groups);
    const puts = groups.flatMap((group, at) => putOf(deps, group, rows[at] ?? null) ?? []);
    if (puts.length === 0) return;
    const { dropped } = await store.put(puts, { rowsMax: checkRowsMax });
    if (dropped > 0) observer.note('warn', 'drift.dropped', { dropped });
    deps.due(Math.min(...puts.map(({ dueAt }) => dueAt)));
  };

  const keepAll = async (): Promise<void> => {
    if (forgotten > 0) observer.note('warn', 'drift.forgotten', { changes: forgotten });
    forgotten = 0;
    while (buffer.length > 0) {
      const batch = buffer.slice(0, batchMax);
      await keep(batch);
      buffer = buffer.slice(batch.length);
    }
  };
  const arm = (ms: number): void => {
    if (timer !== null || stopped) return;
    timer = clock.after(ms, () => {
      timer = null;
      void flush();
    });
  };
  const flush = (): Promise<void> => {
    running ??= keepAll()
      .catch((cause: unknown) => {
        observer.note('warn', 'drift.unkept', { changes: buffer.length, cause });
        arm(againMs);
      })
      .finally(() => {
        running = null;
      });
    return running;
  };

  return {
    applied: (change) => {
      if (!tenantsOf(deps.snapshot()).has(change.target.tenant) || onlyPassword(change)) return;
      if (buffer.length >= bufferMax) forgotten += 1;
      else buffer.push(change);
      arm(collectMs);
    },
    flush,
    stop: async () => {
      stopped = true;
      timer?.cancel();
      timer = null;
      await flush();
      await flush();
    },
  };
};
