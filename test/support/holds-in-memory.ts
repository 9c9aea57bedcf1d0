/** The port of holds in memory, exact as far as one process can tell: for tests of the room alone. */
import type { HoldId, LedgerId } from '../../src/ids.ts';
import type { HoldRow, HoldStore, Put } from '../../src/holds/hold-store.ts';

export type HoldsInMemory = HoldStore &
  Readonly<{
    rows: Map<HoldId, HoldRow>;
    /** What the ledger does in its transaction; false where the claim cannot be had. */
    claim(hold: Readonly<{ id: HoldId; version: number }>, entry: LedgerId, now: number): boolean;
  }>;

const isOpen = ({ state }: HoldRow): boolean => state === 'pending' || state === 'approved';

export const holdsInMemory = (): HoldsInMemory => {
  const rows = new Map<HoldId, HoldRow>();
  const set = (row: HoldRow): HoldRow => {
    rows.set(row.id, row);
    return row;
  };
  const newestFirst = (): HoldRow[] =>
    [...rows.values()].toSorted((one, other) => (one.id < other.id ? 1 : -1));
  const putNow: (...given: Parameters<HoldStore['put']>) => Put = (hold, options) => {
    const { now, pendingMax, rememberMs } = options;
    const alike = newestFirst().filter((row) => row.join.equals(hold.join));
    for (const row of alike.filter((each) => isOpen(each) && each.expiresAt <= now)) {
      set({ ...row, state: 'expired', version: row.version + 1, changedAt: now });
    }
    const open = alike.find((row) => isOpen(row) && row.expiresAt > now);
    const same = (row: HoldRow): boolean => row.mutation.equals(hold.mutation);
    if (open !== undefined && same(open)) {
      return { kind: 'joined', row: set({ ...open, calls: open.calls + 1 }) };
    }
    const fresh: HoldRow = {
      ...hold,
      state: 'pending',
      version: 1,
      changedAt: now,
      calls: 1,
      entry: null,
    };
    if (open !== undefined) {
      set({ ...open, state: 'replaced', version: open.version + 1, changedAt: now });
      return { kind: 'replaced', row: set(fresh), former: open.id };
    }
    const decided = alike.find(
      (row) =>
        (row.state === 'released' || row.state === 'rejected') &&
        same(row) &&
        row.changedAt >= now - rememberMs &&
        !alike.some(
          (other) => other.state === 'released' && !same(other) && other.changedAt > row.changedAt,
        ),
    );
    if (decided !== undefined) return { kind: 'joined', row: decided };
    const waiting = newestFirst().filter((row) => isOpen(row) && row.client === hold.client);
    return waiting.length >= pendingMax ? { kind: 'full' } : { kind: 'held', row: set(fresh) };
  };
  return {
    rows,
    put: async (hold, options) => putNow(hold, options),
    read: async (id) => rows.get(id) ?? null,
    list: async ({ states, client, batch, before, approvedBefore, limit }) => {
      const found = newestFirst().filter(
        (row) =>
          (states === undefined || states.includes(row.state)) &&
          (client === undefined || row.client === client) &&
          (batch === undefined || row.batch === batch) &&
          (before === undefined || row.id < before) &&
          (approvedBefore === undefined ||
            (row.state === 'approved' && row.changedAt < approvedBefore)),
      );
      return (approvedBefore === undefined ? found : found.toReversed()).slice(0, limit);
    },
    binding: async ({ join, mutation }, { rememberMs, now }) => {
      const alike = newestFirst().filter((row) => row.join.equals(join));
      const found = alike.find(
        (row) =>
          (isOpen(row) && row.expiresAt > now) ||
          (row.state === 'rejected' &&
            row.mutation.equals(mutation) &&
            row.changedAt >= now - rememberMs &&
            !alike.some((o) => o.state === 'released' && o.changedAt > row.changedAt)),
      );
      return found?.rule ?? null;
    },
    bound: async (since) => [
      ...new Set(
        newestFirst()
          .filter((row) => isOpen(row) || (row.state === 'rejected' && row.changedAt >= since))
          .map(({ client }) => client),
      ),
    ],
    change: async (id, version, { now, ...to }) => {
      const row = rows.get(id);
      if (row === undefined || row.version !== version || !isOpen(row)) return null;
      return set({ ...row, ...to, version: version + 1, changedAt: now });
    },
    expire: async (now) =>
      newestFirst()
        .filter((row) => isOpen(row) && row.expiresAt <= now)
        .slice(0, 500)
        .map((row) => set({ ...row, state: 'expired', version: row.version + 1, changedAt: now })),
    counts: async () => {
      const out = new Map<string, { client: string; pending: number; oldestAt: number }>();
      for (const { client, at } of newestFirst().filter(isOpen)) {
        const known = out.get(client);
        const oldestAt = Math.min(known?.oldestAt ?? at, at);
        out.set(client, { client, pending: (known?.pending ?? 0) + 1, oldestAt });
      }
      return [...out.values()];
    },
    prune: async (before) => {
      const old = newestFirst().filter((row) => !isOpen(row) && row.changedAt < before);
      for (const { id } of old.slice(0, 1_000)) rows.delete(id);
      return { removed: Math.min(1_000, old.length), more: old.length > 1_000 };
    },
    claim: ({ id, version }, entry, now) => {
      const row = rows.get(id);
      if (row?.state !== 'approved' || row.version !== version) return false;
      set({ ...row, state: 'released', version: version + 1, changedAt: now, entry });
      return true;
    },
  };
};
