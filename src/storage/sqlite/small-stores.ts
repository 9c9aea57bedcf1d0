/** Writes and reads of the small stores: keys, the last good configuration, freezes, echoes, losses. */
import type { Database } from 'better-sqlite3';
import type { StoredKey } from '../../callers/store.ts';
import type { KeyId } from '../../ids.ts';
import type { KeptEchoes, PrunedEchoes } from '../../passage/echo-store.ts';
import type { Sealed } from '../../sealing.ts';
import type { Freeze, FreezeScope } from '../../targets/store.ts';
import { bounds } from '../bounds.ts';

const dayMs = 86_400_000;

const keySql = {
  live: `SELECT count(*) AS count FROM keys WHERE kind = ? AND holder = ?
    AND min(expires_at, coalesce(revoked_at, expires_at)) > ?`,
  add: `INSERT INTO keys VALUES (@id, @kind, @holder, @environment, @hash, @issuedAt, @issuedBy,
    @expiresAt, @revokedAt, @lastUsedAt)`,
  forget: 'DELETE FROM keys WHERE expires_at <= ?',
  list: `SELECT id, kind, holder, environment, hash, issued_at AS issuedAt, issued_by AS issuedBy,
    expires_at AS expiresAt, revoked_at AS revokedAt, last_used_at AS lastUsedAt
    FROM keys WHERE expires_at > ? ORDER BY issued_at, id LIMIT ${bounds.listed}`,
  end: 'UPDATE keys SET revoked_at = min(coalesce(revoked_at, @at), @at) WHERE id = @id',
  touch: 'UPDATE keys SET last_used_at = max(coalesce(last_used_at, @at), @at) WHERE id = @id',
};

/** Writes of KeyStore. */
export const makeKeyWrites = (database: Database) => {
  const live = database.prepare<[string, string, number], { count: number }>(keySql.live);
  const add = database.prepare(keySql.add);
  const forget = database.prepare(keySql.forget);
  const end = database.prepare(keySql.end);
  const touch = database.prepare(keySql.touch);
  return {
    addKey: database.transaction((key: StoredKey, now: number): boolean => {
      // Keys that ended long ago are listed no more; the ledger keeps who issued them.
      forget.run(now - 30 * dayMs);
      const { count } = live.get(key.kind, key.holder, now) as { count: number };
      if (count >= bounds.liveKeys) return false;
      add.run(key);
      return true;
    }),
    endKey: (id: KeyId, at: number): boolean => end.run({ id, at }).changes === 1,
    touchKeys: database.transaction(
      (used: readonly Readonly<{ id: KeyId; at: number }>[]): void => {
        for (const { id, at } of used.slice(0, bounds.touched)) touch.run({ id, at });
      },
    ),
  };
};

/** Reads of KeyStore. */
export const makeKeyReads = (database: Database) => {
  const list = database.prepare<[number], StoredKey>(keySql.list);
  return { listKeys: (now: number): readonly StoredKey[] => list.all(now - 30 * dayMs) };
};

const lastGoodSql = {
  save: 'INSERT INTO last_good (version, at, sealed) VALUES (?, ?, ?)',
  prune: `DELETE FROM last_good WHERE number <= (SELECT max(number) - ${bounds.lastGood} FROM last_good)`,
  load: 'SELECT sealed FROM last_good ORDER BY number DESC LIMIT 1',
};

/** Writes of LastGoodStore. */
export const makeLastGoodWrites = (database: Database) => {
  const save = database.prepare(lastGoodSql.save);
  const prune = database.prepare(lastGoodSql.prune);
  return {
    saveLastGood: database.transaction((text: Sealed, version: string, at: number): void => {
      save.run(version, at, text);
      prune.run();
    }),
  };
};

/** Reads of LastGoodStore. */
export const makeLastGoodReads = (database: Database) => {
  const load = database.prepare<[], { sealed: Sealed }>(lastGoodSql.load);
  return { loadLastGood: (): Sealed | null => load.get()?.sealed ?? null };
};

const freezeSql = {
  count: 'SELECT count(*) AS count FROM freezes',
  freeze: 'INSERT OR IGNORE INTO freezes VALUES (?, ?, ?, ?, ?)',
  thaw: 'DELETE FROM freezes WHERE scope = ? AND name = ?',
  list: `SELECT scope, name, reason, frozen_by AS by, frozen_at AS at FROM freezes
    ORDER BY frozen_at, scope, name LIMIT ${bounds.freezes}`,
};

/** Writes of FreezeStore. */
export const makeFreezeWrites = (database: Database) => {
  const count = database.prepare<[], { count: number }>(freezeSql.count);
  const freeze = database.prepare(freezeSql.freeze);
  const thaw = database.prepare(freezeSql.thaw);
  return {
    freeze: database.transaction(
      (scope: FreezeScope, name: string, reason: string, by: string, at: number): boolean => {
        if ((count.get() as { count: number }).count >= bounds.freezes) return false;
        freeze.run(scope, name, reason, by, at);
        return true;
      },
    ),
    thaw: (scope: FreezeScope, name: string): boolean => thaw.run(scope, name).changes === 1,
  };
};

/** Reads of FreezeStore. */
export const makeFreezeReads = (database: Database) => {
  const list = database.prepare<[], Freeze>(freezeSql.list);
  return { listFreezes: (): readonly Freeze[] => list.all() };
};

const echoSql = {
  keep: 'INSERT INTO echoes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, sealed = excluded.sealed',
  forget: 'DELETE FROM echoes WHERE key = ?',
  load: 'SELECT sealed FROM echoes WHERE key = ?',
  count: 'SELECT count(*) AS count FROM echoes',
  expire: `DELETE FROM echoes WHERE key IN
    (SELECT key FROM echoes WHERE at < ? ORDER BY at LIMIT ${bounds.echoSlice})`,
  oldest: 'DELETE FROM echoes WHERE key IN (SELECT key FROM echoes ORDER BY at LIMIT ?)',
};

/** Writes of EchoStore. */
export const makeEchoWrites = (database: Database) => {
  const keep = database.prepare<[Buffer, number, Sealed]>(echoSql.keep);
  const forget = database.prepare<[Buffer]>(echoSql.forget);
  const count = database.prepare<[], { count: number }>(echoSql.count);
  const expire = database.prepare<[number]>(echoSql.expire);
  const oldest = database.prepare<[number]>(echoSql.oldest);
  return {
    saveEchoes: database.transaction((echoes: readonly KeptEchoes[], now: number): void => {
      for (const { key, sealed } of echoes.slice(0, bounds.echoes)) {
        if (sealed === null) forget.run(key);
        else keep.run(key, now, sealed);
      }
    }),
    pruneEchoes: database.transaction(
      ({ before, rowsMax }: Readonly<{ before: number; rowsMax: number }>): PrunedEchoes => {
        const expired = expire.run(before).changes;
        const rows = (count.get() as { count: number }).count;
        const room = bounds.echoSlice - expired;
        const dropped = oldest.run(Math.min(Math.max(0, rows - rowsMax), room)).changes;
        return { rows: rows - dropped, more: expired + dropped === bounds.echoSlice };
      },
    ),
  };
};

/** Reads of EchoStore. */
export const makeEchoReads = (database: Database) => {
  const load = database.prepare<[Buffer], { sealed: Sealed }>(echoSql.load);
  return {
    loadEchoes: database.transaction((keys: readonly Buffer[]): readonly (Sealed | null)[] =>
      keys.slice(0, bounds.echoes).map((key) => load.get(key)?.sealed ?? null),
    ),
  };
};

const lossSql = {
  accept: 'INSERT INTO losses (accepted_at, accepted_by, reason) VALUES (?, ?, ?)',
  acceptedAt: 'SELECT max(accepted_at) AS at FROM losses',
};

/** Writes of LossStore. */
export const makeLossWrites = (database: Database) => {
  const accept = database.prepare<[number, string, string]>(lossSql.accept);
  return {
    acceptLoss: (by: string, reason: string, now: number): number => {
      accept.run(now, by, reason);
      return now;
    },
  };
};

/** Reads of LossStore. */
export const makeLossReads = (database: Database) => {
  const acceptedAt = database.prepare<[], { at: number | null }>(lossSql.acceptedAt);
  return { lossAcceptedAt: (): number | null => acceptedAt.get()?.at ?? null };
};
