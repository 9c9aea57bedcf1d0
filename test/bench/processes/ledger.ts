/**
 * A ledger alone on a store of its own, in the folder named in argv: fills it, times appends and
 * look-ups. Orders come over IPC from rows/growth.ts.
 */
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { systemClock } from '../../../src/clock.ts';
import { newRequestId, newTraceId, systemRandom, type TraceId } from '../../../src/ids.ts';
import { makeLedger } from '../../../src/ledger/make-ledger.ts';
import type { IntentRecord } from '../../../src/ledger/record.ts';
import { makeKeyRing } from '../../../src/sealing.ts';
import { openSqlite } from '../../../src/storage/sqlite/open.ts';
import { silentObserver } from '../../../src/telemetry/observe.ts';

/** What this process is told to do; each order is answered by an object. */
export type LedgerOrder =
  | Readonly<{ kind: 'fill'; entries: number }>
  | Readonly<{ kind: 'append'; entries: number }>
  | Readonly<{ kind: 'look'; times: number }>;

const stores = await openSqlite({ path: join(process.argv[2] as string, 'ledger.db') });
const year = 365 * 86_400_000;
const ledger = makeLedger({
  store: stores.ledger,
  writers: null,
  losses: stores.losses,
  leaseMs: 30_000,
  about: () => ({ name: 'bench', version: '' }),
  storeAt: () => undefined,
  clockTrusted: () => true,
  steadyNow: () => systemClock.now(),
  keyRing: makeKeyRing([systemRandom(32)], systemRandom),
  checkpointKey: generateKeyPairSync('ed25519').privateKey,
  checkpoints: { everyMs: 3_600_000, to: [] },
  retention: { ledgerMs: year, bodiesMs: year },
  environment: 'bench',
  clock: systemClock,
  random: systemRandom,
  observer: silentObserver,
});
await ledger.start();

let made = 0;
const traces: TraceId[] = [];
const nameOf = (index: number): string => `u${index}@example.com`;

const intentOf = (index: number): IntentRecord => {
  const userName = nameOf(index);
  const emails = [{ value: userName, type: 'work' }];
  const resource = {
    userName,
    emails,
    name: { givenName: 'Ann', familyName: 'Lee' },
    active: true,
  };
  const now = systemClock.now();
  const traceId = newTraceId(now, systemRandom);
  traces[index] = traceId;
  return {
    kind: 'intent',
    at: now,
    client: 'n8n',
    keyId: null,
    route: 'target',
    target: 'target',
    tenant: 'target',
    operation: 'create',
    actions: ['users:create'],
    resource: { type: 'User', id: null },
    decision: 'allow',
    rule: 'permissions.provision.users',
    traceId,
    requestId: newRequestId(systemRandom),
    callerRequestId: null,
    remote: '127.0.0.1',
    configVersion: 'bench',
    environment: 'bench',
    normalised: [],
    repairs: [],
    shadowed: [],
    body: {
      call: { method: 'POST', path: '/Users', query: '', body: JSON.stringify(resource) },
      changes: resource,
      before: null,
      expected: { kind: 'created', by: { attribute: 'userName', value: userName } },
      subject: userName,
    },
  };
};

/** One entry with its outcome, as a mutation leaves it. */
const addEntry = async (): Promise<void> => {
  const index = made;
  made += 1;
  const entry = await ledger.open(intentOf(index), { revocation: false });
  ledger.settle({
    kind: 'outcome',
    at: systemClock.now(),
    entry,
    outcome: 'applied',
    settledBy: 'answer',
    status: 201,
    code: null,
    resourceId: `id-${index}`,
    attempts: 1,
  });
};

const addEntries = async (entries: number, atOnce: number): Promise<void> => {
  let left = entries;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await addEntry();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
};

/** Outcomes wait for company this long, at most. */
const settleMs = 100;

const timeAppends = async (entries: number): Promise<Readonly<{ cpuUs: number }>> => {
  const before = process.cpuUsage();
  await addEntries(entries, 32);
  await after(settleMs);
  const { user, system } = process.cpuUsage(before);
  return { cpuUs: (user + system) / entries };
};

/** The median of some looks, spread over all entries; ms. */
const timeLooks = async (times: number, look: (index: number) => Promise<readonly unknown[]>) => {
  const taken: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const began = performance.now();
    const found = await look(Math.floor((made * time) / times));
    taken.push(performance.now() - began);
    if (found.length !== 1) throw new Error(`a look-up found ${found.length} entries`);
  }
  return taken.toSorted((a, b) => a - b)[Math.floor(times / 2)] ?? Number.NaN;
};

const timeLookUps = async (times: number) => ({
  subjectMs: await timeLooks(times, (index) => ledger.list({ subject: nameOf(index), limit: 10 })),
  traceMs: await timeLooks(times, (index) =>
    ledger.list({ traceId: traces[index] as TraceId, limit: 10 }),
  ),
});

const fill = async (entries: number): Promise<object> => {
  await addEntries(entries, 128);
  await ledger.maintain(systemClock.now());
  return { made };
};

const obey = (order: LedgerOrder): Promise<object> => {
  if (order.kind === 'fill') return fill(order.entries);
  return order.kind === 'append' ? timeAppends(order.entries) : timeLookUps(order.times);
};

process.on('message', (order: LedgerOrder) => {
  void obey(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ failure: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });
