/**
 * The life of a gateway: builds every part, starts them in order, holds the snapshot in force, and
 * drains in reverse. `stop` works after a failed start.
 */
import type { AddressInfo } from 'node:net';
import { makeListener, type Listener } from './http/listener.ts';
import { serveAdmin } from './admin/listener.ts';
import type { AdminContext } from './admin/operation.ts';
import type { Clock, Timer } from './clock.ts';
import { filesOnDisk } from './config/files-on-disk.ts';
import type { Loaded } from './config/load.ts';
import { makeReloader, type Reloader } from './config/reloader.ts';
import { watchConfig, type Watch } from './config/watch.ts';
import { begin, type Beginning, type Good } from './beginning.ts';
import { adminContext, type Foundation } from './foundation.ts';
import { makeDataListener } from './http/data-listener.ts';
import type { Random } from './ids.ts';
import { keepLastGood } from './last-good.ts';
import type { Limiter } from './limits/limiter.ts';
import { makeMemoryLimiter } from './limits/memory.ts';
import { openSharedLimiter, type SharedLimiter } from './limits/redis.ts';
import { makeDoors } from './passage/pass.ts';
import type { Safeguards } from './passage/safeguards.ts';
import { makeSharedTurns } from './passage/shared-turns.ts';
import { makeTurns, type Turns } from './passage/turns.ts';
import { checksOf } from './readiness.ts';
import { makeSafetyRooms, type SafetyRooms } from './safeguards.ts';
import type { Snapshot } from './snapshot.ts';
import type { KeyFetcher } from './signatures/receiver.ts';
import { makeTargets, type LiveTargets } from './targets/make-targets.ts';
import type { Observer } from './telemetry/observe.ts';
import { makeUndo, type Undo } from './undo/make-undo.ts';
import { makeWebhooks, type Webhooks } from './webhooks.ts';

export type GatewayDeps = Readonly<{
  clock: Clock;
  random: Random;
  observer: Observer;
  /** Prometheus text of /metrics. */
  metrics(): Promise<string>;
  /** Fetches what webhooks are verified with; the same that `load` compiles receivers with. */
  keyFetcher: KeyFetcher;
  /** Loads the route file as it is now. */
  load(): Promise<Loaded>;
  /** Loads a set of route files that was kept as last good. */
  loadKept(sources: Readonly<Record<string, string>>): Promise<Loaded>;
  /** What stands in for single rooms of safety; default: none. */
  safeguards?: Partial<Safeguards>;
  /** Refuse to start on a bad file even where a last good one is kept. */
  strict: boolean;
  /** Watch the files; off in tests that reload by hand. */
  watch: boolean;
}>;

/** A running gateway. */
export type Gateway = Readonly<{
  data: AddressInfo;
  admin: AddressInfo;
  reload(): Promise<unknown>;
  status(): ReturnType<Reloader['status']>;
  recover(): Promise<unknown>;
  context: AdminContext;
  foundation: Foundation;
  stop(deadlineMs: number): Promise<void>;
}>;

/** Rounds of recovery, ms. */
const recoverEveryMs = 2_000;
const turnLimits = { waitersMax: 1_000, keysMax: 100_000 };
const bucketsMax = 100_000;

/** Everything that lives while a gateway runs, as far as it was started. */
type Parts = {
  readonly deps: GatewayDeps;
  readonly foundation: Foundation;
  readonly targets: LiveTargets;
  snapshot: Snapshot;
  stopping: boolean;
  reloader: Reloader;
  listeners: Listener[];
  watch: Watch | null;
  recovery: Timer | null;
  /** Keeps what the passage has still in memory. */
  closeDoors: () => Promise<void>;
  /** Rates that gateways count together. */
  limits: SharedLimiter | null;
  webhooks: Webhooks | null;
  undo: Undo | null;
  safety: SafetyRooms | null;
  /** What else ends with the gateway, before its store. */
  readonly enders: (() => void)[];
};

const stopParts = async (parts: Parts, deadlineMs: number): Promise<void> => {
  if (parts.stopping) return;
  parts.stopping = true;
  parts.watch?.stop();
  parts.recovery?.cancel();
  const { clock } = parts.deps;
  const until = clock.monotonic() + deadlineMs;
  const left = (): number => Math.max(0, until - clock.monotonic());
  const [data, ...others] = parts.listeners;
  // Together: a caller that takes all the time there is takes none from what is being delivered.
  const doorsShut = data?.stop(left()) ?? Promise.resolve();
  await Promise.all([parts.webhooks?.stop(left(), doorsShut), parts.safety?.stop(left())]);
  await doorsShut;
  await parts.targets.close(left());
  await parts.closeDoors();
  await parts.safety?.uses.stop();
  for (const end of parts.enders) end();
  parts.limits?.stop();
  await parts.foundation.ledger
    .act({
      kind: 'act',
      at: clock.now(),
      actor: 'gateway',
      act: 'gateway.stopped',
      details: { version: parts.snapshot.version },
    })
    .catch(() => undefined);
  await Promise.all(others.map((listener) => listener.stop(left())));
  await parts.foundation.close();
};

/** Tells when the credentials of targets end, so that an alert comes before they do. */
const tellExpiries = (observer: Observer, snapshot: Snapshot): void => {
  for (const { name, credentials } of Object.values(snapshot.targets)) {
    for (const { expiresAt } of credentials) {
      if (expiresAt === Number.POSITIVE_INFINITY) continue;
      observer.credentialExpiry({ holder: name, kind: 'target', expiresAt });
    }
  }
};

const activate = async (
  parts: Parts,
  loaded: Good,
  cause: string,
  by: string | null,
): Promise<void> => {
  const { deps, foundation, targets } = parts;
  const { snapshot } = loaded;
  const changed = snapshot.version !== parts.snapshot.version;
  if (changed) {
    // First kept, then recorded, then in force: the ledger names nothing that did not come to be.
    const at = deps.clock.now();
    const { keyRing, stores } = foundation;
    const clients = await keepLastGood({ store: stores.lastGood, keyRing }, loaded, { by, at });
    await foundation.ledger.act({
      kind: 'act',
      at,
      actor: 'gateway',
      act: 'config.activated',
      details: { version: snapshot.version, was: parts.snapshot.version, cause, by, clients },
    });
  }
  parts.snapshot = snapshot;
  targets.reconcile(snapshot.targets);
  parts.webhooks?.reconcile(snapshot);
  parts.safety?.reconcile();
  tellExpiries(deps.observer, snapshot);
};

const reloaderOf = (parts: () => Parts, beginning: Beginning): Reloader =>
  makeReloader(
    {
      load: () => parts().deps.load(),
      activate: (loaded, cause, by) => activate(parts(), loaded, cause, by),
      observe: ({ accepted, version, problems }) => {
        const { observer } = parts().deps;
        observer.configReloaded({ accepted, version, problems: problems.length });
        for (const problem of problems) observer.note('error', 'config.problem', { problem });
      },
      loaded: (loaded) => parts().watch?.follow(loaded),
    },
    { snapshot: beginning.loaded.snapshot, ...beginning },
  );

const localHosts = ['localhost', '127.0.0.1', '[::1]'];

/** Numbers in [0, 1) for pauses that must not fall together. */
const jitterOf = (random: Random) => (): number => random(4).readUInt32BE(0) / 2 ** 32;

/** Rates in this process, or together with the other gateways. */
const openLimiter = async (parts: Parts): Promise<Limiter> => {
  const { clock, random, observer } = parts.deps;
  const { environment, store } = parts.snapshot;
  if (store.sharedLimits === null) return makeMemoryLimiter({ keysMax: bucketsMax });
  const shared = await openSharedLimiter({
    at: store.sharedLimits,
    environment,
    keysMax: bucketsMax,
    shares: parts.foundation.ledger.share,
    clock,
    jitter: jitterOf(random),
    observer,
  });
  parts.limits = shared;
  return shared;
};

/** Turns in this process, or in the lines that gateways share. */
const openTurns = ({ deps: { clock }, foundation, ...parts }: Parts): Turns => {
  const { stores, ledger } = foundation;
  const turns = makeTurns({ ...turnLimits, clock });
  if (stores.shared === null) return turns;
  const shared = makeSharedTurns({ turns, store: stores.shared.turns, feed: stores.feed, clock });
  // The places in the lines go with the chain; nobody may record under them any more.
  ledger.whenLeaving(shared.forfeit);
  parts.enders.push(shared.stop);
  return shared;
};

const startListeners = async (parts: Parts, context: AdminContext) => {
  const { deps, foundation, targets } = parts;
  const { clock, random, observer } = deps;
  const limiter = await openLimiter(parts);
  const turns = openTurns(parts);
  const safety = makeSafetyRooms({
    ...deps,
    turns,
    foundation,
    targets,
    limiter,
    snapshot: () => parts.snapshot,
    wakeOutbox: () => parts.webhooks?.wake(),
  });
  parts.safety = safety;
  await safety.open();
  const doors = makeDoors({
    clock,
    random,
    observer,
    watch: foundation.watch,
    targets,
    limiter,
    turns,
    ledger: foundation.ledger,
    keyRing: foundation.keyRing,
    echoStore: foundation.stores.echoes,
    safeguards: { ...safety.safeguards, ...deps.safeguards },
    echoesKeptMs: () => parts.snapshot.store.retention.bodiesMs,
    snapshot: () => parts.snapshot,
    standing: {
      keyStands: (keyId, now) => foundation.callers.stillStanding(keyId, now),
      frozen: (scope) => foundation.freezes.frozenBy(scope)?.scope ?? false,
    },
  });
  parts.closeDoors = doors.close;
  await doors.load();
  const snapshot = () => parts.snapshot;
  parts.undo = makeUndo({
    ...deps,
    doors,
    ledger: foundation.ledger,
    snapshot,
    stopping: () => parts.stopping,
  });
  const webhooks = makeWebhooks({ ...deps, foundation, targets, limiter, doors, snapshot });
  parts.webhooks = webhooks;
  const data = makeDataListener({
    clock,
    random,
    observer,
    doors,
    watch: foundation.watch,
    callers: foundation.callers,
    webhooks: webhooks.doors,
    snapshot,
    stopping: () => parts.stopping,
  });
  const admin = makeListener(
    serveAdmin({
      context,
      callers: foundation.callers,
      random,
      observer,
      checks: () =>
        checksOf({
          ...foundation,
          clock,
          version: parts.snapshot.version,
          config: parts.reloader.status(),
          breakers: targets.state(),
          stopping: parts.stopping,
          ...safety.readiness(),
          limits: parts.limits?.state() ?? null,
        }),
      metrics: deps.metrics,
      hosts: () => new Set([...localHosts, parts.snapshot.admin.listen.host.toLowerCase()]),
    }),
  );
  parts.listeners.push(data, admin);
  return {
    doors,
    data: await data.start(parts.snapshot.server.listen),
    admin: await admin.start(parts.snapshot.admin.listen),
  };
};

const keepRecovering = (parts: Parts, recover: () => Promise<unknown>): void => {
  parts.recovery = parts.deps.clock.after(recoverEveryMs, () => {
    recover()
      .catch(() => parts.deps.observer.note('error', 'recovery.failed', {}))
      .finally(() => {
        if (!parts.stopping) keepRecovering(parts, recover);
      });
  });
};

/** Starts a gateway. Rejects with ConfigRefused or GatewayError; then nothing is left running. */
export const startGateway = async (deps: GatewayDeps): Promise<Gateway> => {
  let live: Parts | null = null;
  const beginning = await begin({ ...deps, inForce: () => live?.snapshot ?? null });
  const { foundation, loaded } = beginning;
  const parts: Parts = {
    deps,
    foundation,
    targets: makeTargets(deps),
    snapshot: loaded.snapshot,
    stopping: false,
    reloader: reloaderOf(() => parts, beginning),
    listeners: [],
    watch: null,
    recovery: null,
    closeDoors: () => Promise.resolve(),
    limits: null,
    webhooks: null,
    undo: null,
    safety: null,
    enders: [],
  };
  live = parts;
  try {
    parts.targets.reconcile(loaded.snapshot.targets);
    tellExpiries(deps.observer, loaded.snapshot);
    // With records missing the gateway starts all the same: reads go on, and a person can accept it.
    if (foundation.ledger.loss() === null) {
      await foundation.ledger.act({
        kind: 'act',
        at: deps.clock.now(),
        actor: 'gateway',
        act: 'gateway.started',
        details: { version: loaded.snapshot.version, lastGood: beginning.lastGood },
      });
    }
    const context = adminContext(
      deps,
      foundation,
      () => parts.snapshot,
      {
        status: () => parts.reloader.status(),
        apply: (version, by) => parts.reloader.apply(version, by),
      },
      {
        wake: () => parts.webhooks?.wake(),
        release: (row) => parts.safety?.release(row) ?? Promise.resolve(null),
        safety: () => parts.safety?.protection.desk ?? null,
        undo: () => parts.undo,
        drift: () => parts.safety?.drift ?? null,
        flushUses: () => parts.safety?.uses.flush() ?? Promise.resolve(),
      },
    );
    const { doors, data, admin } = await startListeners(parts, context);
    await foundation.ledger.answerForDead((writers) => {
      for (const writer of writers) {
        doors.load(writer).catch((cause: unknown) => {
          deps.observer.note('error', 'recovery.load.failed', { writer, cause });
        });
      }
    });
    keepRecovering(parts, () => doors.recover());
    parts.webhooks?.start();
    parts.safety?.start(doors);
    if (deps.watch) {
      parts.watch = watchConfig({
        ...loaded,
        clock: deps.clock,
        listFiles: filesOnDisk.listFiles,
        onChange: () =>
          void parts.reloader.reload('file').catch((cause: unknown) => {
            deps.observer.note('error', 'config.reload.failed', { cause });
          }),
      });
    }
    return {
      data,
      admin,
      context,
      foundation,
      status: () => parts.reloader.status(),
      reload: () => parts.reloader.reload('person'),
      recover: () => doors.recover(),
      stop: (deadlineMs) => stopParts(parts, deadlineMs),
    };
  } catch (error) {
    await stopParts(parts, 0);
    throw error;
  }
};
