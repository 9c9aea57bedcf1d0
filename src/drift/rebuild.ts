/**
 * What the ledger says a resource must hold, told anew from its entries. Asked before anybody is
 * alarmed: what is kept may lack a change that another gateway made, or one that was lost in a crash.
 */
import type { Expected } from '../identity/scim/readback.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import type { LedgerId } from '../ids.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerRow } from '../ledger/record.ts';
import type { CheckRow } from './check-store.ts';
import { oldestOf, withChange, withDoubt, type Change, type KeptCheck } from './kept-check.ts';

/** Newest entries of one resource that are looked through; what is older stays as it is kept. */
const entriesMax = 500;

/** The resource, and the newest entry that changed it. */
export type Rebuilt =
  | Readonly<{ kind: 'told'; kept: KeptCheck; entry: LedgerId; at: number }>
  /** A change is under way. */
  | Readonly<{ kind: 'unknown' }>;

/** How long before it is known as applied a mutation may have been recorded, ms. */
const underWayMs = 600_000;

type About = Readonly<{
  row: Pick<CheckRow, 'tenant' | 'entry' | 'at'>;
  type: ResourceType;
  kept: KeptCheck;
}>;

/** Of the resource, and not older than what is kept of it: what a person accepted stays forgotten. */
const concerns = ({ row: { tenant, entry }, type, kept }: About, since: number) => {
  const own = new Set([entry, kept.gone?.entry, ...kept.watched.map((one) => one.entry)]);
  return (row: LedgerRow): boolean =>
    row.tenant === tenant &&
    row.resource.type === type.name &&
    row.resource.id === kept.id &&
    row.decision === 'allow' &&
    row.outcome !== 'rejected' &&
    row.outcome !== 'not-sent' &&
    (Date.parse(row.at) >= since || own.has(row.id));
};

const onlyPassword = ({ actions }: LedgerRow): boolean =>
  actions.length > 0 && actions.every((action) => action.endsWith(':password'));

const changeOf = async (ledger: Pick<Ledger, 'show'>, row: LedgerRow): Promise<Change> => {
  const shown = await ledger.show(row.id as LedgerId);
  const expected = (shown?.body?.expected ?? null) as Expected | null;
  return { entry: row.id, at: Date.parse(row.at), expected, after: null };
};

/** Rejects with GatewayError where the ledger cannot be read. */
export const rebuild = async (
  ledger: Pick<Ledger, 'list' | 'show'>,
  about: About,
): Promise<Rebuilt> => {
  const { kept, type, row: known } = about;
  const since = oldestOf(kept) ?? known.at;
  const found = await ledger.list({
    subject: kept.id,
    since: since - underWayMs,
    limit: entriesMax,
  });
  const rows = found.filter(concerns(about, since)).toReversed();
  if (rows.some(({ outcome }) => outcome === null)) return { kind: 'unknown' };
  const newest = rows.at(-1);
  const same = newest === undefined || newest.id === known.entry;
  // What older entries wrote that the ledger does not show any more stays as it is kept.
  const told = new Set(rows.map(({ id }) => id));
  let sum: KeptCheck = {
    ...kept,
    gone: kept.gone !== null && !told.has(kept.gone.entry) ? kept.gone : null,
    watched: kept.watched.filter(({ entry }) => !told.has(entry)),
  };
  for (const row of rows) {
    if (onlyPassword(row)) continue;
    const change = await changeOf(ledger, row);
    const merge = row.outcome === 'applied' ? withChange : withDoubt;
    sum = merge(sum, kept.id, change, type);
  }
  return same
    ? { kind: 'told', kept: sum, entry: known.entry, at: known.at }
    : { kind: 'told', kept: sum, entry: newest.id as LedgerId, at: Date.parse(newest.at) };
};
