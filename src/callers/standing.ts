/**
 * Who stands right now: keys and people's tokens as one immutable table, swapped whole whenever the
 * store is read again. Looking a key up is one Map access and never a query. Use of keys is noted
 * in memory and written in bounded batches.
 */
import { GatewayError } from '../errors.ts';
import type { Clock, Timer } from '../clock.ts';
import type { KeyId } from '../ids.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { KeyStore, StoredKey } from './store.ts';

/** All keys at a moment. */
export type KeyTable = Readonly<{ byId: ReadonlyMap<string, StoredKey>; readAt: number }>;

/** The live table and its feed. */
export type CallersStanding = Readonly<{
  /** Reads the store once and begins the regular round; throws GatewayError if the store fails. */
  start(): Promise<void>;
  /** Reads the store again; on failure the old table stays and GatewayError is thrown. */
  refresh(): Promise<void>;
  current(): KeyTable;
  /** Is this key neither ended nor expired? Cheap; asked again right before the first byte. */
  stillStanding(id: KeyId, now: number): boolean;
  /** Notes a use; kept in memory, written every 30 s or at 1,000 keys. */
  touch(id: KeyId, at: number): void;
  /** Ends the round and writes what was noted. */
  stop(): Promise<void>;
}>;

/** Milliseconds between two rounds: notes of use are written, the table is read again. */
export const roundMs = 30_000;
/** Keys noted at most between two writes; also the port's limit. */
export const touchedMax = 1_000;

/** True while a key may be used: `now` lies before its end and its expiry (ms since the epoch). */
export const isStanding = (key: StoredKey, now: number): boolean =>
  now < key.expiresAt && (key.revokedAt === null || now < key.revokedAt);

/** Notes of use between two writes. */
const makeTouches = (store: KeyStore, observer: Pick<Observer, 'note'>) => {
  let touched = new Map<KeyId, number>();
  const flush = async (): Promise<void> => {
    if (touched.size === 0) return;
    const used = [...touched].map(([id, at]) => ({ id, at }));
    touched = new Map();
    try {
      await store.touchKeys(used);
    } catch {
      // Only the "last used" column suffers; a store that fails is told of by the ledger.
      observer.note('warn', 'keys.touch.failed', { keys: used.length });
    }
  };
  return {
    flush,
    touch: (id: KeyId, at: number): void => {
      const before = touched.get(id);
      if (before === undefined || at > before) touched.set(id, at);
      if (touched.size >= touchedMax) void flush();
    },
  };
};

/** Makes the table, empty until `start`. */
export const makeCallersStanding = (deps: {
  store: KeyStore;
  clock: Clock;
  observer: Pick<Observer, 'credentialExpiry' | 'note'>;
}): CallersStanding => {
  const { store, clock, observer } = deps;
  let table: KeyTable = { byId: new Map(), readAt: 0 };
  const touches = makeTouches(store, observer);
  let timer: Timer | null = null;
  let stopped = false;
  let asked = 0;
  let applied = 0;

  const refresh = async (): Promise<void> => {
    const turn = ++asked;
    let keys: readonly StoredKey[];
    try {
      keys = await store.listKeys(clock.now());
    } catch (cause) {
      throw new GatewayError('internal', { cause, detail: 'The keys cannot be read.' });
    }
    // Two reads may end in the wrong order; an older one must not bring a revoked key back.
    if (turn < applied) return;
    applied = turn;
    const now = clock.now();
    table = Object.freeze({ byId: new Map(keys.map((key) => [key.id, key])), readAt: now });
    for (const key of keys) {
      if (!isStanding(key, now)) continue;
      const kind = key.kind === 'client' ? 'key' : 'person';
      observer.credentialExpiry({ holder: key.holder, kind, expiresAt: key.expiresAt });
    }
  };

  const arm = (): void => {
    timer = clock.after(roundMs, () => {
      void round();
    });
  };
  const round = async (): Promise<void> => {
    await touches.flush();
    try {
      await refresh();
    } catch {
      observer.note('error', 'keys.refresh.failed', { readAt: table.readAt });
    }
    if (!stopped) arm();
  };

  return {
    start: async () => {
      stopped = false;
      await refresh();
      if (timer === null) arm();
    },
    refresh,
    current: () => table,
    stillStanding: (id, now) => {
      const key = table.byId.get(id);
      return key !== undefined && isStanding(key, now);
    },
    touch: touches.touch,
    stop: async () => {
      stopped = true;
      timer?.cancel();
      timer = null;
      await touches.flush();
    },
  };
};
