/**
 * Appends of batches whose intents claim something: still one statement in one round trip, so no
 * gateway that stops between two of them keeps the others waiting. It locks the windows and holds it
 * needs, in order, sees what was taken until then, and moves the head only if all of it can be had.
 * Locks end with the commit, when what was taken is there for all to see. Where it did not move, what
 * was seen tells which intents are in the way. Other gateways hear of holds that were released, their
 * news locked after the holds as everywhere (news.ts).
 */
import { hash } from 'node:crypto';
import { parseLedgerId, type HoldId } from '../../ids.ts';
import type { WindowClaim } from '../../ledger/claims.ts';
import type { LedgerBatch } from '../../ledger/store.ts';
import {
  asksOf,
  givesBack,
  judgeClaims,
  placeKey,
  placesOf,
  releasesOf,
  type Ask,
  type Refused,
  type Release,
} from '../claim-places.ts';
import { appendText, numbers } from './append-text.ts';
import type { Sessions, Statement } from './connection.ts';
import { channelOf } from './news.ts';

const appendClaiming: Statement = {
  name: 'append-claiming',
  text: appendText({
    before: `uses AS MATERIALIZED (SELECT * FROM window_uses(
        $32::integer, $33::integer[], $34::bytea[], $35::bigint[], $36::bigint[],
        $37::text[], $38::bigint[])),
      approved AS MATERIALIZED (SELECT h.id
        FROM unnest($45::text[], $46::bigint[], $48::bigint[]) r(id, version, at)
        JOIN holds h ON h.id = r.id
        WHERE h.state = 'approved' AND h.version = r.version AND h.expires_at > r.at
        ORDER BY h.id FOR UPDATE OF h),`,
    holds: `AND NOT EXISTS (SELECT FROM uses WHERE used > room)
      AND (SELECT count(*) FROM approved) = cardinality($45::text[])`,
    after: `, taken AS (INSERT INTO places (key, at, writer, sequence, amount, until, given_back)
        SELECT p.key, p.at, head.writer, p.sequence, p.amount, p.until, p.given_back FROM head,
          unnest($39::bytea[], $40::bigint[], $41::bigint[], $42::bigint[], $43::bigint[],
            $44::boolean[]) p(key, at, sequence, amount, until, given_back)),
      released AS (UPDATE holds h SET state = 'released', version = h.version + 1,
          entry = r.entry, changed_at = r.at
        FROM head, unnest($45::text[], $47::text[], $48::bigint[]) r(id, entry, at)
        WHERE h.id = r.id RETURNING h.id),
      told AS (UPDATE news SET number = number + 1
        WHERE topic = 'holds' AND EXISTS (SELECT FROM released) RETURNING number)`,
    answer: `SELECT EXISTS (SELECT FROM head) AS moved,
      (SELECT count(pg_notify($49, 'holds ' || number)) FROM told) AS told,
      CASE WHEN NOT EXISTS (SELECT FROM head) THEN
        (SELECT json_agg(json_build_array(used, oldest) ORDER BY ask) FROM uses) END AS uses,
      CASE WHEN NOT EXISTS (SELECT FROM head) THEN
        (SELECT json_agg(id) FROM approved) END AS approved`,
  }),
};

type Answer = Readonly<{
  moved: boolean;
  uses: readonly (readonly [used: number, oldest: number | null])[] | null;
  approved: readonly HoldId[] | null;
}>;

/** Windows share this many locks: what one transaction takes of the server's is bounded. */
const locksMax = 1_024;

/** Stands where one hold is to be released twice: no such hold is approved. */
const never = { id: '' as HoldId, version: 0, entry: null, at: 0 };

/** Each hold once; a second claim of one keeps the batch from being written as it is. */
const distinct = (releases: readonly Release[]) => {
  const once = releases.filter(({ id }, index) => releases[index - 1]?.id !== id);
  return once.length === releases.length ? once : [never, ...once];
};

/** Writers and sequences of entries whose places the batch gives back. */
const goneIn = ({ outcomes }: LedgerBatch) =>
  outcomes.flatMap((outcome) => {
    const entry = givesBack(outcome) === true ? parseLedgerId(outcome.entry) : null;
    return entry === null ? [] : [entry];
  });

const parametersOf = (
  batch: LedgerBatch,
  asks: readonly Ask[],
  { lockClass, channel }: Readonly<{ lockClass: number; channel: string }>,
): readonly unknown[] => {
  const known = new Map<string, Buffer>();
  const keyOf = (key: string): Buffer => {
    const found = known.get(key) ?? placeKey(key);
    known.set(key, found);
    return found;
  };
  const keys = asks.map(({ key }) => keyOf(key));
  const locks = new Set(keys.map((key) => key.readUInt16BE(0) % locksMax));
  const gone = goneIn(batch);
  const places = placesOf(batch);
  const releases = distinct(releasesOf(batch));
  return [
    lockClass,
    numbers([...locks].toSorted((left, right) => left - right)),
    keys,
    numbers(asks.map(({ from }) => from)),
    numbers(asks.map(({ room }) => room)),
    gone.map(({ writer }) => writer),
    numbers(gone.map(({ sequence }) => sequence)),
    places.map(({ key }) => keyOf(key)),
    numbers(places.map(({ at }) => at)),
    numbers(places.map(({ sequence }) => sequence)),
    numbers(places.map(({ amount }) => amount)),
    numbers(places.map(({ until }) => until)),
    places.map(({ givenBack }) => givenBack),
    releases.map(({ id }) => id),
    numbers(releases.map(({ version }) => version)),
    releases.map(({ entry }) => entry),
    numbers(releases.map(({ at }) => at)),
    channel,
  ];
};

/** Who is in the way, by what the statement saw under its locks; nobody where it was something else. */
const judge = (batch: LedgerBatch, asks: readonly Ask[], answer: Answer): readonly Refused[] => {
  const seen = new Map(
    asks.map(({ key, from }, index) => [`${from}\n${key}`, answer.uses?.[index]]),
  );
  const approved = new Set(answer.approved);
  const useOf = ({ key }: WindowClaim, from: number) => seen.get(`${from}\n${key}`) ?? [0, null];
  return judgeClaims(batch, {
    used: (window, from) => useOf(window, from)[0],
    oldest: (window, from) => useOf(window, from)[1],
    approved: (id) => approved.has(id),
  });
};

/**
 * Appends by the base parameters of the batch: did the head move, or which intents are in the way?
 * Asks coarsely first, which suffices nearly always.
 */
export const makeAppendClaiming = (sessions: Sessions, schema: string) => {
  // Advisory locks are those of a database: schemas keep theirs apart.
  const lockClass = hash('sha256', `sallyport windows ${schema}`, 'buffer').readInt32BE(0);
  const about = { lockClass, channel: channelOf(schema) };
  const attempt = async (
    batch: LedgerBatch,
    base: readonly unknown[],
    asks: readonly Ask[],
  ): Promise<Answer> => {
    const values = [...base, ...parametersOf(batch, asks, about)];
    const { first } = await sessions.run<Answer>(appendClaiming, values);
    return first ?? { moved: false, uses: null, approved: null };
  };
  return async (
    batch: LedgerBatch,
    base: readonly unknown[],
  ): Promise<boolean | readonly Refused[]> => {
    const coarse = await attempt(batch, base, asksOf(batch, true));
    if (coarse.moved) return true;
    const asks = asksOf(batch, false);
    const answer = await attempt(batch, base, asks);
    if (answer.moved) return true;
    const refused = judge(batch, asks, answer);
    return refused.length > 0 && refused;
  };
};
