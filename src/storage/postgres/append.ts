/**
 * Writes of the ledger. A batch is one statement in one round trip, a transaction of its own: it
 * moves the head of its chain if that stands where the batch begins, and everything else follows from
 * that row. The head is fenced: a failed append may still be under way, or lie unread in the server's
 * socket, so asking where the chain stands raises its epoch, and an append of an older epoch moves
 * nothing. Raising waits for the row's lock, so what was under way has ended by then.
 */
import { GatewayError } from '../../errors.ts';
import type { Appended, Head, LedgerBatch, LedgerStore } from '../../ledger/store.ts';
import { makeAppendClaiming } from './append-claiming.ts';
import { appendText, parametersOf } from './append-text.ts';
import { codeOf, unavailable, type Sessions, type Statement } from './connection.ts';

/** The chain this store claimed; the epoch is what its next append must be under. */
export type Claim = Readonly<{ writer: string; claim: number; epoch: number }>;

/** Holds the claim of one opened store. Appends, turns and leases of it stand on this. */
export type Claimed = { current: Claim | null };

const append: Statement = {
  name: 'append',
  text: appendText({ before: '', holds: '', after: '', answer: 'SELECT 1 FROM head' }),
};

const sql = {
  whose: {
    text: 'SELECT epoch, claim, state FROM writers WHERE writer = $1',
  },
  fence: {
    text: `UPDATE writers SET epoch = epoch + 1
      WHERE writer = $1 AND claim = $2 AND state = 'live'
      RETURNING writer, next, digest, newest_at AS "newestAt", epoch, false AS closed`,
  },
  head: {
    text: `SELECT writer, next, digest, newest_at AS "newestAt", state = 'closed' AS closed
      FROM writers WHERE writer = $1`,
  },
  checkpoint: {
    text: `INSERT INTO checkpoints VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
  },
} satisfies Record<string, Statement>;

type HeadRow = Omit<Head, 'reserve'>;

const diskFull = '53100';

/** The ledger's writes by this store's claim. */
export const makeAppends = (
  sessions: Sessions,
  claimed: Claimed,
  schema: string,
): Pick<LedgerStore, 'head' | 'append' | 'addCheckpoint'> => {
  const appendClaiming = makeAppendClaiming(sessions, schema);
  /** Why an append moved nothing. Whatever it was, that append can move nothing any more. */
  const refusal = async ({ writer }: LedgerBatch, mine: Claim): Promise<Appended> => {
    const { rows } = await sessions.run<{ epoch: number; claim: number; state: string }>(
      sql.whose,
      [writer],
    );
    const [row] = rows;
    if (row === undefined || row.state !== 'live' || row.claim !== mine.claim) {
      return { kind: 'closed' };
    }
    throw new TypeError(
      row.epoch === mine.epoch
        ? 'the batch does not continue the chain'
        : 'the epoch of the chain has passed',
    );
  };
  return {
    head: async (writer) => {
      const mine = claimed.current?.writer === writer ? claimed.current : null;
      if (mine !== null) {
        const { rows } = await sessions.run<HeadRow & { epoch: number }>(sql.fence, [
          writer,
          mine.claim,
        ]);
        const [row] = rows;
        if (row !== undefined) {
          const { epoch, ...head } = row;
          // Of two that ask at once the later epoch is in force.
          const held = claimed.current;
          if (held?.claim === mine.claim && held.epoch < epoch)
            claimed.current = { ...held, epoch };
          return { ...head, reserve: true };
        }
      }
      // Chains of others are only looked at: raising their epoch would stop their writers.
      const { rows } = await sessions.run<HeadRow>(sql.head, [writer]);
      const [row] = rows;
      if (row === undefined && mine === null) {
        throw new GatewayError('ledger_unavailable', { detail: 'There is no such chain.' });
      }
      const none = { writer, next: 1, digest: null, newestAt: null };
      return { ...(row ?? none), closed: mine !== null || row?.closed === true, reserve: true };
    },
    append: async (batch) => {
      const mine = claimed.current;
      if (mine === null || mine.writer !== batch.writer) {
        throw new GatewayError('ledger_unavailable', {
          cause: new TypeError('this store did not claim the chain'),
        });
      }
      try {
        const parameters = parametersOf(batch, mine.epoch);
        const moved =
          batch.claims.length > 0
            ? await appendClaiming(batch, parameters)
            : (await sessions.run(append, parameters)).count === 1;
        if (typeof moved !== 'boolean') return { kind: 'unclaimed', items: moved };
        if (moved) return { kind: 'committed', reserve: true };
        return await refusal(batch, mine);
      } catch (error) {
        const cause = error instanceof GatewayError ? error.cause : error;
        // The statement failed as a whole, so it is certainly not written. There is no reserve to
        // use: the queue asks for the head, which tells it to try again.
        if (codeOf(cause) === diskFull) return { kind: 'full' };
        throw unavailable(error);
      }
    },
    addCheckpoint: async ({ writer, size, at, note }) => {
      await sessions.run(sql.checkpoint, [writer, size, at, note]);
    },
  };
};
