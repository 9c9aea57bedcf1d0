/**
 * The small stores: keys, the last good configuration, freezes, echoes, losses. What other gateways
 * must hear of is changed together with its news.
 */
import type { KeyStore, StoredKey } from '../../callers/store.ts';
import type { LastGoodStore } from '../../config/store.ts';
import type { LossStore } from '../../ledger/loss-store.ts';
import type { EchoStore } from '../../passage/echo-store.ts';
import type { Sealed } from '../../sealing.ts';
import type { Freeze, FreezeStore } from '../../targets/store.ts';
import type { Sessions } from './connection.ts';
import { change } from './news.ts';
import { bounds } from '../bounds.ts';

const dayMs = 86_400_000;

const keySql = {
  forget: 'DELETE FROM keys WHERE expires_at <= $1',
  add: `INSERT INTO keys SELECT $1, $2, $3, $4, $5::bytea, $6::bigint, $7, $8::bigint, $9::bigint,
      $10::bigint
    WHERE (SELECT count(*) FROM keys WHERE kind = $2 AND holder = $3
      AND least(expires_at, coalesce(revoked_at, expires_at)) > $11::bigint) < ${bounds.liveKeys}`,
  list: `SELECT id, kind, holder, environment, hash, issued_at AS "issuedAt",
      issued_by AS "issuedBy", expires_at AS "expiresAt", revoked_at AS "revokedAt",
      last_used_at AS "lastUsedAt"
    FROM keys WHERE expires_at > $1 ORDER BY issued_at, id LIMIT ${bounds.listed}`,
  end: 'UPDATE keys SET revoked_at = least(coalesce(revoked_at, $2), $2::bigint) WHERE id = $1',
  // In order of ids, so that two gateways that touch the same keys do not block each other for good.
  touch: `UPDATE keys k SET last_used_at = greatest(k.last_used_at, used.at)
    FROM (SELECT k.id, max(u.at) AS at FROM keys k JOIN unnest($1::text[], $2::bigint[]) u(id, at)
      ON u.id = k.id GROUP BY k.id ORDER BY k.id) used
    WHERE k.id = used.id AND k.last_used_at IS DISTINCT FROM greatest(k.last_used_at, used.at)`,
};

/** Keys; adding and ending are news, being used is not. */
export const makeKeyStore = (sessions: Sessions, schema: string): KeyStore => ({
  addKey: (key, now) =>
    change(sessions, schema, 'keys', async (run) => {
      // Keys that ended long ago are listed no more; the ledger keeps who issued them.
      await run({ text: keySql.forget }, [now - 30 * dayMs]);
      const { id, kind, holder, environment, hash, issuedAt, issuedBy } = key;
      const values = [id, kind, holder, environment, hash, issuedAt, issuedBy];
      const rest = [key.expiresAt, key.revokedAt, key.lastUsedAt, now];
      return (await run({ text: keySql.add }, [...values, ...rest])).count === 1;
    }),
  listKeys: async (now) =>
    (await sessions.run<StoredKey>({ text: keySql.list }, [now - 30 * dayMs])).rows,
  endKey: (id, at) =>
    change(
      sessions,
      schema,
      'keys',
      async (run) => (await run({ text: keySql.end }, [id, at])).count === 1,
    ),
  touchKeys: async (used) => {
    const some = used.slice(0, bounds.touched);
    const values = [some.map(({ id }) => id), some.map(({ at }) => at)];
    await sessions.run({ text: keySql.touch }, values);
  },
});

const lastGoodSql = {
  save: 'INSERT INTO last_good (version, at, sealed) VALUES ($1, $2, $3)',
  prune: `DELETE FROM last_good WHERE number NOT IN
    (SELECT number FROM last_good ORDER BY number DESC LIMIT ${bounds.lastGood})`,
  load: 'SELECT sealed FROM last_good ORDER BY number DESC LIMIT 1',
};

/** The last good configuration of any gateway. */
export const makeLastGoodStore = (sessions: Sessions): LastGoodStore => ({
  save: (text, version, at) =>
    sessions.transaction(async (run) => {
      await run({ text: lastGoodSql.save }, [version, at, text]);
      await run({ text: lastGoodSql.prune });
    }),
  load: async () =>
    (await sessions.run<{ sealed: Sealed }>({ text: lastGoodSql.load })).rows[0]?.sealed ?? null,
});

const freezeSql = {
  count: 'SELECT count(*) AS count FROM freezes',
  freeze: 'INSERT INTO freezes VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING',
  thaw: 'DELETE FROM freezes WHERE scope = $1 AND name = $2',
  list: `SELECT scope, name, reason, frozen_by AS by, frozen_at AS at FROM freezes
    ORDER BY frozen_at, scope, name LIMIT ${bounds.freezes}`,
};

/** Freezes in force for all gateways. */
export const makeFreezeStore = (sessions: Sessions, schema: string): FreezeStore => ({
  freeze: (scope, name, reason, by, at) =>
    change(sessions, schema, 'freezes', async (run) => {
      const [counted] = (await run<{ count: number }>({ text: freezeSql.count })).rows;
      if ((counted?.count ?? 0) >= bounds.freezes) return false;
      await run({ text: freezeSql.freeze }, [scope, name, reason, by, at]);
      return true;
    }),
  thaw: (scope, name) =>
    change(
      sessions,
      schema,
      'freezes',
      async (run) => (await run({ text: freezeSql.thaw }, [scope, name])).count === 1,
    ),
  list: async () => (await sessions.run<Freeze>({ text: freezeSql.list })).rows,
});

const echoSql = {
  save: `WITH gone AS (DELETE FROM echoes WHERE key = ANY ($1::bytea[]))
    INSERT INTO echoes SELECT kept.key, $4::bigint, kept.sealed
      FROM unnest($2::bytea[], $3::bytea[]) kept(key, sealed)
    ON CONFLICT (key) DO UPDATE SET at = excluded.at, sealed = excluded.sealed`,
  load: 'SELECT key, sealed FROM echoes WHERE key = ANY ($1::bytea[])',
  count: 'SELECT count(*) AS count FROM echoes',
  expire: `DELETE FROM echoes WHERE key IN
    (SELECT key FROM echoes WHERE at < $1 ORDER BY at LIMIT ${bounds.echoSlice})`,
  oldest: 'DELETE FROM echoes WHERE key IN (SELECT key FROM echoes ORDER BY at LIMIT $1)',
};

/** Echoes of all gateways. */
export const makeEchoStore = ({ run, transaction }: Sessions): EchoStore => ({
  load: async (keys) => {
    const asked = keys.slice(0, bounds.echoes);
    if (asked.length === 0) return [];
    const { rows } = await run<{ key: Buffer; sealed: Sealed }>({ text: echoSql.load }, [asked]);
    const found = new Map(rows.map(({ key, sealed }) => [key.toString('hex'), sealed]));
    return asked.map((key) => found.get(key.toString('hex')) ?? null);
  },
  save: async (echoes, now) => {
    const latest = new Map(
      echoes.slice(0, bounds.echoes).map((each) => [each.key.toString('hex'), each]),
    );
    // In order of keys, so that two gateways do not wait for each other.
    const sorted = [...latest].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
    const gone = sorted.filter(({ sealed }) => sealed === null).map(({ key }) => key);
    const kept = sorted.filter(({ sealed }) => sealed !== null);
    const values = [kept.map(({ key }) => key), kept.map(({ sealed }) => sealed), now];
    await run({ text: echoSql.save }, [gone, ...values]);
  },
  prune: ({ before, rowsMax }) =>
    transaction(async (inside) => {
      const expired = (await inside({ text: echoSql.expire }, [before])).count;
      const [counted] = (await inside<{ count: number }>({ text: echoSql.count })).rows;
      const rows = counted?.count ?? 0;
      const room = bounds.echoSlice - expired;
      const most = Math.min(Math.max(0, rows - rowsMax), room);
      const dropped = (await inside({ text: echoSql.oldest }, [most])).count;
      return { rows: rows - dropped, more: expired + dropped === bounds.echoSlice };
    }),
});

const lossSql = {
  accept: `INSERT INTO losses (accepted_at, accepted_by, reason)
    VALUES ((extract(epoch FROM clock_timestamp()) * 1000)::bigint, $1, $2)
    RETURNING accepted_at AS at`,
  acceptedAt: 'SELECT max(accepted_at) AS at FROM losses',
};

/** Losses that a person accepted, by the server's clock. */
export const makeLossStore = (sessions: Sessions, schema: string): LossStore => ({
  accept: (by, reason) =>
    change(sessions, schema, 'losses', async (run) => {
      const { rows } = await run<{ at: number }>({ text: lossSql.accept }, [by, reason]);
      return (rows[0] as { at: number }).at;
    }),
  acceptedAt: async () =>
    (await sessions.run<{ at: number | null }>({ text: lossSql.acceptedAt })).rows[0]?.at ?? null,
});
