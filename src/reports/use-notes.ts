/**
 * Counts what of the grants is used, in memory: by day, route, client, rule, action and verdict, with the
 * names of attributes, never who or what. Told of every call, so it allocates only where something is
 * new. Written every half minute and at the end; what a crash takes is at most that much.
 */
import type { Clock, Timer } from '../clock.ts';
import type { UseNotes } from '../passage/safeguards.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { Use, UseStore } from './use-store.ts';

const dayMs = 86_400_000;
/** Different uses of a day in memory; more are only counted. */
const keysMax = 20_000;
/** Attribute names of one use. */
const attributesMax = 200;
const flushMs = 30_000;
/** Uses in one call of the store. */
const batchMax = 1_000;

/** Days since the epoch, UTC. */
export const dayOf = (at: number): number => Math.floor(at / dayMs);

type Verdict = Use['verdict'];

type Counted = {
  readonly use: Pick<Use, 'day' | 'route' | 'client' | 'rule' | 'action' | 'verdict'>;
  count: number;
  readonly attributes: Set<string>;
  /** Names that the store was not told yet. */
  fresh: string[];
};

type Level<Value> = Map<string, Value>;
/** route, client, rule, verdict, action. */
type Day = Level<Level<Level<Level<Level<Counted>>>>>;

/** The value of a key, made where there is none. Two plain arguments, so that nothing is allocated for it. */
const under = <Value>(level: Level<Level<Value>>, key: string): Level<Value> => {
  let next = level.get(key);
  if (next === undefined) level.set(key, (next = new Map()));
  return next;
};

export type UseNotesDeps = Readonly<{
  clock: Clock;
  store: Pick<UseStore, 'add' | 'prune'>;
  /** How long uses are kept, ms: as the ledger is. */
  retentionMs(): number;
  observer: Pick<Observer, 'note'>;
}>;

export type KeptUses = UseNotes &
  Readonly<{
    /** Writes what was counted since the last time; tells, and keeps it, where the store is away. */
    flush(): Promise<void>;
    start(): void;
    stop(): Promise<void>;
  }>;

const note = (counted: Counted, attributes: readonly string[]): void => {
  counted.count += 1;
  for (const name of attributes) {
    if (counted.attributes.has(name) || counted.attributes.size >= attributesMax) continue;
    counted.attributes.add(name);
    counted.fresh.push(name);
  }
};

/** What is counted of one day, in memory. */
const makeCounts = () => {
  let day = -1;
  let uses: Day = new Map();
  let size = 0;
  let overflow = 0;
  /** Counted since they were taken last. */
  let dirty: Counted[] = [];

  const countedIn = (actions: Level<Counted>, use: Counted['use']): Counted | null => {
    if (size >= keysMax) {
      overflow += 1;
      return null;
    }
    size += 1;
    const counted = { use, count: 0, attributes: new Set<string>(), fresh: [] };
    actions.set(use.action, counted);
    return counted;
  };
  const count = (told: Parameters<UseNotes['used']>[0], rule: string, verdict: Verdict): void => {
    const { route, client, attributes } = told;
    const actions = under(under(under(under(uses, route), client), rule), verdict);
    for (const action of told.actions) {
      const counted =
        actions.get(action) ?? countedIn(actions, { day, route, client, rule, action, verdict });
      if (counted === null) continue;
      if (counted.count === 0) dirty.push(counted);
      note(counted, attributes);
    }
  };
  return {
    used: (told: Parameters<UseNotes['used']>[0]): void => {
      const today = dayOf(told.at);
      // A call that was told late counts on the day that is open.
      if (today > day) {
        day = today;
        uses = new Map();
        size = 0;
      }
      count(told, told.rule, told.verdict);
      for (const { rule } of told.shadow) count(told, rule, 'shadowed');
    },
    /** What was counted since the last time, as the store takes it. */
    take: (): readonly Use[] => {
      const taken = dirty.map((counted): Use => {
        const use = { ...counted.use, count: counted.count, attributes: counted.fresh.sort() };
        counted.count = 0;
        counted.fresh = [];
        return use;
      });
      dirty = [];
      return taken;
    },
    overflown: (): number => {
      const lost = overflow;
      overflow = 0;
      return lost;
    },
  };
};

/** Makes the notes, with nothing noted. */
export const makeUseNotes = ({ clock, store, retentionMs, observer }: UseNotesDeps): KeptUses => {
  const counts = makeCounts();
  /** Taken, and not written yet. */
  let unwritten: readonly Use[] = [];
  let timer: Timer | null = null;
  let running: Promise<void> | null = null;
  let prunedOn = -1;

  const write = async (): Promise<void> => {
    const lost = counts.overflown();
    if (lost > 0) observer.note('warn', 'uses.overflow', { calls: lost });
    // Bounded while the store is away: what is new waits in the counts.
    if (unwritten.length === 0) unwritten = counts.take();
    while (unwritten.length > 0) {
      await store.add(unwritten.slice(0, batchMax));
      unwritten = unwritten.slice(batchMax);
    }
  };
  const prune = async (): Promise<void> => {
    const today = dayOf(clock.now());
    if (today === prunedOn) return;
    prunedOn = today;
    let more = true;
    while (more) ({ more } = await store.prune(dayOf(clock.now() - retentionMs())));
  };
  const flush = (): Promise<void> => {
    running ??= write()
      .then(prune)
      .catch((cause: unknown) => {
        observer.note('warn', 'uses.unwritten', { uses: unwritten.length, cause });
      })
      .finally(() => {
        running = null;
      });
    return running;
  };
  const arm = (): void => {
    timer = clock.after(flushMs, () => {
      void flush().finally(() => {
        if (timer !== null) arm();
      });
    });
  };
  return {
    used: counts.used,
    flush,
    start: arm,
    stop: async () => {
      timer?.cancel();
      timer = null;
      await flush();
      // What came while the store was written to.
      await flush();
    },
  };
};
