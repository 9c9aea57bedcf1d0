/** The receiving side of a gateway as functions: edge, intake and a store in memory, on one clock. */
import { createHash } from 'node:crypto';
import { makeIntake, type OpenIntake } from '../../src/deliveries/make-intake.ts';
import type { Ask } from '../../src/deliveries/intake.ts';
import { makeBodyRoom } from '../../src/http/body-room.ts';
import { makeConfirmations } from '../../src/http/confirmations.ts';
import type { Exchange } from '../../src/http/exchange.ts';
import type { ServeDeps } from '../../src/http/serve-call.ts';
import { makeStrangers, type Strangers } from '../../src/http/strangers.ts';
import { systemRandom } from '../../src/ids.ts';
import { makeMemoryLimiter } from '../../src/limits/memory.ts';
import { makeKeyRing } from '../../src/sealing.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import { silentObserver, type RequestSettled } from '../../src/telemetry/observe.ts';
import { manualClock, type ManualClock } from '../ledger/manual-clock.ts';
import { memoryEvents, type MemoryEvents } from './event-store.ts';
import { webhookSnapshot } from './webhooks.ts';

export const testKeyRing = makeKeyRing(
  [createHash('sha256').update('webhook tests').digest()],
  systemRandom,
);

export type WebhookScene = Readonly<{
  clock: ManualClock;
  store: MemoryEvents;
  intake: OpenIntake;
  strangers: Strangers;
  observed: RequestSettled[];
  notes: string[];
  confirmed: string[];
  woken(): number;
  /** Puts another snapshot in force. */
  load(snapshot: Snapshot): void;
  deps(more?: Partial<ServeDeps>): ServeDeps;
}>;

const nobody = () => Promise.reject(new Error('no SCIM call is made here'));

export const webhookScene = (
  given: Readonly<{ snapshot?: Snapshot; ask?: Ask }> = {},
): WebhookScene => {
  const clock = manualClock();
  const store = memoryEvents();
  const strangers = makeStrangers();
  const observed: RequestSettled[] = [];
  const notes: string[] = [];
  const confirmed: string[] = [];
  let snapshot = given.snapshot ?? webhookSnapshot();
  let woken = 0;
  const observer = {
    ...silentObserver,
    requestSettled: (record: RequestSettled) => observed.push(record),
    note: (_level: string, event: string) => notes.push(event),
  };
  const intake = makeIntake({
    store,
    keyRing: testKeyRing,
    clock,
    random: systemRandom,
    observer,
    wake: () => {
      woken += 1;
    },
  });
  const confirm = (url: string) => {
    confirmed.push(url);
    return Promise.resolve();
  };
  const base: ServeDeps = {
    clock,
    watch: {
      trusted: () => true,
      steady: () => clock.now(),
      storeAt: () => {},
      ledgerAt: () => {},
      rebase: () => {},
    },
    random: systemRandom,
    observer,
    doors: { pass: nobody, passBulk: nobody, recover: nobody },
    callers: {
      current: () => {
        throw new Error('no caller is asked for here');
      },
    } as unknown as ServeDeps['callers'],
    snapshot: () => snapshot,
    stopping: () => false,
    webhooks: {
      intake,
      ask: given.ask ?? { ask: () => Promise.resolve(null) },
      confirmations: makeConfirmations(confirm, observer),
      limiter: makeMemoryLimiter({ keysMax: 100 }),
      strangers,
      bodies: makeBodyRoom(),
    },
  };
  return {
    clock,
    store,
    intake,
    strangers,
    observed,
    notes,
    confirmed,
    woken: () => woken,
    load: (next) => {
      snapshot = next;
    },
    deps: (more = {}) => ({ ...base, ...more }),
  };
};

/** A message as the edge sees it; `read` counts how often its body was asked for. */
export const webhookExchange = (
  body: Buffer | string,
  headers: Readonly<Record<string, string>>,
  more: Partial<Exchange> = {},
): Exchange => {
  const all = { host: 'gw.example.com', ...headers };
  const bytes = Buffer.from(body);
  return {
    method: 'POST',
    path: '/hooks/hr',
    query: '',
    headers: all,
    rawHeaders: Object.entries(all).flat(),
    peer: '198.51.100.7',
    localPort: 8080,
    abandoned: () => false,
    body: () => Promise.reject(new Error('webhooks are read as bytes')),
    bytes: () => Promise.resolve(bytes.length === 0 ? null : bytes),
    ...more,
  };
};
