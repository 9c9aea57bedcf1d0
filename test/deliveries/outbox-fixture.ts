/**
 * An outbox on a real SQLite file, real targets and receivers on loopback, under a clock that moves
 * only when told.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { watchClock } from '../../src/clock.ts';
import type { DeliveryRow } from '../../src/deliveries/event-store.ts';
import { sealEvent, type KeptEvent } from '../../src/deliveries/kept-event.ts';
import {
  makeDeliveries,
  type Deliveries,
  type DeliveriesDeps,
} from '../../src/deliveries/make-deliveries.ts';
import type { LaneCount, OutboxStore } from '../../src/deliveries/outbox-store.ts';
import { GatewayError } from '../../src/errors.ts';
import { rfcKnobs } from '../../src/identity/dialects/knobs.ts';
import type { EventReader, LifecycleEvent } from '../../src/identity/events/event.ts';
import { newEventId, newSpanId, newTraceId, systemRandom, type EventId } from '../../src/ids.ts';
import { makeKeyRing } from '../../src/sealing.ts';
import { compileSigner } from '../../src/signatures/compile-signer.ts';
import type { Signer } from '../../src/signatures/receiver.ts';
import type {
  Deliver,
  Forward,
  PlanRun,
  Snapshot,
  Target,
  WebhookRoute,
} from '../../src/snapshot.ts';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import type { Stores } from '../../src/storage/stores.ts';
import { silentFeed } from '../../src/store-feed.ts';
import { makeTargets } from '../../src/targets/make-targets.ts';
import { targetSettings } from '../../src/targets/settings.ts';
import type { DeliveryAttempted } from '../../src/telemetry/observe.ts';
import { manualClock, type ManualClock } from '../ledger/manual-clock.ts';

/** What a receiver got. */
export type Got = Readonly<{
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}>;
export type Answering = (got: Got, response: ServerResponse, ordinal: number) => void;

/** A receiver on a free port; `got` is what came, oldest first. */
export const startReceiver = async (
  t: TestContext,
  answer: Answering = (_got, response) => void response.writeHead(204).end(),
) => {
  const got: Got[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one: Got = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks),
      };
      got.push(one);
      answer(one, response, got.length);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
};

export const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

const makeSigner = (): Signer => {
  const key = { id: 'sign', text: secret, notBefore: 0, until: Number.POSITIVE_INFINITY };
  const signer = compileSigner({ scheme: 'standard-webhooks' } as never, key);
  if ('problem' in signer) throw new Error(signer.problem);
  return signer;
};

type Item = Readonly<{ subject: string; kind?: string; effectiveAt?: number; observedAt?: number }>;

/** Reads `{ items: [...] }`, or a body that is one item. */
const readItems = (text: string): readonly Item[] | null => {
  try {
    const value = JSON.parse(text) as { items?: readonly Item[] } & Item;
    return value.items ?? [value];
  } catch {
    return null;
  }
};

const eventOf = (item: Item): LifecycleEvent => ({
  source: 'fixture',
  id: null,
  kind: item.kind ?? 'mover',
  type: '',
  subject: item.subject,
  keys: {},
  effectiveAt: item.effectiveAt ?? null,
  observedAt: item.observedAt ?? null,
  changed: [],
  cancels: [],
  raw: item,
});

export const reader: EventReader = {
  source: 'fixture',
  read: ({ text }) => {
    const items = readItems(text);
    if (items === null) return { unreadable: 'json' };
    return {
      events: items.map(eventOf),
      envelope: (item) => (items.length === 1 ? null : JSON.stringify({ items: [items[item]] })),
    };
  },
  enrich: (event, enriched) => {
    const date = (enriched as { effectiveAt?: number } | null)?.effectiveAt;
    return date === undefined ? event : { ...event, effectiveAt: date };
  },
  needsEnriched: false,
};

/** A target on a URL of loopback. */
export const makeTarget = (
  name: string,
  url: string,
  settings: Record<string, unknown> = {},
  more: Partial<Target> = {},
): Target => ({
  name,
  settings: targetSettings.parse({ baseUrl: url, allowPrivate: ['127.0.0.0/8'], ...settings }),
  knobs: rfcKnobs,
  searchesAsAsked: true,
  plainWrites: true,
  tenant: url,
  safety: null,
  digest: `${name} ${url} ${JSON.stringify(settings)}`,
  credentials: [],
  unconfigured: null,
  limitReads: null,
  limitWrites: null,
  ...more,
});

export const makeForward = (more: Partial<Forward> = {}): Forward => {
  const name = more.name ?? 'n8n';
  return {
    name,
    lane: `hr/${name}`,
    when: null,
    order: null,
    attemptsMax: 12,
    concurrent: 8,
    kind: 'forward',
    target: 'n8n',
    path: '/webhook/hr',
    signer: makeSigner(),
    answers: false,
    ...more,
  };
};

export const makePlanRun = (more: Partial<PlanRun> = {}): PlanRun => ({
  name: 'leave',
  lane: 'hr/leave',
  when: null,
  order: null,
  attemptsMax: 12,
  concurrent: 8,
  kind: 'plan',
  plan: 'leaver',
  ...more,
});

/** A snapshot with one webhook route. */
export const makeSnapshot = (
  deliver: readonly Deliver[],
  targets: readonly Target[],
  route: Partial<WebhookRoute> = {},
): Snapshot =>
  ({
    version: createHash('sha256').update(String(targets.length)).digest('hex').slice(0, 12),
    targets: Object.fromEntries(targets.map((target) => [target.name, target])),
    plans: { leaver: { name: 'leaver', as: 'internal', deadlineMs: 20_000, steps: [] } },
    holds: { pendingMax: 1_000, expiresMs: 86_400_000, notify: [] },
    store: { leaseMs: 60_000, retention: { ledgerMs: 1e9, bodiesMs: 1e9, deliveriesMs: 1e9 } },
    webhooks: [
      {
        name: 'hr',
        path: '/hooks/hr',
        segments: ['hooks', 'hr'],
        receiver: null,
        unconfigured: null,
        bodyBytesMax: 1_048_576,
        limit: null,
        dedupe: { by: 'id', windowMs: 1_000 },
        reader,
        enrich: null,
        deliver,
        answer: null,
        silentAfterMs: null,
        trace: 'restart',
        ...route,
      },
    ],
  }) as unknown as Snapshot;

/** Draws that are as late as they can be, so that waits are known: the ceiling itself. */
export const lateRandom = (bytes: number): Buffer =>
  bytes === 6 ? Buffer.alloc(6, 0xff) : randomBytes(bytes);

export type Scene = Readonly<{
  clock: ManualClock;
  stores: Pick<Stores, 'events' | 'outbox'>;
  told: DeliveryAttempted[];
  counted: (readonly LaneCount[])[];
  notes: string[];
  /** What was asked of the outbox's store by the dispatcher, oldest first. */
  asked: string[];
  /** Methods of that store that fail. */
  failing: Set<keyof OutboxStore>;
  deliveries(): Deliveries;
  /** Takes in one webhook; a delivery per lane given. */
  receive(body: string | Buffer, more?: Partial<Receive>): Promise<EventId>;
  /** A new dispatcher on the same store, as after a crash: the old one is forgotten, not stopped. */
  restart(): void;
  swap(snapshot: Snapshot): void;
  /** Turns of the event loop until `done`; the clock moves `stepMs` between them where given. */
  until(done: () => boolean | Promise<boolean>, stepMs?: number): Promise<void>;
  /** Until nothing is under way and nothing was told for a while. */
  settled(): Promise<void>;
  states(): Promise<Record<string, number>>;
}>;
type Receive = {
  names: readonly string[];
  subject: string;
  observedAt: number;
  dueAt: number;
  /** As it was known at receipt. */
  kind: string;
  subjects: readonly string[];
  contentType: string;
  route: string;
  wake: boolean;
};

const line = (text: string): Buffer => createHash('sha256').update(text).digest().subarray(0, 16);
const pause = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 1));

/** The store as the dispatcher sees it: told of, and made to fail. */
const watched = (
  store: OutboxStore,
  asked: string[],
  failing: ReadonlySet<keyof OutboxStore>,
): OutboxStore =>
  new Proxy<OutboxStore>(Object.create(null) as OutboxStore, {
    get:
      (_none, name: keyof OutboxStore) =>
      (...given: readonly unknown[]): unknown => {
        asked.push(name);
        if (failing.has(name)) return Promise.reject(new GatewayError('ledger_unavailable'));
        return (store[name] as (...given: readonly unknown[]) => unknown)(...given);
      },
  });

type SceneOptions = Partial<Pick<DeliveriesDeps, 'runPlan' | 'standing' | 'feed'>>;

/** On a SQLite file of its own. */
export const openScene = async (
  t: TestContext,
  first: Snapshot,
  options: SceneOptions = {},
): Promise<Scene> => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-outbox-'));
  const stores = await openSqlite({ path: join(folder, 'store.db') });
  const scene = await openSceneOn(t, first, stores, options);
  t.after(async () => {
    await stores.close();
    await rm(folder, { recursive: true, force: true });
  });
  return scene;
};

/** Everything of one gateway's outbox but the gateway, on a store that is open. Started. */
export const openSceneOn = async (
  t: TestContext,
  first: Snapshot,
  stores: Pick<Stores, 'events' | 'outbox'>,
  options: SceneOptions = {},
): Promise<Scene> => {
  const clock = manualClock();
  const keyRing = makeKeyRing([Buffer.alloc(32, 1)], systemRandom);
  const told: DeliveryAttempted[] = [];
  const counted: (readonly LaneCount[])[] = [];
  const notes: string[] = [];
  const asked: string[] = [];
  const failing = new Set<keyof OutboxStore>();
  let snapshot = first;
  const targets = makeTargets({
    clock,
    observer: { breakerChanged: () => {}, note: () => {} },
    jitter: () => 0,
  });
  targets.reconcile(snapshot.targets);
  const make = (): Deliveries =>
    makeDeliveries({
      clock,
      watch: watchClock(clock),
      random: lateRandom,
      keyRing,
      events: stores.events,
      outbox: watched(stores.outbox, asked, failing),
      feed: silentFeed,
      targets,
      standing: { frozen: () => false },
      snapshot: () => snapshot,
      runPlan: () => Promise.resolve({ kind: 'done', ledgerIds: [] }),
      observer: {
        deliveryAttempted: (record) => void told.push(record),
        deliveriesCounted: (record) => void counted.push(record as readonly LaneCount[]),
        note: (_level, event) => void notes.push(event),
      },
      ...options,
    });
  let deliveries = make();
  deliveries.start();
  t.after(async () => {
    await targets.close(0);
    const stopped = deliveries.stop(0, Promise.resolve());
    clock.advance(1);
    await stopped;
  });

  const receive: Scene['receive'] = async (body, more = {}) => {
    const at = clock.now();
    const id = newEventId(at, systemRandom);
    const route = more.route ?? 'hr';
    const kept: KeptEvent = {
      method: 'POST',
      url: 'https://gateway.example/hooks/hr',
      path: '/hooks/hr',
      query: '',
      headers: { 'content-type': more.contentType ?? 'application/json' },
      messageId: null,
      body: Buffer.from(body),
      contents: null,
    };
    const subjects = more.subjects ?? [more.subject ?? 'anna'];
    const rows = subjects.flatMap((subject, item) =>
      (more.names ?? ['n8n']).map((name): DeliveryRow => ({
        item,
        name,
        lane: `${route}/${name}`,
        line: line(`${route}/${name} ${subject}`),
        subject: line(subject),
        kind: more.kind ?? 'mover',
        observedAt: more.observedAt ?? at,
        dueAt: more.dueAt ?? at,
      })),
    );
    const event = {
      id,
      route,
      at,
      sender: 'bamboohr',
      keyId: 'secrets[0]',
      traceId: newTraceId(at, systemRandom),
      spanId: newSpanId(systemRandom),
      configVersion: 'v1',
      items: subjects.length,
      bytes: kept.body.length,
      sealed: sealEvent(keyRing, id, kept),
    };
    await stores.events.receive([{ event, marks: [], deliveries: rows, cancels: [] }], [], at);
    if (more.wake !== false) deliveries.wake();
    return id;
  };
  const until: Scene['until'] = async (done, stepMs = 0) => {
    for (let turn = 0; turn < 2_500; turn += 1) {
      if (await done()) return;
      await pause();
      if (stepMs > 0) clock.advance(stepMs);
    }
    assert.fail(`what was waited for never came; told: ${JSON.stringify(told.slice(-3))}`);
  };
  return {
    clock,
    stores,
    told,
    counted,
    notes,
    asked,
    failing,
    deliveries: () => deliveries,
    receive,
    restart: () => {
      deliveries = make();
      deliveries.start();
    },
    swap: (next) => {
      snapshot = next;
      targets.reconcile(next.targets);
      deliveries.reconcile(next);
    },
    until,
    settled: async () => {
      let quiet = 0;
      let seen = -1;
      await until(() => {
        quiet = told.length === seen ? quiet + 1 : 0;
        seen = told.length;
        return quiet > 40;
      });
    },
    states: async () => {
      const all = await stores.outbox.list({ limit: 1_000 });
      const states: Record<string, number> = {};
      for (const { state } of all) states[state] = (states[state] ?? 0) + 1;
      return states;
    },
  };
};
