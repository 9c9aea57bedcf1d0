/** Claims, settlements and acts of a person on SQLite: writes of OutboxStore. */
import type { Database } from 'better-sqlite3';
import type { AttemptRow, Claimed, OutboxStore, Settling } from '../../deliveries/outbox-store.ts';
import type { DeliveryKey } from '../../ids.ts';
import { bounds } from '../bounds.ts';
import { deliveryCode, deliveryState } from '../codes.ts';
import {
  claimedColumns,
  claimedOf,
  idOf,
  statesOf,
  type Act,
  type ClaimedRow,
} from '../delivery-rows.ts';
import { makeLines } from './lines.ts';

const claimSql = {
  joining: `SELECT number, line FROM deliveries WHERE state = 0 AND due_at <= ?
    ORDER BY due_at, number LIMIT ${bounds.joined}`,
  due: `SELECT number FROM deliveries WHERE lane = ? AND state = 1 AND due_at <= ?
    ORDER BY due_at LIMIT ?`,
  claim: `UPDATE deliveries SET due_at = @until, lease_until = @until, attempt = attempt + 1,
    token = token + 1 WHERE number = @number`,
  claimed: `SELECT ${claimedColumns} FROM deliveries d JOIN events e ON e.id = d.event
    LEFT JOIN event_bodies b ON b.event = d.event WHERE d.number = ?`,
  release: `UPDATE deliveries SET due_at = ?, lease_until = NULL
    WHERE state = 1 AND lease_until IS NOT NULL`,
};

const makeClaim = (database: Database) => {
  const joining = database.prepare<[number], { number: number; line: Buffer }>(claimSql.joining);
  const due = database.prepare<[string, number, number], { number: number }>(claimSql.due);
  const claim = database.prepare<[{ until: number; number: number }]>(claimSql.claim);
  const claimed = database.prepare<[number], ClaimedRow>(claimSql.claimed);
  const lines = makeLines(database);
  return database.transaction(
    ({ lanes, now, leaseMs }: Parameters<OutboxStore['claim']>[0]): readonly Claimed[] => {
      for (const each of joining.all(now)) lines.join(each);
      const numbers: number[] = [];
      for (const { lane, max } of lanes) {
        const room = Math.max(0, Math.min(max, bounds.claims - numbers.length));
        numbers.push(...due.all(lane, now, room).map(({ number }) => number));
      }
      for (const number of numbers) claim.run({ number, until: now + leaseMs });
      return numbers.map((number) => claimedOf(claimed.get(number) as ClaimedRow));
    },
  );
};

type Found = Readonly<{
  number: number;
  line: Buffer;
  state: number;
  attempt: number;
  token: number;
  leaseUntil: number | null;
}>;

const findSql = `SELECT number, line, state, attempt, token, lease_until AS leaseUntil
  FROM deliveries WHERE event = @event AND item = @item AND name = @name`;

const settleSql = {
  newest: 'SELECT max(ordinal) AS ordinal FROM attempts WHERE delivery = ?',
  attempt: `INSERT INTO attempts VALUES (@delivery, @ordinal, @at, @ms, @status, @reason, @detail,
    @spanId, @ledgerIds)`,
  forget: 'DELETE FROM attempts WHERE delivery = ? AND ordinal <= ?',
  settle: `UPDATE deliveries SET state = @state, due_at = @dueAt, lease_until = NULL,
    attempt = @attempt, reason = coalesce(@reason, CASE WHEN @state = 3 THEN NULL ELSE reason END)
    WHERE number = @number`,
};

const makeSettle = (database: Database) => {
  const find = database.prepare<[DeliveryKey], Found>(findSql);
  const newest = database.prepare<[number], { ordinal: number | null }>(settleSql.newest);
  const addAttempt = database.prepare(settleSql.attempt);
  const forget = database.prepare<[number, number]>(settleSql.forget);
  const settle = database.prepare(settleSql.settle);
  const lines = makeLines(database);

  const remember = (delivery: number, attempt: AttemptRow): void => {
    const ordinal = (newest.get(delivery)?.ordinal ?? 0) + 1;
    const ledgerIds = JSON.stringify(attempt.ledgerIds);
    addAttempt.run({ ...attempt, delivery, ordinal, ledgerIds });
    forget.run(delivery, ordinal - bounds.attempts);
  };
  const settleOne = ({ key, token, next, attempt }: Settling, now: number): boolean => {
    const found = find.get(key);
    if (found?.state !== 1 || found.token !== token || found.leaseUntil === null) return false;
    const { number, line } = found;
    if (attempt !== null) remember(number, attempt);
    const tried = next.state === 'ready' ? next.counted : attempt !== null;
    const ended = !('dueAt' in next);
    settle.run({
      number,
      state: deliveryCode(next.state),
      dueAt: ended ? now : next.dueAt,
      attempt: ended || tried ? found.attempt : found.attempt - 1,
      reason: ended ? next.reason : (attempt?.reason ?? null),
    });
    if (next.state === 'ready') return true;
    if (next.state === 'dead') lines.openGap(line, idOf(key), now);
    if (next.state === 'delivered') lines.closeGap(line);
    lines.follow(line, now);
    return true;
  };
  return database.transaction((settlings: readonly Settling[], now: number): readonly boolean[] =>
    settlings.slice(0, bounds.settled).map((each) => settleOne(each, now)),
  );
};

const actSql = {
  again: `UPDATE deliveries SET due_at = @dueAt, attempt = 0, token = token + 1, lease_until = NULL,
    reason = NULL, replayed = max(replayed, @replayed), state = @state WHERE number = @number`,
  discard: `UPDATE deliveries SET state = 7, due_at = @now, token = token + 1, lease_until = NULL,
    reason = 'discarded' WHERE number = @number`,
};

const makeAct = (database: Database) => {
  const find = database.prepare<[DeliveryKey], Found>(findSql);
  const again = database.prepare(actSql.again);
  const discard = database.prepare(actSql.discard);
  const lines = makeLines(database);

  type Given = Parameters<OutboxStore['act']>[1][number];
  const fitting = (act: Act, given: readonly Given[], now: number) => {
    const fits = new Map<number, Found & Given>();
    for (const one of given) {
      const found = find.get(one.key);
      if (found === undefined || fits.has(found.number)) continue;
      const claimed = found.leaseUntil !== null && found.leaseUntil > now;
      const applies = statesOf[act].includes(deliveryState(found.state));
      if (applies && !claimed) fits.set(found.number, { ...found, ...one });
    }
    return [...fits.values()];
  };
  // Step by step over all of them: those that go together leave no gap to each other.
  const goAgain = (fits: readonly (Found & Given)[], replayed: 0 | 1, now: number): void => {
    const outside = fits.filter(({ state }) => state !== 1);
    for (const { number, dueAt, state } of fits)
      again.run({ number, dueAt, replayed, state: state === 1 ? 1 : 0 });
    for (const { line, key } of outside) lines.closeGapOf(line, idOf(key));
    for (const each of outside) if (each.dueAt <= now) lines.join(each);
  };
  const giveUp = (fits: readonly (Found & Given)[], now: number): void => {
    for (const { number } of fits) discard.run({ number, now });
    for (const { line, key, state } of fits) {
      if (state !== 1) continue;
      lines.openGap(line, idOf(key), now);
      lines.follow(line, now);
    }
  };
  return database.transaction(
    (act: Act, given: readonly Given[], now: number): readonly DeliveryKey[] => {
      const fits = fitting(act, given.slice(0, bounds.acted), now);
      if (act === 'discard') giveUp(fits, now);
      else goAgain(fits, act === 'replay' ? 1 : 0, now);
      return fits.map(({ key }) => key);
    },
  );
};

/** Writes of OutboxStore. */
export const makeOutboxWrites = (database: Database) => {
  const claim = makeClaim(database);
  const settle = makeSettle(database);
  const act = makeAct(database);
  const release = database.prepare<[number]>(claimSql.release);
  return {
    claimDeliveries: (wanted: Parameters<OutboxStore['claim']>[0]) => claim.immediate(wanted),
    settleDeliveries: (...given: Parameters<OutboxStore['settle']>) => settle.immediate(...given),
    actOnDeliveries: (...given: Parameters<OutboxStore['act']>) => act.immediate(...given),
    releaseDeliveries: (now: number): void => void release.run(now),
  };
};
