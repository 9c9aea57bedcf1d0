/** Shared makings of the ledger's tests: records, a quiet observer, a store in a temporary folder. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { newRequestId, newTraceId, systemRandom, type LedgerId } from '../../src/ids.ts';
import type { DenialRecord, IntentRecord, OutcomeRecord } from '../../src/ledger/record.ts';
import { makeLedger, type LedgerDeps } from '../../src/ledger/make-ledger.ts';
import { makeKeyRing } from '../../src/sealing.ts';
import { openSqlite, type SqliteStores } from '../../src/storage/sqlite/open.ts';

export const keyRing = makeKeyRing([Buffer.alloc(32, 7)], systemRandom);
export const checkpointKeys = generateKeyPairSync('ed25519');

/** An allowed deactivation; times are ms since the epoch. */
export const intent = (more: Partial<IntentRecord> = {}): IntentRecord => ({
  kind: 'intent',
  at: systemClock.now(),
  client: 'entra-slack',
  keyId: null,
  route: 'slack',
  target: 'slack',
  tenant: 'slack-production',
  operation: 'patch',
  actions: ['users:deactivate'],
  resource: { type: 'User', id: '2819c223' },
  decision: 'allow',
  rule: 'permissions.joiner.users',
  traceId: newTraceId(systemClock.now(), systemRandom),
  requestId: newRequestId(systemRandom),
  callerRequestId: null,
  remote: '203.0.113.7',
  configVersion: '0123456789ab',
  environment: 'test',
  normalised: [{ path: 'userName', rule: 'lowercase' }],
  repairs: [],
  shadowed: [],
  body: {
    call: {
      method: 'PATCH',
      path: '/Users/2819c223',
      query: '',
      body: { Operations: [{ op: 'replace', path: 'active', value: false }] },
    },
    changes: [{ path: 'active', value: false }],
    before: { userName: 'zoë@example.com', active: true },
    expected: { active: false },
    subject: 'zoë@example.com',
  },
  ...more,
});

export const outcome = (entry: LedgerId, more: Partial<OutcomeRecord> = {}): OutcomeRecord => ({
  kind: 'outcome',
  at: systemClock.now(),
  entry,
  outcome: 'applied',
  settledBy: 'answer',
  status: 200,
  code: null,
  resourceId: null,
  attempts: 1,
  ...more,
});

export const denial = (more: Partial<DenialRecord> = {}): DenialRecord => ({
  kind: 'denial',
  at: systemClock.now(),
  client: 'entra-slack',
  route: 'slack',
  target: 'slack',
  tenant: 'slack-production',
  operation: 'delete',
  actions: ['users:delete'],
  resource: { type: 'User', id: '2819c223' },
  code: 'action_denied',
  rule: 'routes.slack.grants',
  traceId: newTraceId(systemClock.now(), systemRandom),
  requestId: newRequestId(systemRandom),
  callerRequestId: null,
  configVersion: '0123456789ab',
  count: 1,
  ...more,
});

type Note = Readonly<{ level: string; event: string; fields: Readonly<Record<string, unknown>> }>;

/** An observer that keeps what it is told. */
export const listening = () => {
  const notes: Note[] = [];
  const late: Readonly<{ ledgerId: LedgerId; outcome: string }>[] = [];
  const appended: Readonly<{ seconds: number; records: number; failed: boolean }>[] = [];
  return {
    notes,
    appended,
    late,
    observer: {
      note: (level: string, event: string, fields: Readonly<Record<string, unknown>>) =>
        void notes.push({ level, event, fields }),
      ledgerAppended: (record: (typeof appended)[number]) => void appended.push(record),
      lateSend: (record: (typeof late)[number]) => void late.push(record),
      gatewaysSeen: () => undefined,
    },
  };
};

/** What a ledger needs where nobody shares its store, and nothing was ever lost. */
export const unshared = {
  writers: null,
  losses: { accept: () => Promise.resolve(0), acceptedAt: () => Promise.resolve(null) },
  leaseMs: 30_000,
  about: () => ({ name: 'test', version: '' }),
  storeAt: () => undefined,
  clockTrusted: () => true,
};

/** Dependencies of a ledger over `store`, with an hourly checkpoint unless told otherwise. */
export const ledgerDeps = (
  store: LedgerDeps['store'],
  more: Partial<LedgerDeps> = {},
): LedgerDeps => ({
  store,
  ...unshared,
  steadyNow: () => (more.clock ?? systemClock).now(),
  keyRing,
  checkpointKey: checkpointKeys.privateKey,
  checkpoints: { everyMs: 3_600_000, to: [] },
  retention: { ledgerMs: 400 * 86_400_000, bodiesMs: 30 * 86_400_000 },
  environment: 'test',
  clock: systemClock,
  random: systemRandom,
  observer: listening().observer,
  ...more,
});

/** Runs with a folder of its own, removed afterwards. */
export const inFolder = async (run: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-ledger-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Runs with a started ledger over a fresh SQLite store. */
export const withLedger = (
  run: (
    made: Readonly<{
      stores: SqliteStores;
      ledger: ReturnType<typeof makeLedger>;
      heard: ReturnType<typeof listening>;
      path: string;
    }>,
  ) => Promise<void>,
  more: Partial<LedgerDeps> = {},
): Promise<void> =>
  inFolder(async (folder) => {
    const path = join(folder, 'ledger.db');
    const stores = await openSqlite({ path });
    const heard = listening();
    const ledger = makeLedger(ledgerDeps(stores.ledger, { observer: heard.observer, ...more }));
    try {
      await ledger.start();
      await run({ stores, ledger, heard, path });
    } finally {
      await ledger.stop();
      await stores.close();
    }
  });
