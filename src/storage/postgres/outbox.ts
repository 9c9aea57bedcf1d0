/**
 * Claims and settlements of deliveries among gateways. What is due goes by the clock of whoever asks;
 * a lease goes by the server's clock alone, so that gateways whose clocks differ cannot take each
 * other's deliveries.
 */
import type { AttemptRow, Claimed, OutboxStore, Settling } from '../../deliveries/outbox-store.ts';
import { bounds } from '../bounds.ts';
import { deliveryCode } from '../codes.ts';
import { claimedColumns, claimedOf, idOf, type ClaimedRow } from '../delivery-rows.ts';
import type { Run, Sessions, Statement } from './connection.ts';
import { keyColumns, linesOf, serverNow } from './delivery-keys.ts';
import type { Gap, Lines } from './lines.ts';
import { makeAct } from './outbox-acts.ts';
import { makeOutboxReads } from './outbox-reads.ts';

const sql = {
  joining: {
    name: 'deliveries-joining',
    text: `SELECT number, line FROM deliveries WHERE state = 0 AND due_at <= $1::bigint
      ORDER BY due_at, number LIMIT ${bounds.joined}`,
  },
  claim: {
    name: 'claim-deliveries',
    text: `WITH picked AS MATERIALIZED (SELECT due.number
        FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY wanted(lane, most, ordinal)
        CROSS JOIN LATERAL (SELECT number, due_at FROM deliveries
          WHERE lane = wanted.lane AND state = 1 AND due_at <= $3::bigint
            AND (lease_until IS NULL OR lease_until <= ${serverNow})
          ORDER BY due_at LIMIT wanted.most FOR UPDATE SKIP LOCKED) due
        LIMIT ${bounds.claims}),
      d AS (UPDATE deliveries SET due_at = $3::bigint + $4::bigint,
          lease_until = ${serverNow} + $4::bigint, holder = $5, attempt = attempt + 1,
          token = token + 1
        FROM picked WHERE deliveries.number = picked.number RETURNING deliveries.*)
      SELECT ${claimedColumns} FROM d JOIN events e ON e.id = d.event
        LEFT JOIN event_bodies b ON b.event = d.event ORDER BY d.number`,
  },
  settle: {
    name: 'settle-deliveries',
    text: `UPDATE deliveries d SET state = given.state, due_at = given.due_at, lease_until = NULL,
        attempt = d.attempt - given.untried,
        reason = coalesce(given.reason, CASE WHEN given.state = 3 THEN NULL ELSE d.reason END)
      FROM unnest($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::smallint[], $6::bigint[],
          $7::integer[], $8::text[]) WITH ORDINALITY
        given(event, item, name, token, state, due_at, untried, reason, ordinal)
      WHERE d.event = given.event AND d.item = given.item AND d.name = given.name
        AND d.token = given.token AND d.state = 1 AND d.lease_until IS NOT NULL
      RETURNING given.ordinal, d.number, d.line`,
  },
  attempts: {
    name: 'remember-attempts',
    text: `WITH given AS (SELECT *, (SELECT coalesce(max(ordinal), 0) + 1 FROM attempts a
          WHERE a.delivery = g.delivery) AS ordinal
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::text[], $6::text[],
          $7::text[], $8::jsonb[]) g(delivery, at, ms, status, reason, detail, span_id, ledger_ids)),
      forgotten AS (DELETE FROM attempts a USING given WHERE a.delivery = given.delivery
        AND a.ordinal <= given.ordinal - ${bounds.attempts})
      INSERT INTO attempts SELECT delivery, ordinal, at, ms, status, reason, detail, span_id,
        ledger_ids FROM given`,
  },
} satisfies Record<string, Statement>;

const makeClaim =
  (
    { run, transaction }: Sessions,
    { lines, holder }: Readonly<{ lines: Lines; holder(): string | null }>,
  ): OutboxStore['claim'] =>
  async ({ lanes, now, leaseMs }): Promise<readonly Claimed[]> => {
    const joining = await run<{ number: number; line: Buffer }>(sql.joining, [now]);
    if (joining.count > 0)
      await transaction(async (inside) => {
        await lines.lock(
          inside,
          joining.rows.map(({ line }) => line),
        );
        await lines.join(
          inside,
          joining.rows.map(({ number }) => number),
        );
      });
    const wanted = [lanes.map(({ lane }) => lane), lanes.map(({ max }) => Math.max(0, max))];
    const { rows } = await run<ClaimedRow>(sql.claim, [...wanted, now, leaseMs, holder()]);
    return rows.map(claimedOf);
  };

type Settled = Readonly<{ number: number; line: Buffer; settling: Settling }>;

const settleRows = async (
  run: Run,
  settlings: readonly Settling[],
  now: number,
): Promise<readonly (Settled | null)[]> => {
  const columns = settlings.map(({ token, next, attempt }) => {
    const ended = !('dueAt' in next);
    const tried = next.state === 'ready' ? next.counted : attempt !== null;
    return {
      token,
      state: deliveryCode(next.state),
      dueAt: ended ? now : next.dueAt,
      untried: ended || tried ? 0 : 1,
      reason: ended ? next.reason : (attempt?.reason ?? null),
    };
  });
  const { rows } = await run<{ ordinal: number; number: number; line: Buffer }>(sql.settle, [
    ...keyColumns(settlings.map(({ key }) => key)),
    columns.map(({ token }) => token),
    columns.map(({ state }) => state),
    columns.map(({ dueAt }) => dueAt),
    columns.map(({ untried }) => untried),
    columns.map(({ reason }) => reason),
  ]);
  const found = new Map(rows.map((row) => [row.ordinal, row]));
  return settlings.map((settling, index) => {
    const row = found.get(index + 1);
    return row === undefined ? null : { number: row.number, line: row.line, settling };
  });
};

const remember = async (run: Run, settled: readonly Settled[]): Promise<void> => {
  const tries = settled.flatMap(({ number, settling: { attempt } }) =>
    attempt === null ? [] : [{ number, attempt }],
  );
  if (tries.length === 0) return;
  const column = <Key extends keyof AttemptRow>(key: Key) =>
    tries.map(({ attempt }) => attempt[key]);
  await run(sql.attempts, [
    tries.map(({ number }) => number),
    column('at'),
    column('ms'),
    column('status'),
    column('reason'),
    column('detail'),
    column('spanId'),
    tries.map(({ attempt }) => JSON.stringify(attempt.ledgerIds)),
  ]);
};

/** Lets the next of each line follow; how many became due. */
const moveOn = async (
  run: Run,
  { lines, settled, now }: Readonly<{ lines: Lines; settled: readonly Settled[]; now: number }>,
): Promise<number> => {
  const inState = (state: string) =>
    settled.filter(({ settling }) => settling.next.state === state);
  const gaps: readonly Gap[] = inState('dead').map(({ line, settling }) => ({
    line,
    delivery: idOf(settling.key),
  }));
  await lines.openGaps(run, gaps, now);
  await lines.closeGaps(
    run,
    inState('delivered').map(({ line }) => line),
  );
  const left = settled.filter(({ settling }) => settling.next.state !== 'ready');
  return lines.follow(
    run,
    left.map(({ line }) => line),
    now,
  );
};

const makeSettle =
  (
    { transaction }: Sessions,
    { lines, told }: Readonly<{ lines: Lines; told(): void }>,
  ): OutboxStore['settle'] =>
  async (given, now) => {
    const settlings = given.slice(0, bounds.settled);
    if (settlings.length === 0) return [];
    const { done, followed } = await transaction(async (run) => {
      await lines.lock(
        run,
        await linesOf(
          run,
          settlings.map(({ key }) => key),
        ),
      );
      const rows = await settleRows(run, settlings, now);
      const settled = rows.filter((each) => each !== null);
      await remember(run, settled);
      const count = await moveOn(run, { lines, settled, now });
      return { done: rows.map((each) => each !== null), followed: count };
    });
    if (followed > 0) told();
    return done;
  };

/**
 * Deliveries of all gateways. `hot` is for claims and settlements; `told` hears of what became due;
 * `holder` is this gateway's chain, by which others know whose claims end with it.
 */
export const makeOutboxStore = (
  deps: Readonly<{
    hot: Sessions;
    general: Sessions;
    lines: Lines;
    told(): void;
    holder(): string | null;
  }>,
): OutboxStore => ({
  claim: makeClaim(deps.hot, deps),
  settle: makeSettle(deps.hot, deps),
  act: makeAct(deps.general, deps),
  // Another gateway's claims are in force; they end with its chain (writers.ts), or with their leases.
  releaseAll: () => Promise.resolve(),
  ...makeOutboxReads(deps),
});
