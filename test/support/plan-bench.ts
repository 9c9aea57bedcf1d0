/**
 * Plans over a whole gateway's store, a real SCIM server and a proxy that can cut the answer off: runs
 * one try after the other, also in a second life that remembers nothing but the ledger.
 */
import { type Clock, systemClock } from '../../src/clock.ts';
import { compileExpression, type Expression } from '../../src/expressions.ts';
import type { LifecycleEvent } from '../../src/identity/events/event.ts';
import { eventVariableTypes } from '../../src/identity/events/variables.ts';
import type { Json } from '../../src/identity/json-value.ts';
import { newEventId, newSpanId, newTraceId, systemRandom, type EventId } from '../../src/ids.ts';
import type { LedgerRow } from '../../src/ledger/record.ts';
import { makeMemoryLimiter } from '../../src/limits/memory.ts';
import { makeDoors } from '../../src/passage/pass.ts';
import { noSafeguards } from '../../src/passage/safeguards.ts';
import { makeTurns } from '../../src/passage/turns.ts';
import type { Plan, PlanStep, Snapshot } from '../../src/snapshot.ts';
import { makeTargets } from '../../src/targets/make-targets.ts';
import { silentObserver, type PlanChanged } from '../../src/telemetry/observe.ts';
import { makeRunPlan } from '../../src/deliveries/run-plan.ts';
import type { CallMade } from '../../src/deliveries/tried.ts';
import type { PlanOrder, PlanResult } from '../../src/deliveries/plan-runner.ts';
import { startCuttingProxy, type CuttingProxy } from './cutting-proxy.ts';
import { mainConfig, startFixture, type Fixture } from './fixture.ts';

/** The internal client, with what a leaver and a joiner need; groups but the admins'. */
const planClient = `  plan-leaver: { owner: iam@example.com, purpose: plans, expires: 2099-12-31, auth: internal }
  narrow-plan: { owner: iam@example.com, purpose: plans, expires: 2099-12-31, auth: internal }
`;
const planGrants = `      - { client: plan-leaver, use: provision }
      - { client: narrow-plan, users: { actions: [read, search] } }
`;

export const expression = (source: string, result: 'bool' | null = null): Expression => {
  const compiled = compileExpression(source, eventVariableTypes, result);
  if ('problem' in compiled) throw new Error(compiled.problem);
  return compiled;
};

/** A step with CEL as text. */
export type StepText = Partial<Pick<PlanStep, 'name' | 'type' | 'verify' | 'absent' | 'route'>> &
  Readonly<{
    do: PlanStep['do'];
    find?: Readonly<Record<string, string>>;
    set?: Readonly<Record<string, string>>;
    group?: string;
    when?: string;
  }>;

const pairs = (texts: Readonly<Record<string, string>> = {}): PlanStep['find'] =>
  Object.entries(texts).map(([path, value]) => ({ path, value: expression(value) }));

export const stepOf = (text: StepText): PlanStep => ({
  name: 'step',
  route: 'sandbox',
  type: 'users',
  verify: false,
  absent: 'skip',
  ...text,
  find: pairs(text.find),
  set: pairs(text.set),
  group: text.group === undefined ? null : expression(text.group),
  when: text.when === undefined ? null : expression(text.when, 'bool'),
});

export const eventOf = (more: Partial<LifecycleEvent> = {}): LifecycleEvent => ({
  source: 'test',
  id: null,
  kind: 'leaver',
  type: '',
  subject: '7',
  keys: {},
  effectiveAt: null,
  observedAt: null,
  changed: [],
  cancels: [],
  raw: null,
  ...more,
});

/** One try. The same `event` and `item` is the same delivery. */
export type Try = Readonly<{
  steps: readonly StepText[];
  enriched?: Json;
  event?: EventId;
  as?: string;
  attempt?: number;
  token?: number;
  deadlineMs?: number;
  mayStart?: () => boolean;
  change?: (snapshot: Snapshot) => Snapshot;
}>;

export type PlanBench = Readonly<{
  fixture: Fixture;
  proxy: CuttingProxy;
  /** The trace of every event here. */
  traceId: string;
  /** What telemetry was told. */
  changes: readonly PlanChanged[];
  calls: readonly CallMade[];
  run(tried: Try): Promise<PlanResult>;
  /** Forgets all but the ledger, as a new process would, and takes up what is in doubt. */
  restart(): Promise<void>;
  recover(): Promise<unknown>;
  rows(): Promise<readonly LedgerRow[]>;
  stop(): Promise<void>;
}>;

const claimedOf = (tried: Try, traceId: ReturnType<typeof newTraceId>): PlanOrder['delivery'] => ({
  key: { event: tried.event ?? newEventId(Date.now(), systemRandom), item: 0, name: 'leave' },
  route: 'hr',
  lane: 'hr/leave',
  line: Buffer.alloc(16),
  kind: 'leaver',
  observedAt: 0,
  attempt: tried.attempt ?? 1,
  token: tried.token ?? 1,
  leaseUntil: Number.MAX_SAFE_INTEGER,
  gapAfter: null,
  replayed: false,
  outOfOrder: false,
  event: {
    at: 0,
    sender: 'test',
    keyId: '1',
    traceId,
    spanId: newSpanId(systemRandom),
    sealed: null,
  },
});

/** Starts it. `change` rewrites the route file. */
export const startPlanBench = async (
  options: Readonly<{ change?: (text: string) => string; clock?: Clock }> = {},
): Promise<PlanBench> => {
  const clock = options.clock ?? systemClock;
  let proxy: CuttingProxy | null = null;
  // The proxy comes before the gateway and after the sandbox, whose port the route file tells.
  let sandboxPort = 0;
  const front = { port: 0 };
  const fixture = await startFixture({
    clients: ['full'],
    clock,
    config: (url) => {
      sandboxPort = Number(new URL(url).port);
      front.port = sandboxPort;
      const text = mainConfig(url)
        .replace('targets:\n', `${planClient}targets:\n`)
        .replace(/(- \{ client: reader.*\n)/, `$1${planGrants}`)
        .replace('timeout: 5s', 'timeout: 2s\n    settleAfter: 10ms\n    retry: { attempts: 1 }');
      return options.change?.(text) ?? text;
    },
  });
  proxy = await startCuttingProxy({ host: '127.0.0.1', port: sandboxPort });
  const { foundation } = fixture.gateway;
  const traceId = newTraceId(clock.now(), systemRandom);
  const snapshot = (): Snapshot => {
    const now = fixture.gateway.context.snapshot();
    const sandbox = now.targets['sandbox'];
    if (sandbox === undefined) throw new Error('no target');
    const baseUrl = sandbox.settings.baseUrl.replace(`:${sandboxPort}`, `:${proxy.port}`);
    const behind = { ...sandbox, digest: 'proxied', settings: { ...sandbox.settings, baseUrl } };
    return { ...now, targets: { sandbox: behind } };
  };
  const targets = makeTargets({ clock, observer: silentObserver });
  targets.reconcile(snapshot().targets);
  const open = () =>
    makeDoors({
      safeguards: noSafeguards,
      clock,
      random: systemRandom,
      observer: silentObserver,
      watch: foundation.watch,
      targets,
      limiter: makeMemoryLimiter({ keysMax: 100 }),
      turns: makeTurns({ waitersMax: 100, keysMax: 100, clock }),
      ledger: foundation.ledger,
      keyRing: foundation.keyRing,
      echoStore: foundation.stores.echoes,
      echoesKeptMs: () => 1_000,
      snapshot,
      standing: {
        keyStands: (keyId, now) => foundation.callers.stillStanding(keyId, now),
        frozen: (scope) => foundation.freezes.frozenBy(scope) !== null,
      },
    });
  let doors = open();
  const changes: PlanChanged[] = [];
  const calls: CallMade[] = [];
  const observer = { planChanged: (record: PlanChanged) => void changes.push(record) };
  const make = () => makeRunPlan({ doors, clock, random: systemRandom, observer });
  let runPlan = make();
  return {
    fixture,
    proxy,
    traceId,
    changes,
    calls,
    run: async (tried) => {
      const plan: Plan = {
        name: 'leaver',
        as: tried.as ?? 'plan-leaver',
        deadlineMs: tried.deadlineMs ?? 60_000,
        steps: tried.steps.map(stepOf),
      };
      const seen = snapshot();
      return runPlan({
        snapshot: tried.change?.(seen) ?? seen,
        plan,
        event: eventOf(),
        enriched: tried.enriched ?? null,
        delivery: claimedOf(tried, traceId),
        calls,
        mayStart: tried.mayStart ?? (() => true),
        deadline: clock.monotonic() + 60_000,
      });
    },
    restart: async () => {
      await doors.close();
      doors = open();
      runPlan = make();
      await doors.load();
    },
    recover: () => doors.recover(),
    rows: () => foundation.ledger.list({ limit: 100 }),
    stop: async () => {
      await doors.close();
      await targets.close(100);
      await proxy.stop();
      await fixture.stop();
    },
  };
};
