/** What a person does to deliveries: retried, replayed or discarded, under the locks of their lines. */
import type { OutboxStore } from '../../deliveries/outbox-store.ts';
import { deliveryId, type DeliveryKey } from '../../ids.ts';
import { bounds } from '../bounds.ts';
import { deliveryCode, deliveryState } from '../codes.ts';
import { statesOf, type Act } from '../delivery-rows.ts';
import type { Run, Sessions, Statement } from './connection.ts';
import { keyColumns, linesOf, serverNow } from './delivery-keys.ts';
import type { Lines } from './lines.ts';

const sql = {
  find: {
    text: `SELECT given.ordinal, d.number, d.line, d.state,
        coalesce(d.lease_until > ${serverNow}, false) AS claimed
      FROM unnest($1::text[], $2::integer[], $3::text[]) WITH ORDINALITY
        given(event, item, name, ordinal)
      JOIN deliveries d ON d.event = given.event AND d.item = given.item AND d.name = given.name
      ORDER BY d.number FOR UPDATE OF d`,
  },
  again: {
    text: `UPDATE deliveries d SET due_at = given.due_at, attempt = 0, token = token + 1,
        lease_until = NULL, reason = NULL, replayed = replayed OR $3::boolean,
        state = CASE WHEN state = 1 THEN 1 ELSE 0 END
      FROM unnest($1::bigint[], $2::bigint[]) given(number, due_at)
      WHERE d.number = given.number`,
  },
  discard: {
    text: `UPDATE deliveries SET state = 7, due_at = $2::bigint, token = token + 1,
        lease_until = NULL, reason = 'discarded'
      WHERE number = ANY ($1::bigint[])`,
  },
} satisfies Record<string, Statement>;

type Given = Readonly<{ key: DeliveryKey; dueAt: number }>;
type Found = Given & Readonly<{ number: number; line: Buffer; state: number }>;

/** Those that the act applies to, each once, in the order they were given. */
const find = async (run: Run, act: Act, given: readonly Given[]): Promise<readonly Found[]> => {
  const { rows } = await run<{
    ordinal: number;
    number: number;
    line: Buffer;
    state: number;
    claimed: boolean;
  }>(sql.find, keyColumns(given.map(({ key }) => key)));
  const byNumber = new Map<number, Found & { ordinal: number }>();
  for (const { ordinal, claimed, ...row } of rows) {
    const one = given[ordinal - 1];
    if (one === undefined || claimed || byNumber.has(row.number)) continue;
    if (!statesOf[act].includes(deliveryState(row.state))) continue;
    byNumber.set(row.number, { ...one, ...row, ordinal });
  }
  return [...byNumber.values()].toSorted((a, b) => a.ordinal - b.ordinal);
};

type Doing = Readonly<{ act: Act; lines: Lines; now: number }>;

const ready = deliveryCode('ready');

const gapsOf = (found: readonly Found[]) =>
  found.map(({ line, key }) => ({ line, delivery: deliveryId(key) }));

const goAgain = async (run: Run, found: readonly Found[], doing: Doing): Promise<void> => {
  const { act, lines, now } = doing;
  const outside = found.filter(({ state }) => state !== ready);
  await run(sql.again, [
    found.map(({ number }) => number),
    found.map(({ dueAt }) => dueAt),
    act === 'replay',
  ]);
  await lines.closeGapsOf(run, gapsOf(outside));
  const due = outside.filter(({ dueAt }) => dueAt <= now);
  await lines.join(
    run,
    due.map(({ number }) => number),
  );
};

const giveUp = async (run: Run, found: readonly Found[], doing: Doing): Promise<void> => {
  const { lines, now } = doing;
  await run(sql.discard, [found.map(({ number }) => number), now]);
  const heads = found.filter(({ state }) => state === ready);
  await lines.openGaps(run, gapsOf(heads), now);
  await lines.follow(
    run,
    heads.map(({ line }) => line),
    now,
  );
};

/** Acts, all or none. */
export const makeAct =
  (
    { transaction }: Sessions,
    { lines, told }: Readonly<{ lines: Lines; told(): void }>,
  ): OutboxStore['act'] =>
  async (act, deliveries, now) => {
    const given = deliveries.slice(0, bounds.acted);
    if (given.length === 0) return [];
    const found = await transaction(async (run) => {
      await lines.lock(
        run,
        await linesOf(
          run,
          given.map(({ key }) => key),
        ),
      );
      const fits = await find(run, act, given);
      if (fits.length === 0) return fits;
      await (act === 'discard' ? giveUp : goAgain)(run, fits, { act, lines, now });
      return fits;
    });
    if (found.length > 0) told();
    return found.map(({ key }) => key);
  };
