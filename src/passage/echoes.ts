/**
 * Remembers, per client and resource, the values that were normalised as the client sent them (C14).
 * Read through a bounded cache that also knows what is not there; written in batches behind the
 * outcome, so a crash may lose the newest: such a value is shown normalised until it is sent again.
 * A store that fails never fails a call.
 */
import { LRUCache } from 'lru-cache';
import type { Clock, Timer } from '../clock.ts';
import type { Echo } from '../identity/scim/echo.ts';
import type { KeyRing } from '../sealing.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { EchoStore, KeptEchoes } from './echo-store.ts';

/** Whose echoes: they are shown to nobody else. */
export type EchoScope = Readonly<{ client: string; tenant: string; word: string }>;

export type EchoesDeps = Readonly<{
  clock: Clock;
  keyRing: Pick<KeyRing, 'seal' | 'open' | 'fingerprint'>;
  echoStore: EchoStore;
  /** How long an echo is kept after it was last written, ms. */
  echoesKeptMs(): number;
  observer: Pick<Observer, 'note'>;
}>;

export interface Echoes {
  /** The echoes of these resources, at most one question to the store; without those that have none. */
  recall(scope: EchoScope, ids: readonly string[]): Promise<ReadonlyMap<string, readonly Echo[]>>;
  /** Is nothing remembered of anybody? Then nobody need be asked. */
  isEmpty(): boolean;
  /** From now on these are the echoes of the resource. */
  learn(scope: EchoScope, id: string, echoes: readonly Echo[]): void;
  start(): Promise<void>;
  /** Writes what waits. */
  stop(): Promise<void>;
}

const cachedMax = 20_000;
const rowsMax = 1_000_000;
/** Echoes that wait to be written; beyond them the oldest are lost. */
const waitingMax = 10_000;
const batchMax = 500;
const flushMs = 50;
/** After a failure the store is left alone for this long. */
const retryMs = 5_000;
const pruneMs = 3_600_000;
const pruneAfterSaved = 10_000;
const slicesMax = 2_000;
const none: readonly Echo[] = Object.freeze([]);

/** Names the resources of one scope; what stands before the id ends where its brackets do. */
const namesOf = ({ client, tenant, word }: EchoScope): ((id: string) => string) => {
  const scope = JSON.stringify([client, tenant, word]);
  return (id) => scope + id;
};

const contextOf = (key: Buffer): string => `echoes/${key.toString('hex')}`;

const keyOf = ({ keyRing }: EchoesDeps, name: string): Buffer =>
  keyRing.fingerprint(`echoes/${name}`);

const sealed = (deps: EchoesDeps, name: string, echoes: readonly Echo[]): KeptEchoes => {
  const key = keyOf(deps, name);
  if (echoes.length === 0) return { key, sealed: null };
  const text = Buffer.from(JSON.stringify(echoes), 'utf8');
  return { key, sealed: deps.keyRing.seal(text, contextOf(key)) };
};

/** What waits for the disk, written in batches. */
const makeWaiting = (deps: EchoesDeps, saved: (count: number) => void) => {
  const waiting = new Map<string, readonly Echo[]>();
  let timer: Timer | null = null;
  let writing: Promise<void> | null = null;

  const save = async (): Promise<void> => {
    const batch = [...waiting].slice(0, batchMax);
    await deps.echoStore.save(
      batch.map(([name, echoes]) => sealed(deps, name, echoes)),
      deps.clock.now(),
    );
    // What was learned in the meantime waits on.
    for (const [name, echoes] of batch) if (waiting.get(name) === echoes) waiting.delete(name);
    saved(batch.length);
  };
  const flush = async (): Promise<void> => {
    try {
      while (waiting.size > 0) await save();
    } catch (cause) {
      deps.observer.note('warn', 'echoes.unsaved', { waiting: waiting.size, cause });
      arm(retryMs);
    }
  };
  const write = (): Promise<void> => {
    writing ??= flush().finally(() => {
      writing = null;
    });
    return writing;
  };
  const arm = (ms: number): void => {
    timer ??= deps.clock.after(ms, () => {
      timer = null;
      void write();
    });
  };
  return {
    find: (name: string) => waiting.get(name),
    add: (name: string, echoes: readonly Echo[]): void => {
      waiting.delete(name);
      waiting.set(name, echoes);
      if (waiting.size > waitingMax) {
        const [oldest] = waiting.keys();
        if (oldest !== undefined) waiting.delete(oldest);
      }
      if (writing === null) arm(flushMs);
    },
    close: async (): Promise<void> => {
      await writing;
      await write();
      timer?.cancel();
    },
  };
};

/** Keeps the store within its bounds, in slices. */
const makePruning = (deps: EchoesDeps) => {
  let timer: Timer | null = null;
  let running: Promise<void> | null = null;
  const state = { stopped: false };
  const slice = () =>
    deps.echoStore.prune({ before: deps.clock.now() - deps.echoesKeptMs(), rowsMax });
  const pruneAll = async (): Promise<void> => {
    try {
      for (let done = 0; done < slicesMax && !state.stopped; done += 1) {
        if (!(await slice()).more) return;
      }
    } catch (cause) {
      deps.observer.note('warn', 'echoes.unpruned', { cause });
    }
  };
  const prune = (): Promise<void> => {
    running ??= pruneAll().finally(() => {
      running = null;
    });
    return running;
  };
  const arm = (): void => {
    timer = deps.clock.after(pruneMs, () => {
      void prune();
      arm();
    });
  };
  return {
    prune,
    arm,
    /** Is nothing kept? Says no where that cannot be told. */
    isEmpty: async (): Promise<boolean> => {
      try {
        return (await slice()).rows === 0;
      } catch (cause) {
        deps.observer.note('warn', 'echoes.unpruned', { cause });
        return false;
      }
    },
    stop: async (): Promise<void> => {
      state.stopped = true;
      timer?.cancel();
      await running;
    },
  };
};

/** Makes the memory of echoes over its store. */
export const makeEchoes = (deps: EchoesDeps): Echoes => {
  /** Resources last asked for, without and with echoes. */
  const cache = new LRUCache<string, readonly Echo[]>({ max: cachedMax });
  // Nothing was ever normalised: nobody needs to ask the store.
  let empty = false;
  let savedSince = 0;
  const pruning = makePruning(deps);
  const waiting = makeWaiting(deps, (count) => {
    savedSince += count;
    if (savedSince < pruneAfterSaved) return;
    savedSince = 0;
    void pruning.prune();
  });

  const ask = async (names: readonly string[]): Promise<void> => {
    const keys = names.map((name) => keyOf(deps, name));
    const found = await deps.echoStore.load(keys);
    names.forEach((name, at) => {
      // What was learned while the store was asked is newer than its answer.
      if (cache.get(name) !== undefined) return;
      const [key, text] = [keys[at] as Buffer, found[at] ?? null];
      const opened = text === null ? null : deps.keyRing.open(text, contextOf(key));
      cache.set(name, opened === null ? none : (JSON.parse(opened.toString('utf8')) as Echo[]));
    });
  };

  return Object.freeze({
    isEmpty: () => empty,
    recall: async (scope: EchoScope, ids: readonly string[]) => {
      const recalled = new Map<string, readonly Echo[]>();
      if (empty) return recalled;
      const nameOf = namesOf(scope);
      const named = ids.slice(0, 1_000).map((id) => [id, nameOf(id)] as const);
      const known = (name: string) => waiting.find(name) ?? cache.get(name);
      const missing = named.map(([, name]) => name).filter((name) => known(name) === undefined);
      if (missing.length > 0) {
        await ask(missing).catch((cause: unknown) => {
          deps.observer.note('warn', 'echoes.unread', { cause });
        });
      }
      for (const [id, name] of named) {
        const echoes = known(name) ?? none;
        if (echoes.length > 0) recalled.set(id, echoes);
      }
      return recalled;
    },
    learn: (scope: EchoScope, id: string, echoes: readonly Echo[]): void => {
      if (empty && echoes.length === 0) return;
      empty = false;
      const name = namesOf(scope)(id);
      cache.set(name, echoes);
      waiting.add(name, echoes);
    },
    start: async (): Promise<void> => {
      empty = await pruning.isEmpty();
      pruning.arm();
    },
    stop: async (): Promise<void> => {
      await pruning.stop();
      await waiting.close();
    },
  });
};
