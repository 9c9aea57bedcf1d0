/**
 * Holds a ledger against the truth a target knows. Opens the store of a gateway that does not run,
 * with the very parts a gateway stands on, and changes nothing in it but a last checkpoint.
 */
import { createPublicKey } from 'node:crypto';
import { systemClock } from '../../src/clock.ts';
import { filesOnDisk } from '../../src/config/files-on-disk.ts';
import { loadConfig } from '../../src/config/load.ts';
import { evidenceSource, openFoundation, type Foundation } from '../../src/foundation.ts';
import { parseLedgerId, systemRandom, type LedgerId } from '../../src/ids.ts';
import { evidenceOfStore } from '../../src/ledger/evidence.ts';
import type { LedgerRow } from '../../src/ledger/record.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { silentObserver } from '../../src/telemetry/observe.ts';
import type { Home } from './gateway-process.ts';
import type { Arrival } from './users-target.ts';

/** Opens the store of `home` for `use`; no gateway may run on it. */
export const withStore = async <Result>(
  home: Home,
  use: (foundation: Foundation) => Promise<Result>,
): Promise<Result> => {
  const now = systemClock.now();
  const { configPath: path, env } = home;
  const { snapshot, problems } = await loadConfig({
    ...filesOnDisk,
    path,
    env,
    resolve: true,
    now,
  });
  if (snapshot === null) throw new Error(`the route file has ${problems.length} problems`);
  const deps = { clock: systemClock, random: systemRandom, observer: silentObserver };
  const foundation = await openFoundation(deps, snapshot);
  try {
    return await use(foundation);
  } finally {
    await foundation.close();
  }
};

/** Problems that `ledger verify` finds, in words; none where the chain is whole. */
export const chainProblems = async (foundation: Foundation): Promise<readonly string[]> => {
  const found = await verifyLedger(evidenceOfStore(evidenceSource(foundation)), {
    publicKey: createPublicKey(foundation.checkpointKey),
    now: systemClock.now(),
  });
  return found.problems.map(({ code, at, message }) => `${code} at ${at}: ${message}`);
};

/** Which of `ids` the ledger does not hold. */
export const missingOf = async (
  { ledger }: Pick<Foundation, 'ledger'>,
  ids: Iterable<string>,
): Promise<readonly string[]> => {
  const missing: string[] = [];
  for (const id of ids) {
    const shown = parseLedgerId(id) === null ? null : await ledger.show(id as LedgerId);
    if (shown === null) missing.push(id);
  }
  return missing;
};

const pageSize = 1_000;
const pagesMax = 1_000;

/** Every entry that was allowed, by id. */
export const allowedEntries = async ({
  ledger,
}: Pick<Foundation, 'ledger'>): Promise<ReadonlyMap<string, LedgerRow>> => {
  const rows = new Map<string, LedgerRow>();
  let until: number | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const found = await ledger.list({
      limit: pageSize,
      ...(until === undefined ? {} : { until }),
    });
    const before = rows.size;
    for (const row of found) if (row.decision === 'allow') rows.set(row.id, row);
    if (found.length < pageSize || (page > 0 && rows.size === before)) return rows;
    // Newest first; the oldest instant is asked for again, for others may share it.
    until = Date.parse((found.at(-1) as LedgerRow).at) + 1;
  }
  throw new Error('more entries than can be read');
};

/** Counts of outcomes, and those that the target's truth contradicts. */
export type Truth = Readonly<{
  applied: number;
  rejected: number;
  notSent: number;
  inDoubt: number;
  /** In doubt, and the target did make the change. */
  inDoubtButMade: number;
  settledByReadBack: number;
  withoutOutcome: number;
  /** Lines that name each contradiction. */
  wrong: readonly string[];
}>;

const contradiction = (row: LedgerRow, arrival: Arrival | undefined): string | null => {
  if (row.outcome === 'applied' && arrival?.changed !== true) return 'applied, but never made';
  if (row.outcome === 'rejected' && arrival?.changed === true) return 'rejected, but made';
  if (row.outcome === 'not-sent' && arrival !== undefined) return 'not-sent, but it arrived';
  return null;
};

/** Holds every entry against what arrived at the target. */
export const compareWithTruth = (
  rows: ReadonlyMap<string, LedgerRow>,
  arrivals: readonly Arrival[],
): Truth => {
  const arrived = new Map(arrivals.map((arrival) => [arrival.ledgerId, arrival]));
  const all = [...rows.values()];
  const count = (holds: (row: LedgerRow) => boolean): number => all.filter(holds).length;
  const inDoubt = all.filter(({ outcome }) => outcome === 'in-doubt');
  return {
    applied: count(({ outcome }) => outcome === 'applied'),
    rejected: count(({ outcome }) => outcome === 'rejected'),
    notSent: count(({ outcome }) => outcome === 'not-sent'),
    inDoubt: inDoubt.length,
    inDoubtButMade: inDoubt.filter(({ id }) => arrived.get(id)?.changed === true).length,
    settledByReadBack: count(({ settledBy }) => settledBy === 'read-back'),
    withoutOutcome: count(({ outcome }) => outcome === null),
    wrong: all.flatMap((row) => {
      const why = contradiction(row, arrived.get(row.id));
      return why === null ? [] : [`${row.id} ${row.operation}: ${why} (${row.settledBy})`];
    }),
  };
};
