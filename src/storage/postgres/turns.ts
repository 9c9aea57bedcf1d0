/**
 * Lines of gateways that take turns at one resource: a row per key, changed by single statements, so
 * the row's lock makes them follow each other. Their sessions do not wait for the disk: the log is
 * written in order, so the commit of any record after an enter carries the enter along; a leave that
 * a crash undoes is repaired by `leaveOthers`. A key stands here, and in notifications, as a hash: it
 * may be long, and it names somebody.
 */
import { hash } from 'node:crypto';
import { GatewayError } from '../../errors.ts';
import type { TurnStore } from '../../passage/turn-store.ts';
import type { Claimed } from './append.ts';
import type { Run, Sessions, Statement } from './connection.ts';

const notify = `SELECT pg_notify($1, 'turns ' || encode(key, 'hex')) FROM moved
  WHERE cardinality(line) > 0`;

const sql = {
  // A row exists only for a writer whose chain is live: who was closed has lost its places.
  enter: {
    name: 'enter',
    text: `INSERT INTO turns SELECT $1, ARRAY[writer] FROM writers
        WHERE writer = $2 AND claim = $3 AND state = 'live'
      ON CONFLICT (key) DO UPDATE SET line = CASE WHEN $2 = ANY (turns.line) THEN turns.line
        ELSE turns.line || excluded.line END
      RETURNING line[1] = $2 AS first`,
  },
  // Nobody else waits: the common case.
  leaveAlone: {
    name: 'leave-alone',
    text: 'DELETE FROM turns WHERE key = $1 AND line = ARRAY[$2]',
  },
  leave: {
    name: 'leave',
    text: `WITH moved AS (UPDATE turns SET line = array_remove(line, $3)
        WHERE key = $2 AND $3 = ANY (line) RETURNING key, line) ${notify}`,
  },
  first: {
    name: 'first',
    text: 'SELECT key FROM turns WHERE key = ANY ($1::bytea[]) AND line[1] = $2',
  },
  leaveOthers: {
    text: `WITH mine AS (SELECT key FROM turns WHERE $2 = ANY (line) AND key <> ALL ($3::bytea[])
        ORDER BY key FOR UPDATE),
      moved AS (UPDATE turns t SET line = array_remove(t.line, $2) FROM mine
        WHERE t.key = mine.key RETURNING t.key, t.line) ${notify}`,
  },
  // Places of chains that take no record any more; the order of the rest stays.
  leaveDead: {
    name: 'leave-dead',
    text: `WITH live AS (SELECT coalesce(array_agg(writer), '{}') AS writers FROM writers
        WHERE state = 'live'),
      dead AS (SELECT key FROM turns, live WHERE NOT line <@ live.writers
        ORDER BY key FOR UPDATE OF turns),
      moved AS (UPDATE turns t SET line = ARRAY(SELECT w FROM unnest(t.line) WITH ORDINALITY p(w, at)
          WHERE w = ANY (live.writers) ORDER BY at) FROM dead, live
        WHERE t.key = dead.key RETURNING t.key, t.line) ${notify}`,
  },
  sweep: { name: 'sweep', text: "DELETE FROM turns WHERE line = '{}'" },
} satisfies Record<string, Statement>;

const keysMax = 1_000;
const hashOf = (key: string): Buffer => hash('sha256', key, 'buffer');

/** Leaves every line but those of the hashed keys `except`; tells the next in each. */
export const leaveTurns = async (
  run: Run,
  channel: string,
  { writer, except }: Readonly<{ writer: string; except: readonly Buffer[] }>,
): Promise<void> => {
  await run(sql.leaveOthers, [channel, writer, except]);
  await run(sql.sweep);
};

/** Takes those out of all lines whose chains are not live; tells the next in each. */
export const leaveTurnsOfOthers = async (run: Run, channel: string): Promise<void> => {
  await run(sql.leaveDead, [channel]);
  await run(sql.sweep);
};

/** Keys by their hashes, of the lines this store stands in: what a notification of a hash means. */
export type TurnKeys = Map<string, string>;

/** Turns by this store's claim. */
export const makeTurnStore = (
  { run }: Sessions,
  claimed: Claimed,
  channel: string,
  known: TurnKeys,
): TurnStore => {
  const mine = () => {
    if (claimed.current !== null) return claimed.current;
    throw new GatewayError('ledger_unavailable', {
      cause: new TypeError('this store did not claim a chain'),
    });
  };
  return Object.freeze({
    enter: async (key) => {
      const { writer, claim } = mine();
      const hashed = hashOf(key);
      known.set(hashed.toString('hex'), key);
      const { rows } = await run<{ first: boolean }>(sql.enter, [hashed, writer, claim]);
      if (rows[0] !== undefined) return rows[0].first;
      known.delete(hashed.toString('hex'));
      throw new GatewayError('ledger_unavailable', {
        cause: new TypeError('the chain of this gateway is closed'),
      });
    },
    leave: async (key) => {
      const { writer } = mine();
      const hashed = hashOf(key);
      known.delete(hashed.toString('hex'));
      if ((await run(sql.leaveAlone, [hashed, writer])).count === 1) return;
      await run(sql.leave, [channel, hashed, writer]);
      // Whoever stood behind may have left between the two.
      await run(sql.sweep);
    },
    first: async (keys) => {
      const { writer } = mine();
      const byHash = new Map(
        keys.slice(0, keysMax).map((key) => [hashOf(key).toString('hex'), key] as const),
      );
      const hashes = [...byHash.keys()].map((each) => Buffer.from(each, 'hex'));
      const { rows } = await run<{ key: Buffer }>(sql.first, [hashes, writer]);
      return new Set(rows.flatMap((row) => byHash.get(row.key.toString('hex')) ?? []));
    },
    leaveOthers: async (keys) => {
      const { writer } = mine();
      const byHash = new Map(keys.map((key) => [hashOf(key).toString('hex'), key] as const));
      for (const hashed of known.keys()) if (!byHash.has(hashed)) known.delete(hashed);
      const except = keys.map(hashOf);
      await leaveTurns(run, channel, { writer, except });
    },
  } satisfies TurnStore);
};
