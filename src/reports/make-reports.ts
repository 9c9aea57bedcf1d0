/** The reports, put together: what people ask of what was granted, used and tried. */
import type { KeyStore } from '../callers/store.ts';
import type { Clock } from '../clock.ts';
import { refuse, type Refusal } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Snapshot } from '../snapshot.ts';
import { accessRows, tighterYaml, type AccessRow, type Seen } from './access-report.ts';
import { inventoryRows, type InventoryRow, type ReceiverFacts } from './inventory.ts';
import { shadowRows, type ShadowRow } from './shadow-report.ts';
import type { WrittenGrants } from './tighter-grants.ts';
import { dayOf } from './use-notes.ts';
import type { UseStore } from './use-store.ts';

export interface Reports {
  /** The last `days` days, today included. */
  access(days: number): Promise<readonly AccessRow[]>;
  /** Lines of YAML; refused where more was used than is known. */
  tighter(days: number): Promise<readonly string[] | Refusal>;
  /** Everything a reviewer looks at; `days`: unused for so long is told. */
  inventory(days: number): Promise<readonly InventoryRow[]>;
  shadow(
    span: Readonly<{ since?: number; until?: number }>,
  ): Promise<readonly ShadowRow[] | Refusal>;
}

export type ReportsDeps = Readonly<{
  clock: Pick<Clock, 'now'>;
  snapshot(): Snapshot;
  written(snapshot: Snapshot): WrittenGrants;
  receivers(snapshot: Snapshot): ReceiverFacts;
  keys: Pick<KeyStore, 'listKeys'>;
  uses: Pick<UseStore, 'sum' | 'first'>;
  ledger: Pick<Ledger, 'list'>;
  /** Writes what is counted in memory still; nothing where no gateway runs. */
  flush(): Promise<void>;
}>;

/** Uses that the store adds up at most. */
const usesMax = 20_000;
const tooMany = refuse(
  'value_invalid',
  'So much was used that not all of it is known. Ask for fewer days.',
);

const uncounted = refuse(
  'value_invalid',
  'Nothing was counted yet, so no grant can be said to be too wide. Ask when calls were made.',
);

export const makeReports = (deps: ReportsDeps): Reports => {
  const seen = async (days: number): Promise<Seen> => {
    await deps.flush();
    const to = dayOf(deps.clock.now());
    const from = to - days + 1;
    const first = await deps.uses.first();
    const since = first === null ? null : Math.max(first, from);
    return { uses: await deps.uses.sum({ from, to }), from, to, since };
  };
  return {
    access: async (days) => accessRows(deps.snapshot(), await seen(days)),
    tighter: async (days) => {
      const facts = await seen(days);
      if (facts.uses.length >= usesMax) return tooMany;
      if (facts.since === null) return uncounted;
      const snapshot = deps.snapshot();
      return tighterYaml(snapshot, deps.written(snapshot), facts);
    },
    inventory: async (days) => {
      const now = deps.clock.now();
      const snapshot = deps.snapshot();
      const keys = await deps.keys.listKeys(now);
      return inventoryRows({ snapshot, receivers: deps.receivers(snapshot), keys, now, days });
    },
    shadow: (span) => shadowRows(deps.ledger, span),
  };
};
