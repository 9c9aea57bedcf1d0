/**
 * The right to write: this process's chain and how long it may still use it. Where one process owns
 * the store the right never ends. Where several share it, it is a lease on the store's clock, renewed
 * six times in its life; what is left of it is measured from before the store was asked, by the clock
 * that ran faster, so a process that slept never believes in more than it has. Each renewal also
 * closes the chains of gateways whose lease ended. Whoever could not reach the store itself waits a
 * whole lease before that: the others may have been cut off just as long.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Random } from '../ids.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { Head, LedgerStore } from './store.ts';
import type { AboutGateway, LiveGateway, WriterStore } from './writer-store.ts';

export type LeaseDeps = Readonly<{
  store: Pick<LedgerStore, 'head'>;
  /** Null where one process owns the store. */
  writers: WriterStore | null;
  leaseMs: number;
  about(): AboutGateway;
  clock: Clock;
  random: Random;
  observer: Pick<Observer, 'note' | 'gatewaysSeen'>;
  /** Told of the store's time, ms, whenever it is heard. */
  storeAt(at: number): void;
  /** Chains that have open entries for which this gateway answers. */
  chainsAnsweredFor(): Promise<readonly string[]>;
}>;

/** What happens to a lease. None may throw. */
export type LeaseEvents = Readonly<{
  /** Another gateway closed this process's chain. */
  closed(): void;
  /** The store answers again after it did not. */
  back(): void;
}>;

/** Told of chains for whose open entries this process answers from now on. Must not throw. */
export type TookOver = (writers: readonly string[]) => void;

export type Lease = Readonly<{
  /** Takes a chain: at the start, and after another gateway closed the one before. */
  claim(): Promise<Head>;
  /** Begins to renew. */
  start(events: LeaseEvents): Promise<void>;
  /** Takes over what dead gateways left, now and with every renewal. Commands never do. */
  answerForDead(tookOver: TookOver): Promise<void>;
  /** Milliseconds during which nobody else settles what this chain recorded; Infinity = always. */
  leftMs(): number;
  /** Does it last for `ms`? Renews it at once where it is short, and never rejects. */
  lasts(ms: number): Promise<boolean>;
  /** Gateways that hold a lease, as of the last renewal; empty where one process owns the store. */
  gateways(): readonly LiveGateway[];
  /** Ends it: others take over at once what is left open. */
  release(): Promise<void>;
}>;

/** Versions of the configuration that gateways serve; more than one is a split. Commands serve none. */
export const servedVersions = (gateways: readonly AboutGateway[]): ReadonlySet<string> =>
  new Set(gateways.map(({ version }) => version).filter((version) => version !== ''));

/** The right of a process that owns its store. */
const soleLease = ({ store, random }: LeaseDeps): Lease => ({
  claim: () => store.head(random(4).toString('hex')),
  start: () => Promise.resolve(),
  answerForDead: () => Promise.resolve(),
  leftMs: () => Number.POSITIVE_INFINITY,
  lasts: () => Promise.resolve(true),
  gateways: () => [],
  release: () => Promise.resolve(),
});

const renewalsPerLease = 6;
const renewMs = { least: 250, most: 5_000 };

const sharedLease = (deps: LeaseDeps, writers: WriterStore): Lease => {
  const { clock, observer, leaseMs, about } = deps;
  const everyMs = Math.min(Math.max(leaseMs / renewalsPerLease, renewMs.least), renewMs.most);
  const state = {
    writer: '',
    /** When the present lease was asked for, on both clocks; null = there is none. */
    since: null as Readonly<{ monotonic: number; wall: number }> | null,
    gateways: [] as readonly LiveGateway[],
    events: null as LeaseEvents | null,
    tookOver: null as TookOver | null,
    timer: null as Timer | null,
    stopped: false,
    failing: false,
    /** Monotonic ms before which nothing is taken over. */
    takeOverFrom: 0,
    /** A takeover may have happened without its answer. */
    uncertain: false,
    renewing: null as Promise<void> | null,
    takingOver: false,
  };
  const now = () => ({ monotonic: clock.monotonic(), wall: clock.now() });

  const takeOver = async (): Promise<void> => {
    if (state.tookOver === null || clock.monotonic() < state.takeOverFrom) return;
    const before = state.uncertain;
    state.uncertain = true;
    const closed = new Set(await writers.takeOver(state.writer));
    if (before) for (const chain of await deps.chainsAnsweredFor()) closed.add(chain);
    state.uncertain = false;
    closed.delete(state.writer);
    if (closed.size === 0) return;
    observer.note('warn', 'gateway.took-over', { chains: [...closed] });
    state.tookOver([...closed]);
  };
  const renew = async (): Promise<void> => {
    const { writer } = state;
    const asked = now();
    const renewed = await writers.renew({ ...about(), writer, leaseMs });
    // A new chain was claimed meanwhile: this says nothing of it.
    if (writer !== state.writer) return;
    deps.storeAt(renewed.storeNow);
    state.gateways = renewed.gateways;
    const { size: versions } = servedVersions(renewed.gateways);
    observer.gatewaysSeen({ live: renewed.gateways.length, versions });
    if (!renewed.held) {
      state.since = null;
      state.events?.closed();
      return;
    }
    state.since = asked;
  };
  /** One renewal at a time; whoever asks meanwhile shares it. Never rejects. */
  const renewOnce = (): Promise<void> => {
    state.renewing ??= renew()
      .then(
        () => {
          if (!state.failing) return;
          observer.note('info', 'gateway.lease.renewed', {});
          state.failing = false;
          state.events?.back();
        },
        (cause: unknown) => {
          if (!state.failing) observer.note('error', 'gateway.lease.failed', { cause });
          state.failing = true;
          state.takeOverFrom = clock.monotonic() + leaseMs;
        },
      )
      .finally(() => {
        state.renewing = null;
      });
    return state.renewing;
  };
  /** Beside the renewals, which must not wait for it. */
  const takeOverBeside = (): void => {
    if (state.failing || state.takingOver) return;
    state.takingOver = true;
    takeOver()
      .catch((cause: unknown) => observer.note('warn', 'gateway.take-over.failed', { cause }))
      .finally(() => {
        state.takingOver = false;
      });
  };
  const arm = (): void => {
    if (state.stopped) return;
    state.timer = clock.after(state.failing ? everyMs / 2 : everyMs, () => {
      void renewOnce().then(() => {
        takeOverBeside();
        arm();
      });
    });
  };
  const leftMs = (): number => {
    if (state.since === null) return 0;
    const { monotonic, wall } = now();
    const passed = Math.max(monotonic - state.since.monotonic, wall - state.since.wall);
    return Math.max(0, leaseMs - passed);
  };
  return {
    claim: async () => {
      const asked = now();
      const candidate = deps.random(4).toString('hex');
      const { storeNow, ...head } = await writers.claim({ ...about(), candidate, leaseMs });
      deps.storeAt(storeNow);
      state.writer = head.writer;
      state.since = asked;
      return head;
    },
    start: async (events) => {
      state.events = events;
      await renew();
      arm();
    },
    answerForDead: (tookOver) => {
      state.tookOver = tookOver;
      return takeOver();
    },
    leftMs,
    lasts: async (ms) => {
      if (leftMs() >= ms) return true;
      await renewOnce();
      return leftMs() >= ms;
    },
    gateways: () => state.gateways,
    release: async () => {
      state.stopped = true;
      state.timer?.cancel();
      // A renewal that arrived after the release would give the chain a whole lease again.
      await state.renewing;
      if (state.writer === '') return;
      await writers.release(state.writer).catch((cause: unknown) => {
        // Others take over when it has run out.
        observer.note('warn', 'gateway.lease.unreleased', { cause });
      });
    },
  };
};

/** Makes the lease; nothing is asked of the store before `claim`. */
export const makeLease = (deps: LeaseDeps): Lease =>
  deps.writers === null ? soleLease(deps) : sharedLease(deps, deps.writers);
