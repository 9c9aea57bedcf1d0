/**
 * Tells those who are to know that changes wait: one notice for the first hold of a batch at once, and
 * while more come one in half a minute with how many there are. No values are in it. A notice is on disk
 * before it is sent; what a crash kept from being told is told at the next start, and nothing twice.
 */
import type { Clock, Timer } from '../clock.ts';
import type { EventId, HoldId } from '../ids.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { HoldRow, HoldStore } from './hold-store.ts';

/** One notice as it is to be kept and sent. */
export type Notice = Readonly<{
  id: EventId;
  kind: string;
  subject: string;
  body: Readonly<Record<string, unknown>>;
}>;

/** Between two notices of one batch, ms. */
export const quietMs = 30_000;
/** Wait after the store failed, ms. */
const againMs = 5_000;
/** Batches that are noted at once; beyond it each hold is told by itself. */
const batchesMax = 1_000;
/** Holds looked through at the start. */
const lookedMax = 1_000;

export type NoticesDeps = Readonly<{
  store: Pick<HoldStore, 'list'>;
  /** Keeps them durably, each once by its id; rejects where the store does. */
  keep(notices: readonly Notice[], now: number): Promise<void>;
  clock: Clock;
  observer: Pick<Observer, 'note'>;
  /** Is anybody to be told? */
  wanted(): boolean;
}>;

export type Notices = Readonly<{
  /** A hold is new. Never waits, never throws. */
  created(row: HoldRow): void;
  start(): void;
  /** Keeps what waits still. */
  stop(): Promise<void>;
}>;

const iso = (at: number): string => new Date(at).toISOString();

/** Named by its newest hold, so that the same news has the same name whoever tells it. */
const idOf = (hold: HoldId): EventId => `evt_${hold.slice(4)}` as EventId;

/** The notice of the newest hold of a batch, where `count` came since the last one. */
export const noticeOf = (row: HoldRow, count: number): Notice => ({
  id: idOf(row.id),
  kind: 'hold.created',
  subject: `${row.client}\n${row.batch}`,
  body: {
    type: 'hold.created',
    timestamp: iso(row.at),
    data: {
      hold: row.id,
      batch: row.batch,
      count,
      route: row.route,
      client: row.client,
      target: row.target,
      actions: row.actions.split(','),
      resourceType: row.resourceType,
      rule: row.rule,
      approvals: row.by,
      expiresAt: iso(row.expiresAt),
    },
  },
});

type Waiting = { newest: HoldRow | null; count: number; timer: Timer | null };

/** Makes them; before `start` they keep what they are told. */
export const makeNotices = (deps: NoticesDeps): Notices => {
  const { clock, observer } = deps;
  const batches = new Map<string, Waiting>();
  const under = new Set<Promise<void>>();
  let stopped = false;

  const keep = async (notices: readonly Notice[]): Promise<boolean> => {
    try {
      await deps.keep(notices, clock.now());
      return true;
    } catch (cause) {
      observer.note('warn', 'hold.notice.failed', { notices: notices.length, cause });
      return false;
    }
  };
  const track = (work: Promise<unknown>): void => {
    const tracked = work.then(
      () => undefined,
      () => undefined,
    );
    under.add(tracked);
    void tracked.then(() => under.delete(tracked));
  };
  const flush = async (key: string, waiting: Waiting): Promise<void> => {
    const { newest, count } = waiting;
    if (newest === null) {
      batches.delete(key);
      return;
    }
    waiting.newest = null;
    waiting.count = 0;
    const kept = await keep([noticeOf(newest, count)]);
    if (!kept) {
      waiting.newest ??= newest;
      waiting.count += count;
    }
    if (stopped) return;
    waiting.timer = clock.after(kept ? quietMs : againMs, () => {
      waiting.timer = null;
      track(flush(key, waiting));
    });
  };
  const lookBack = async (): Promise<void> => {
    const rows = await deps.store.list({ states: ['pending'], limit: lookedMax });
    const newest = new Map<string, { row: HoldRow; count: number }>();
    for (const row of rows) {
      const known = newest.get(`${row.client}\n${row.batch}`);
      if (known === undefined) newest.set(`${row.client}\n${row.batch}`, { row, count: 1 });
      else known.count += 1;
    }
    await keep([...newest.values()].map(({ row, count }) => noticeOf(row, count)));
  };
  return {
    created: (row) => {
      if (stopped || !deps.wanted()) return;
      const key = `${row.client}\n${row.batch}`;
      const known = batches.get(key);
      if (known !== undefined) {
        known.newest = row;
        known.count += 1;
        return;
      }
      if (batches.size >= batchesMax) {
        track(keep([noticeOf(row, 1)]));
        return;
      }
      const waiting: Waiting = { newest: row, count: 1, timer: null };
      batches.set(key, waiting);
      track(flush(key, waiting));
    },
    start: () => {
      if (!deps.wanted()) return;
      track(
        lookBack().catch((cause: unknown) => {
          observer.note('warn', 'hold.notice.failed', { notices: 0, cause });
        }),
      );
    },
    stop: async () => {
      stopped = true;
      await Promise.all(under);
      const left = [...batches.values()].flatMap(({ newest, count, timer }) => {
        timer?.cancel();
        return newest === null ? [] : [noticeOf(newest, count)];
      });
      batches.clear();
      if (left.length > 0) await keep(left);
    },
  };
};
