/**
 * A gateway with a real SCIM server, a ledger with real entries, and beside it the room of drift over the
 * same ledger. What is watched is kept in a file of its own: the gateway's own room, whose routes ask for
 * no later looks, would end all of it. The clock is the system's, shifted; pauses of a second cost none.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { request } from 'undici';
import type { Clock } from '../../src/clock.ts';
import type { CheckStore } from '../../src/drift/check-store.ts';
import { makeDrift, type Drift, type DriftDeps } from '../../src/drift/make-drift.ts';
import type { Expected } from '../../src/identity/scim/readback.ts';
import type { Action } from '../../src/identity/operation.ts';
import { systemRandom, type LedgerId } from '../../src/ids.ts';
import { makeMemoryLimiter } from '../../src/limits/memory.ts';
import { makeDoors } from '../../src/passage/pass.ts';
import type { Applied } from '../../src/passage/safeguards.ts';
import { noSafeguards } from '../../src/passage/safeguards.ts';
import { makeTurns } from '../../src/passage/turns.ts';
import type { Route, Snapshot } from '../../src/snapshot.ts';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import { makeTargets } from '../../src/targets/make-targets.ts';
import { silentObserver } from '../../src/telemetry/observe.ts';
import { mainConfig, startFixture, targetToken, type Fixture } from '../support/fixture.ts';

export type Noted = Readonly<{ event: string; fields: Readonly<Record<string, unknown>> }>;

export type ShiftedClock = Clock & Readonly<{ advance(ms: number): void; pauses(): number }>;

/** The system's clock, shifted; short timers fire at once, long ones when time is advanced to them. */
export const shiftedClock = (): ShiftedClock => {
  let shift = 0;
  let pauses = 0;
  let long: { at: number; run: () => void }[] = [];
  const now = (): number => Date.now() + shift;
  return {
    now,
    monotonic: () => performance.now() + shift,
    after: (ms, run) => {
      if (ms <= 1_000) {
        if (ms === 1_000) pauses += 1;
        const timer = setTimeout(run, 1);
        return { cancel: () => clearTimeout(timer) };
      }
      const entry = { at: now() + ms, run };
      long.push(entry);
      return { cancel: () => void (long = long.filter((other) => other !== entry)) };
    },
    advance: (ms) => {
      shift += ms;
      const due = long.filter(({ at }) => at <= now());
      long = long.filter((entry) => !due.includes(entry));
      for (const { run } of due) run();
    },
    pauses: () => pauses,
  };
};

export type DriftScene = Readonly<{
  fixture: Fixture;
  drift: Drift;
  store: CheckStore;
  /** The same room of another gateway, over the same store and target. */
  twin(): Drift;
  clock: ShiftedClock;
  noted: readonly Noted[];
  counted(): Readonly<{ watching: number; drifted: number }> | null;
  /** A change through the gateway, and the room told of it. */
  change(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
  /** The same, the room not told: as if another gateway had made it. */
  changeUntold(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
  /** A change at the target, past every gateway. */
  outside(method: string, path: string, body?: unknown): Promise<number>;
  /** Another list of verified actions, and schedule. */
  reload(options: SceneOptions): void;
  stop(): Promise<void>;
}>;

export const minute = 60_000;
export const day = 86_400_000;

export type SceneOptions = Readonly<{
  again?: Route['verifyAgain'];
  verify?: readonly string[];
  /** Where the target is, instead of the sandbox. */
  targetUrl?: string;
}>;

const usual: readonly string[] = ['users:update', 'users:deactivate', 'users:delete'];

/** The gateway's snapshot, its routes looking again. */
const lookingAgain = (snapshot: Snapshot, options: SceneOptions): Snapshot => {
  const verify = new Set(options.verify ?? usual);
  const verifyAgain = options.again ?? { afterMs: [minute, 15 * minute], everyMs: day };
  return {
    ...snapshot,
    routes: snapshot.routes.map((route) => ({ ...route, verify, verifyAgain })),
  };
};

const appliedOf = async (
  { gateway }: Fixture,
  snapshot: Snapshot,
  id: LedgerId,
  now: number,
): Promise<Applied | null> => {
  let shown = await gateway.context.ledger.show(id);
  // Outcomes are written within 20 ms.
  while (shown?.row.outcome === null) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    shown = await gateway.context.ledger.show(id);
  }
  assert.ok(shown !== null);
  const { row, body } = shown;
  if (row.outcome !== 'applied') return null;
  const route = snapshot.routes.find(({ name }) => name === row.route);
  const target = snapshot.targets[row.target];
  const type = Object.values(route?.types ?? {}).find(({ name }) => name === row.resource.type);
  assert.ok(route !== undefined && target !== undefined && type !== undefined);
  return {
    route,
    target,
    client: row.client,
    entry: id,
    // As the passage tells it: when the outcome is known.
    at: now,
    actions: row.actions as readonly Action[],
    type,
    resourceId: row.resource.id,
    expected: (body?.expected ?? null) as Expected | null,
    before: null,
    after: null,
  };
};

/** Starts all of it. Stop it in an `after` hook. */
export const startDriftScene = async (options: SceneOptions = {}): Promise<DriftScene> => {
  const clock = shiftedClock();
  const fixture = await startFixture({
    clock,
    config: (url) => mainConfig(options.targetUrl ?? url),
  });
  const { gateway } = fixture;
  const { foundation } = gateway;
  const beside = await openSqlite({ path: join(fixture.directory, 'beside.db') });
  const store = beside.checks;
  let inForce = lookingAgain(gateway.context.snapshot(), options);
  const snapshot = (): Snapshot => inForce;
  const noted: Noted[] = [];
  let counted: Readonly<{ watching: number; drifted: number }> | null = null;
  const observer = {
    ...silentObserver,
    note: (_level: string, event: string, fields: Noted['fields']) => {
      noted.push({ event, fields });
    },
    driftCounted: (now: Readonly<{ watching: number; drifted: number }>) => {
      counted = now;
    },
  };
  const targets = makeTargets({ clock, observer });
  targets.reconcile(snapshot().targets);
  const turns = makeTurns({ waitersMax: 100, keysMax: 1_000, clock });
  const limiter = makeMemoryLimiter({ keysMax: 100 });
  const doors = makeDoors({
    clock,
    random: systemRandom,
    observer,
    watch: foundation.watch,
    targets,
    limiter,
    turns,
    ledger: foundation.ledger,
    keyRing: foundation.keyRing,
    echoStore: foundation.stores.echoes,
    echoesKeptMs: () => day,
    snapshot,
    standing: { keyStands: () => true, frozen: () => false },
    safeguards: noSafeguards,
  });
  const settled = async (id: string): Promise<Applied | null> =>
    appliedOf(fixture, snapshot(), id as LedgerId, clock.now());
  const deps: DriftDeps = {
    clock,
    random: systemRandom,
    keyRing: foundation.keyRing,
    store,
    ledger: foundation.ledger,
    limiter,
    targets,
    turns,
    snapshot,
    observer,
    doors: () => ({
      pass: async (passage) => {
        const outcome = await doors.pass(passage);
        const applied = outcome.ledger === null ? null : await settled(outcome.ledger.id);
        if (applied !== null) drift.aftermath.applied(applied);
        return outcome;
      },
    }),
  };
  const drift = makeDrift(deps);
  await drift.start();
  const changeUntold: DriftScene['change'] = async (method, path, body) => {
    const answered = await fixture.ask(method, `/scim/sandbox${path}`, { body });
    assert.ok(answered.status < 300, answered.text);
    await settled(String(answered.headers['sallyport-ledger-id']));
    return { ...answered.body, ledgerId: answered.headers['sallyport-ledger-id'] };
  };
  return {
    fixture,
    drift,
    store,
    twin: () => makeDrift({ ...deps, turns: makeTurns({ waitersMax: 9, keysMax: 9, clock }) }),
    clock,
    noted,
    counted: () => counted,
    changeUntold,
    change: async (method, path, body) => {
      const made = await changeUntold(method, path, body);
      const applied = await settled(String(made['ledgerId']));
      if (applied !== null) drift.aftermath.applied(applied);
      return made;
    },
    outside: async (method, path, body) => {
      const { statusCode, body: answer } = await request(`${fixture.sandbox.url}${path}`, {
        method: method as 'GET',
        headers: {
          authorization: `Bearer ${targetToken}`,
          'content-type': 'application/scim+json',
        },
        body: body === undefined ? null : JSON.stringify(body),
      });
      await answer.dump();
      return statusCode;
    },
    reload: (next) => {
      inForce = lookingAgain(gateway.context.snapshot(), next);
    },
    stop: async () => {
      await drift.stop();
      await targets.close(0);
      await beside.close();
      await fixture.stop();
    },
  };
};
