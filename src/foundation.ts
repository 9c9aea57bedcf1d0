/**
 * What stands on the store: ledger, keys, freezes and the last good configuration. The only file
 * that names an engine. A gateway is built on it; the command line uses it where no gateway runs.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { hostname } from 'node:os';
import type { AdminContext } from './admin/operation.ts';
import { listKeys } from './callers/keys.ts';
import { makeCallersStanding, type CallersStanding } from './callers/standing.ts';
import { watchClock, type Clock, type ClockWatch } from './clock.ts';
import { receiverFactsOf, writtenGrantsOf } from './config/settings-of.ts';
import { openEvent } from './deliveries/kept-event.ts';
import { makeDriftActs } from './drift/drift-acts.ts';
import type { Random } from './ids.ts';
import { makeHoldsDesk, type DeskDeps } from './holds/holds-desk.ts';
import { evidenceOfStore, type EvidenceSource } from './ledger/evidence.ts';
import { exportLedger } from './ledger/export.ts';
import { makeLedger, type OwnedLedger } from './ledger/make-ledger.ts';
import { verifyLedger } from './ledger/verify.ts';
import { loadLastGood } from './last-good.ts';
import { makeReports } from './reports/make-reports.ts';
import { makeKeyRing, type KeyRing } from './sealing.ts';
import { makeSafetyDesk, type SafetyDesk } from './safety/make-safety.ts';
import type { Snapshot, StoreSettings } from './snapshot.ts';
import { engineOf } from './storage/engines.ts';
import type { Stores } from './storage/stores.ts';
import type { FeedTopic } from './store-feed.ts';
import { makeFreezesStanding, type FreezesStanding } from './targets/standing.ts';
import type { Observer } from './telemetry/observe.ts';

export type FoundationDeps = Readonly<{
  clock: Clock;
  random: Random;
  observer: Observer;
  /** Version of the snapshot in force, for the other gateways; absent where no gateway runs. */
  version?: () => string;
}>;

/** Which store, and whose ledger it is. */
export type Ground = Readonly<{ store: StoreSettings; environment: string }>;

/** The parts that stand on the store alone; the command line uses them without a gateway. */
export type Foundation = Readonly<{
  stores: Stores;
  keyRing: KeyRing;
  checkpointKey: KeyObject;
  ledger: OwnedLedger;
  callers: CallersStanding;
  freezes: FreezesStanding;
  watch: ClockWatch;
  close(): Promise<void>;
}>;

/** Ends parts in reverse, each of them whatever became of the others; rejects with the first failure. */
const closeAll = async (closers: readonly (() => Promise<void> | void)[]): Promise<void> => {
  const failures: unknown[] = [];
  for (const close of closers.toReversed()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
};

/** Opens the store and what stands on it. Rejects with GatewayError `ledger_unavailable`. */
export const openFoundation = async (
  { clock, random, observer, version }: FoundationDeps,
  { store, environment }: Ground,
): Promise<Foundation> => {
  const stores = await engineOf(store.at).open(store.at);
  const closers: (() => Promise<void> | void)[] = [() => stores.close()];
  try {
    const keyRing = makeKeyRing(store.encryptionKeys, random);
    const checkpointKey = createPrivateKey(store.checkpoints.keyPem);
    const watch = watchClock(clock);
    const ledger = makeLedger({
      store: stores.ledger,
      writers: stores.shared?.writers ?? null,
      losses: stores.losses,
      leaseMs: store.leaseMs,
      about: () => ({ name: `${hostname()}:${process.pid}`, version: version?.() ?? '' }),
      storeAt: watch.storeAt,
      clockTrusted: watch.trusted,
      steadyNow: watch.steady,
      keyRing,
      checkpointKey,
      checkpoints: store.checkpoints,
      retention: store.retention,
      environment,
      clock,
      random,
      observer,
    });
    // Before the start: one that fails half-way leaves no lease behind.
    closers.push(() => ledger.stop());
    await ledger.start();
    const newest = ledger.newestAt();
    if (newest !== null) watch.ledgerAt(newest);
    const callers = makeCallersStanding({ store: stores.keys, clock, observer });
    await callers.start();
    closers.push(() => callers.stop());
    const freezes = makeFreezesStanding({ store: stores.freezes, clock, observer });
    await freezes.start();
    closers.push(() => freezes.stop());
    const hear = (topic: FeedTopic, refresh: () => Promise<void>): void => {
      const ended = stores.feed.on(topic, () => {
        refresh().catch((cause: unknown) => observer.note('warn', 'store.news', { topic, cause }));
      });
      closers.push(ended);
    };
    hear('keys', callers.refresh);
    hear('freezes', freezes.refresh);
    hear('losses', ledger.lookAtLoss);
    for (const warning of await stores.warnings()) {
      observer.note('warn', 'store.warning', { warning });
    }
    return {
      stores,
      keyRing,
      checkpointKey,
      ledger,
      callers,
      freezes,
      watch,
      close: () => closeAll(closers),
    };
  } catch (error) {
    await closeAll(closers).catch(() => undefined);
    throw error;
  }
};

/** Where a verifier looks. */
export const evidenceSource = ({
  stores,
  keyRing,
}: Pick<Foundation, 'stores' | 'keyRing'>): EvidenceSource => ({
  store: stores.ledger,
  keyRing,
  writers: stores.shared?.writers ?? null,
});

/** What of a running gateway acts of people reach. */
export type Running = Readonly<{
  /** Wakes the outbox. */
  wake(): void;
  /** Lets an approved hold out. */
  release: DeskDeps['release'];
  /** Who protects and counts; null before it is made. */
  safety(): SafetyDesk | null;
  /** Takes entries back. */
  undo(): AdminContext['undo'];
  /** What people do where a resource drifted; null before it is made. */
  drift(): AdminContext['drift'] | null;
  /** Writes what is counted of the use of grants. */
  flushUses(): Promise<void>;
}>;

const nothingRuns: Running = {
  wake: () => undefined,
  release: () => Promise.resolve(null),
  safety: () => null,
  undo: () => null,
  drift: () => null,
  flushUses: () => Promise.resolve(),
};

/** Where people decide over holds. */
const deskOf = (
  { clock, observer }: Pick<FoundationDeps, 'clock' | 'observer'>,
  { stores, keyRing, ledger }: Foundation,
  snapshot: () => Snapshot,
  release: DeskDeps['release'],
) =>
  makeHoldsDesk({
    store: stores.holds,
    keyRing,
    clock,
    observer,
    snapshot,
    issuersOf: async (holder) =>
      (await listKeys({ store: stores.keys, clock }, { kind: 'client', holder })).map(
        ({ issuedBy, expiresAt, revokedAt }) => ({
          by: issuedBy,
          until: Math.min(expiresAt, revokedAt ?? expiresAt),
        }),
      ),
    changedBy: async (client) => {
      const kept = await loadLastGood({ store: stores.lastGood, keyRing });
      return kept?.grants[client]?.by ?? null;
    },
    endOf: async (entry) => {
      const { outcome = null, settledBy = null } = (await ledger.show(entry))?.row ?? {};
      return outcome === null || settledBy === null ? null : { outcome, settledBy };
    },
    release,
  });

/** What admin operations use, over an open foundation. */
export const adminContext = (
  deps: Pick<FoundationDeps, 'clock' | 'random' | 'observer'>,
  foundation: Foundation,
  snapshot: () => Snapshot,
  config: AdminContext['config'],
  { wake, release, safety, undo, drift, flushUses }: Running = nothingRuns,
): AdminContext => {
  const { clock, random } = deps;
  const { stores, keyRing, ledger, callers, freezes, watch } = foundation;
  const publicKey = createPublicKey(foundation.checkpointKey);
  const evidence = evidenceSource(foundation);
  const driftOffline = makeDriftActs({
    clock,
    snapshot,
    keyRing,
    store: stores.checks,
    live: null,
  });
  const offline = makeSafetyDesk({ ...deps, stores, snapshot });
  return {
    clock,
    watch,
    snapshot,
    ledger,
    keys: { store: stores.keys, clock, random, standing: callers },
    freezes,
    get safety() {
      return safety() ?? offline;
    },
    verifyLedger: (since) =>
      verifyLedger(evidenceOfStore(evidence), {
        publicKey,
        now: () => clock.now(),
        ...(since === null ? {} : { sinceCheckpoint: since }),
      }),
    exportLedger: (query) => exportLedger(evidence, query),
    deliveries: {
      events: stores.events,
      outbox: stores.outbox,
      open: (id, sealed) => openEvent(keyRing, id, sealed),
      wake,
    },
    holds: deskOf(deps, foundation, snapshot, release),
    get undo() {
      return undo();
    },
    get drift() {
      return drift() ?? driftOffline;
    },
    reports: makeReports({
      clock,
      snapshot,
      ledger,
      written: writtenGrantsOf,
      receivers: receiverFactsOf,
      keys: stores.keys,
      uses: stores.uses,
      flush: flushUses,
    }),
    acceptLoss: (by, reason) => ledger.acceptLoss(by, reason),
    loss: () => ledger.loss(),
    config,
  };
};

/**
 * The route files kept last, or null. Opens the store for this alone: whose ledger it is stands in
 * the very files that are looked for, so nothing is written or signed before they are read.
 */
export const readLastGood = async (
  { random }: Pick<FoundationDeps, 'random'>,
  store: StoreSettings,
): Promise<Readonly<Record<string, string>> | null> => {
  const stores = await engineOf(store.at).open(store.at);
  try {
    const keyRing = makeKeyRing(store.encryptionKeys, random);
    return (await loadLastGood({ store: stores.lastGood, keyRing }))?.sources ?? null;
  } finally {
    await stores.close();
  }
};
