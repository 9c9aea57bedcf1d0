/**
 * Who is protected right now: marks kept by id, so that no rename, nesting or regrouping unprotects
 * anybody. Answers come from memory; what is found holds at once and is written soon. A mark goes only
 * by a person's act. What was looked through once under a rule as it is written stays so in this
 * process, whatever another gateway with another configuration writes beside it.
 */
import { GatewayError } from '../errors.ts';
import type { Clock, Timer } from '../clock.ts';
import type { StoreFeed } from '../store-feed.ts';
import type { Protections } from '../passage/safeguards.ts';
import type { TenantSafety } from '../policy/safety.ts';
import type { Observer } from '../telemetry/observe.ts';
import { makeMarkKeeper } from './mark-keeper.ts';
import type { MarkStore, ProtectionMark, RuleResolved } from './mark-store.ts';
import { makeMarkTable, type MarkName } from './mark-table.ts';
import type { OverrideStanding } from './override-standing.ts';

export type ProtectionStanding = Protections &
  Readonly<{
    /** Reads the store once and begins the regular round; throws GatewayError if the store fails. */
    start(): Promise<void>;
    /** Reads the store again; on failure the old tables stay and GatewayError is thrown. */
    refresh(): Promise<void>;
    marks(): readonly ProtectionMark[];
    /** When the rule was looked through whole as it is written (`digest`) the last time, wall ms; null = never. */
    resolvedAt(rule: Pick<RuleResolved, 'tenant' | 'rule' | 'digest'>): number | null;
    /** Marks these ids at once. */
    mark(marks: readonly ProtectionMark[]): void;
    /**
     * The end of a whole look through one rule: its marks are written, then that it is resolved. `full`:
     * the tenant holds too many marks; `unavailable`: the store failed. Never rejects.
     */
    resolve(
      marks: readonly ProtectionMark[],
      resolved: RuleResolved,
    ): Promise<'resolved' | 'full' | 'unavailable'>;
    /** A person takes one mark away; false where there is none. */
    forget(mark: MarkName): Promise<boolean>;
    /** Ends the round and writes what waits. */
    stop(): Promise<void>;
  }>;

/** Milliseconds between two reads of the overrides, where no news came. */
const roundMs = 30_000;
/** Digests of rules remembered as looked through; a reload adds a few. */
const resolvedMax = 10_000;

const resolvedKey = (one: Pick<RuleResolved, 'tenant' | 'rule' | 'digest'>): string =>
  `${one.tenant}\n${one.rule}\n${one.digest}`;

/** Rules that were looked through, as they were written. Only grows. */
const makeResolved = () => {
  const at = new Map<string, number>();
  let whole = new WeakSet<TenantSafety>();
  return {
    at: (one: Pick<RuleResolved, 'tenant' | 'rule' | 'digest'>) => at.get(resolvedKey(one)) ?? null,
    note: (resolved: readonly RuleResolved[]): void => {
      if (at.size > resolvedMax) {
        at.clear();
        whole = new WeakSet();
      }
      for (const one of resolved) {
        const key = resolvedKey(one);
        at.set(key, Math.max(one.at, at.get(key) ?? 0));
      }
    },
    all: (safety: TenantSafety): boolean => {
      if (whole.has(safety)) return true;
      const { tenant } = safety;
      const all = safety.protections.every(({ name, digest }) =>
        at.has(resolvedKey({ tenant, rule: name, digest })),
      );
      if (all) whole.add(safety);
      return all;
    },
  };
};

/** Reads of the store, one at a time: news that come during one are one more. */
const makeReader = (read: () => Promise<void>) => {
  let running: Promise<void> | null = null;
  let again = false;
  const run = async (): Promise<void> => {
    do {
      again = false;
      await read();
    } while (again);
  };
  return (): Promise<void> => {
    if (running !== null) again = true;
    running ??= run().finally(() => {
      running = null;
    });
    return running;
  };
};

/** Marks and rules in memory, as last read, with what was found since. */
const makeMarks = (deps: StandingDeps) => {
  const { store, clock, observer } = deps;
  let table = makeMarkTable([]);
  let asked = 0;
  const resolved = makeResolved();
  const keeper = makeMarkKeeper({ store, clock, observer, turn: () => asked });
  /** What stands in the table is in the store, or waits for it. */
  const add = (mark: ProtectionMark): void => {
    if (table.has(mark) || !keeper.hasRoom()) return;
    table.add(mark);
    keeper.put(mark);
  };
  const refresh = makeReader(async () => {
    const turn = ++asked;
    let kept: Awaited<ReturnType<MarkStore['list']>>;
    try {
      kept = await store.list();
    } catch (cause) {
      throw new GatewayError('internal', { cause, detail: 'The protected marks cannot be read.' });
    }
    const next = makeMarkTable(kept.marks);
    for (const mark of keeper.unseen(turn)) next.add(mark);
    table = next;
    resolved.note(kept.resolved);
  });
  return {
    table: () => table,
    resolved,
    keeper,
    add,
    refresh,
    resolve: async (marks: readonly ProtectionMark[], done: RuleResolved) => {
      for (const mark of marks) add(mark);
      await keeper.flush();
      const waits = keeper.waitsFor(done.tenant);
      if (waits !== null) return waits;
      if (marks.some((mark) => !table.has(mark))) return 'unavailable' as const;
      try {
        if (!(await store.add([], done))) return 'full' as const;
      } catch (cause) {
        observer.note('warn', 'protection.unkept', { tenant: done.tenant, cause });
        return 'unavailable' as const;
      }
      resolved.note([done]);
      return 'resolved' as const;
    },
    forget: async (mark: MarkName): Promise<boolean> => {
      await keeper.flush();
      const gone = await store.forget(mark);
      keeper.drop(mark);
      await refresh();
      return gone;
    },
  };
};

export type StandingDeps = Readonly<{
  store: MarkStore;
  clock: Clock;
  observer: Pick<Observer, 'note'>;
  feed: StoreFeed;
  overrides: OverrideStanding;
}>;

/** Makes the tables, empty until `start`. */
export const makeProtectionStanding = (deps: StandingDeps): ProtectionStanding => {
  const { clock, observer, feed, overrides } = deps;
  const live = makeMarks(deps);
  const told = (refreshed: Promise<void>): Promise<void> =>
    refreshed.catch((cause: unknown) => {
      observer.note('error', 'protection.refresh.failed', { cause });
    });
  const refresh = async (): Promise<void> => {
    await Promise.all([live.refresh(), overrides.refresh()]);
  };
  let timer: Timer | null = null;
  let endFeed: () => void = () => undefined;
  let stopped = false;
  const arm = (): void => {
    timer = clock.after(roundMs, () => {
      void told(overrides.refresh()).finally(() => {
        if (!stopped) arm();
      });
    });
  };
  const markOf = (tenant: string, rule: string, word: string, id: string): ProtectionMark => ({
    tenant,
    rule,
    word,
    id,
    at: clock.now(),
  });

  return {
    marksOf: (tenant, word, id) => live.table().rulesOf(tenant, word, id),
    resolved: live.resolved.all,
    found: (tenant, rule, word, id) => live.add(markOf(tenant, rule, word, id)),
    joined: (tenant, rule, userIds) => {
      for (const id of userIds) live.add(markOf(tenant, rule, 'users', id));
    },
    override: overrides.override,
    start: async () => {
      stopped = false;
      endFeed = feed.on('protection', () => void told(refresh()));
      await refresh();
      if (timer === null) arm();
    },
    refresh,
    marks: () => live.table().all(),
    resolvedAt: live.resolved.at,
    mark: (marks) => {
      for (const mark of marks) live.add(mark);
    },
    resolve: live.resolve,
    forget: live.forget,
    stop: async () => {
      stopped = true;
      endFeed();
      timer?.cancel();
      timer = null;
      await live.keeper.stop();
    },
  };
};
