/** The stores of protection in memory, exact to their ports, with switches that make them fail. */
import type { OverrideId } from '../../src/ids.ts';
import type { MarkStore, ProtectionMark, RuleResolved } from '../../src/safety/mark-store.ts';
import type { Override, OverrideStore } from '../../src/safety/override-store.ts';
import type { Population, PopulationStore } from '../../src/safety/population-store.ts';
import type { WindowStore } from '../../src/safety/window-store.ts';
import type { FeedTopic, StoreFeed } from '../../src/store-feed.ts';

const nameOf = ({ tenant, rule, word, id }: Omit<ProtectionMark, 'at'>): string =>
  [tenant, rule, word, id].join('\n');

/** What a test may do to them. */
export type SafetyStoreSwitches = {
  /** Every call rejects. */
  down: boolean;
  /** Marks that one tenant may hold. */
  marksMax: number;
};

export type StoresInMemory = Readonly<{
  protectionMarks: MarkStore;
  overrides: OverrideStore;
  populations: PopulationStore;
  /** Nothing was taken. */
  windows: WindowStore;
  feed: StoreFeed;
  switches: SafetyStoreSwitches;
  kept: Readonly<{ marks(): readonly ProtectionMark[]; resolved(): readonly RuleResolved[] }>;
  /** Tells the news of a topic. */
  tell(topic: FeedTopic): void;
}>;

/** Empty stores of one place; several gateways may share them. */
export const safetyStoresInMemory = (): StoresInMemory => {
  const switches: SafetyStoreSwitches = { down: false, marksMax: 50_000 };
  const marks = new Map<string, ProtectionMark>();
  const resolved = new Map<string, RuleResolved>();
  const overrides = new Map<OverrideId, Override>();
  const populations = new Map<string, Population>();
  const listeners = new Map<FeedTopic, Set<(detail: string | null) => void>>();
  const tell = (topic: FeedTopic): void => {
    for (const changed of listeners.get(topic) ?? []) changed(null);
  };
  const up = (): void => {
    if (switches.down) throw new Error('the store is down');
  };
  const open = (one: Override, now: number): boolean => one.endedAt === null && now < one.until;
  return {
    switches,
    tell,
    kept: { marks: () => [...marks.values()], resolved: () => [...resolved.values()] },
    feed: {
      on: (topic, changed) => {
        const all = listeners.get(topic) ?? new Set();
        listeners.set(topic, all.add(changed));
        return () => void all.delete(changed);
      },
    },
    protectionMarks: {
      list: async () => {
        up();
        return { marks: [...marks.values()], resolved: [...resolved.values()] };
      },
      add: async (given, rule) => {
        up();
        if (given.length > 1_000) throw new TypeError('more than a batch');
        const fresh = given.filter((mark) => !marks.has(nameOf(mark)));
        const held = (tenant: string): number =>
          [...marks.values()].filter((mark) => mark.tenant === tenant).length;
        if (fresh.some(({ tenant }) => held(tenant) >= switches.marksMax)) return false;
        for (const mark of fresh) marks.set(nameOf(mark), mark);
        if (rule !== null) resolved.set(`${rule.tenant}\n${rule.rule}`, rule);
        tell('protection');
        return true;
      },
      forget: async (mark) => {
        up();
        const gone = marks.delete(nameOf(mark));
        if (gone) tell('protection');
        return gone;
      },
    },
    overrides: {
      add: async (override, now) => {
        up();
        if ([...overrides.values()].filter((one) => open(one, now)).length >= 100) return false;
        overrides.set(override.id, override);
        tell('protection');
        return true;
      },
      approve: async (id, by, now) => {
        up();
        const found = overrides.get(id);
        if (found === undefined || !open(found, now) || found.approvedAt !== null) return false;
        overrides.set(id, { ...found, approvedBy: by, approvedAt: now });
        tell('protection');
        return true;
      },
      end: async (id, now) => {
        up();
        const found = overrides.get(id);
        if (found === undefined || found.endedAt !== null) return false;
        overrides.set(id, { ...found, endedAt: now });
        tell('protection');
        return true;
      },
      list: async () => {
        up();
        return [...overrides.values()].toSorted((one, other) => other.at - one.at);
      },
    },
    windows: {
      held: async (asks) => {
        up();
        return asks.map(() => ({ used: 0, oldest: null }));
      },
    },
    populations: {
      list: async () => {
        up();
        return [...populations.values()];
      },
      keep: async (population) => {
        up();
        const key = `${population.tenant}\n${population.word}`;
        const before = populations.get(key);
        if (before === undefined || before.at < population.at) populations.set(key, population);
      },
    },
  };
};
