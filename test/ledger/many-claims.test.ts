/** Several gateways that claim the same windows and holds of one store, and what cuts them off in between. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { suite, test } from 'node:test';
import { Client } from 'pg';
import { ledgerId, type HoldId, type LedgerId } from '../../src/ids.ts';
import { encodeBatch } from '../../src/ledger/batch.ts';
import { genesis } from '../../src/ledger/chain.ts';
import type { Claims, Unclaimed, WindowClaim } from '../../src/ledger/claims.ts';
import { makeLedger, type OwnedLedger } from '../../src/ledger/make-ledger.ts';
import type { LedgerBatch } from '../../src/ledger/store.ts';
import { engineOf } from '../../src/storage/engines.ts';
import { lineOf } from '../support/chains.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { openTogether, postgres, type SharedStores } from '../support/engines.ts';
import { postgresHolds, type HoldRows } from '../support/hold-rows.ts';
import type { PostgresAt } from '../support/postgres.ts';
import { intent, keyRing, ledgerDeps, outcome } from './fixture.ts';

/** End of PostgreSQL's answer outside of a transaction (ReadyForQuery, status I). */
const committed = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const skip = 'missing' in postgres && postgres.missing;
const at = 1_700_000_000_000;
const window = (key: string, max: number): WindowClaim => ({
  key,
  ms: 3_600_000,
  max,
  amount: 1,
  force: false,
});

type Place = Readonly<{ at: PostgresAt; stores: readonly SharedStores[]; holds: HoldRows }>;

const server = () => {
  if ('missing' in postgres) throw new Error(postgres.missing);
  return postgres;
};

const onThree =
  (run: (place: Place & Readonly<{ ledgers: readonly OwnedLedger[] }>) => Promise<void>) =>
  async (): Promise<void> => {
    const { at: place, stores, drop } = await openTogether(3);
    const ledgers = stores.map(({ ledger, writers, losses }) =>
      makeLedger(ledgerDeps(ledger, { writers, losses })),
    );
    try {
      for (const ledger of ledgers) await ledger.start();
      await run({ at: place, stores, ledgers, holds: postgresHolds(server(), place) });
    } finally {
      for (const ledger of ledgers) await ledger.stop();
      await drop();
    }
  };

const open = (ledger: OwnedLedger | undefined, claims: Claims): Promise<LedgerId | Unclaimed> => {
  assert.ok(ledger !== undefined);
  return ledger.openClaiming(intent({ at }), { revocation: true, claims });
};

const written = (answers: readonly (LedgerId | Unclaimed)[]): readonly LedgerId[] =>
  answers.flatMap((answer) => (typeof answer === 'string' ? [answer] : []));

void suite('claims of several gateways', { skip }, () => {
  void test(
    'of 500 at once by three exactly 25 are had, and exactly what was given back after that',
    onThree(async ({ ledgers, holds }) => {
      const both = [window('clients', 25), window('tenant', 25)];
      const storm = (count: number) =>
        Promise.all(
          // In either order: nobody waits for another crosswise.
          Array.from({ length: count }, (_, nth) =>
            open(ledgers[nth % 3], {
              windows: nth % 2 === 0 ? both : both.toReversed(),
              hold: null,
            }),
          ),
        );
      const answers = await storm(500);
      const ids = written(answers);
      assert.equal(ids.length, 25);
      for (const answer of answers) {
        if (typeof answer === 'string') continue;
        assert.deepEqual(
          [answer.unclaimed, 'used' in answer && answer.used, 'freeAt' in answer && answer.freeAt],
          ['window', 25, at + 3_600_000],
        );
      }
      assert.equal(await holds.places(), 50);
      assert.equal((await ledgers[0]?.list({ limit: 1_000 }))?.length, 25);
      ids.slice(0, 10).forEach((id, nth) => {
        const owner = ledgers.find((ledger) => ledger.answersFor(id));
        const back = nth < 5 ? 'not-sent' : 'rejected';
        owner?.settle(outcome(id, { outcome: nth < 8 ? back : 'in-doubt', at }));
      });
      for (const ledger of ledgers) {
        await ledger.act({ kind: 'act', at, actor: 'local', act: 'test', details: {} });
      }
      assert.equal(written(await storm(200)).length, 8);
    }),
  );

  void test(
    'of one hold exactly one gateway has the release',
    onThree(async ({ ledgers, holds }) => {
      const ids: HoldId[] = [];
      for (let count = 0; count < 30; count += 1) ids.push(await holds.add('approved', 4));
      const tries = ledgers.flatMap((ledger, nth) =>
        (nth === 1 ? ids.toReversed() : ids).map((id) => ({ ledger, id })),
      );
      const answers = await Promise.all(
        tries.map(({ ledger, id }) =>
          open(ledger, { windows: [window(id, 1)], hold: { id, version: 4 } }),
        ),
      );
      assert.equal(written(answers).length, 30);
      const entries = await Promise.all(ids.map(async (id) => (await holds.read(id)).entry));
      assert.deepEqual(new Set(entries), new Set(written(answers)));
      assert.equal(await holds.places(), 30);
    }),
  );
});

/** Holds the lock of a window, as a gateway does whose commit takes long. */
const lockWindow = async (place: PostgresAt, key: string) => {
  const { host, port, database, user } = place;
  const client = new Client({ host, port, database, user });
  await client.connect();
  const number = hash('sha256', `sallyport windows ${place.schema}`, 'buffer').readInt32BE(0);
  const bucket = hash('sha256', key, 'buffer').readUInt16BE(0) % 1_024;
  await client.query('BEGIN');
  await client.query('SELECT pg_advisory_xact_lock($1::integer, $2::integer)', [number, bucket]);
  /** Sessions that wait for it. */
  const waiting = async (): Promise<readonly number[]> => {
    const { rows } = await client.query<{ pid: number }>(
      `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND classid = $1::bigint::oid AND objid = $2::bigint::oid`,
      [number < 0 ? number + 2 ** 32 : number, bucket],
    );
    return rows.map(({ pid }) => pid);
  };
  return {
    waited: async (): Promise<number> => {
      for (;;) {
        const [pid] = await waiting();
        if (pid !== undefined) return pid;
      }
    },
    end: async (): Promise<void> => {
      await client.query('COMMIT');
      await client.end();
    },
  };
};

const writer = '0badcafe';

/** One opened store with a chain; batches of one claiming intent. */
const onOne =
  (
    run: (
      made: Place & Readonly<{ store: SharedStores; batch(claims: Claims): LedgerBatch }>,
    ) => Promise<void>,
  ) =>
  async (): Promise<void> => {
    const { at: place, stores, drop } = await openTogether(1);
    try {
      const [store] = stores;
      assert.ok(store !== undefined);
      await store.writers.claim({ name: 'a', version: 'v1', candidate: writer, leaseMs: 30_000 });
      const from = { writer, first: 1, previous: genesis(writer) };
      const batch = (claims: Claims) =>
        encodeBatch([{ ...lineOf(intent({ at })), claims }], from, keyRing);
      await run({ at: place, stores, store, holds: postgresHolds(server(), place), batch });
    } finally {
      await drop();
    }
  };

void suite('an append that waits for a window', { skip }, () => {
  const claim = window('acme', 1);

  void test(
    'sees what was taken until it had the lock',
    onOne(async ({ at: place, store, batch, holds }) => {
      const lock = await lockWindow(place, claim.key);
      const under = store.ledger.append(batch({ windows: [claim], hold: null }), {
        reserve: false,
      });
      await lock.waited();
      await server().query(
        `INSERT INTO "${place.schema}".places VALUES ($1, $2, 'ffffffff', 1, 1, $3, false)`,
        [hash('sha256', claim.key, 'buffer').subarray(0, 16), at, at + claim.ms],
      );
      await lock.end();
      assert.equal((await under).kind, 'unclaimed');
      assert.equal(await holds.places(), 1);
    }),
  );

  void test(
    'moves nothing once its chain was asked for: neither places nor the hold',
    onOne(async ({ at: place, store, batch, holds }) => {
      const id = await holds.add('approved', 1);
      const lock = await lockWindow(place, claim.key);
      const claims = { windows: [claim], hold: { id, version: 1 } };
      const under = store.ledger.append(batch(claims), { reserve: false });
      await lock.waited();
      assert.equal((await store.ledger.head(writer)).next, 1);
      await lock.end();
      await assert.rejects(under, { code: 'ledger_unavailable' });
      assert.deepEqual([await holds.places(), (await holds.read(id)).state], [0, 'approved']);
      const again = await store.ledger.append(batch(claims), { reserve: false });
      assert.deepEqual(again, { kind: 'committed', reserve: true });
      assert.equal((await holds.read(id)).entry, ledgerId(writer, 1));
    }),
  );

  void test(
    'and is ended by the server leaves nothing',
    onOne(async ({ at: place, store, batch, holds }) => {
      const lock = await lockWindow(place, claim.key);
      const claims = { windows: [claim], hold: null };
      const under = store.ledger.append(batch(claims), { reserve: false });
      const refused = assert.rejects(under, { code: 'ledger_unavailable' });
      await server().query('SELECT pg_terminate_backend($1)', [await lock.waited()]);
      await refused;
      await lock.end();
      assert.deepEqual([(await store.ledger.head(writer)).next, await holds.places()], [1, 0]);
    }),
  );
});

void suite('an append whose connection is cut', { skip }, () => {
  for (const when of ['before', 'after'] as const) {
    void test(`${when} the server did it has both or neither, and the ledger knows which`, async () => {
      const place = server().at('sallyport_cut');
      const proxy = await startCuttingProxy({ host: place.host, port: place.port });
      const holds = postgresHolds(server(), place);
      const stores = await engineOf(place).open({ ...place, host: '127.0.0.1', port: proxy.port });
      const { writers } = stores.shared ?? assert.fail();
      const ledger = makeLedger(ledgerDeps(stores.ledger, { writers, losses: stores.losses }));
      try {
        await ledger.start();
        const id = await holds.add('approved', 1);
        const cut = proxy.cutNext({ marker: '\0append-claiming\0', when, answered: committed });
        const claims = { windows: [window('acme', 1)], hold: { id, version: 1 } };
        const answer = await open(ledger, claims).catch((error: unknown) => error);
        await cut;
        const { state, entry } = await holds.read(id);
        assert.deepEqual(
          [state, await holds.places(), entry === null ? null : entry === answer],
          when === 'before' ? ['approved', 0, null] : ['released', 1, true],
        );
        assert.equal((await ledger.list({ limit: 10 })).length, when === 'before' ? 0 : 1);
      } finally {
        await ledger.stop();
        await stores.close();
        await proxy.stop();
        await server().drop(place);
      }
    });
  }
});
