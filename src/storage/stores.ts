/** What every engine opens: the ports of all consumers over one store. */
import type { KeyStore } from '../callers/store.ts';
import type { LastGoodStore } from '../config/store.ts';
import type { EventStore } from '../deliveries/event-store.ts';
import type { OutboxStore } from '../deliveries/outbox-store.ts';
import type { CheckStore } from '../drift/check-store.ts';
import type { HoldStore } from '../holds/hold-store.ts';
import type { LossStore } from '../ledger/loss-store.ts';
import type { LedgerStore } from '../ledger/store.ts';
import type { WriterStore } from '../ledger/writer-store.ts';
import type { EchoStore } from '../passage/echo-store.ts';
import type { TurnStore } from '../passage/turn-store.ts';
import type { UseStore } from '../reports/use-store.ts';
import type { MarkStore } from '../safety/mark-store.ts';
import type { OverrideStore } from '../safety/override-store.ts';
import type { PopulationStore } from '../safety/population-store.ts';
import type { WindowStore } from '../safety/window-store.ts';
import type { StoreFeed } from '../store-feed.ts';
import type { FreezeStore } from '../targets/store.ts';
import type { TableCopying } from './copied-tables.ts';

export type Stores = Readonly<{
  ledger: LedgerStore;
  losses: LossStore;
  keys: KeyStore;
  lastGood: LastGoodStore;
  freezes: FreezeStore;
  echoes: EchoStore;
  events: EventStore;
  outbox: OutboxStore;
  holds: HoldStore;
  protectionMarks: MarkStore;
  overrides: OverrideStore;
  populations: PopulationStore;
  windows: WindowStore;
  checks: CheckStore;
  uses: UseStore;
  /** Rows of webhooks, deliveries and safety, for `store copy`. */
  copying: TableCopying;
  /** What gateways need to share the store; null where one process owns it. */
  shared: Readonly<{ writers: WriterStore; turns: TurnStore }> | null;
  feed: StoreFeed;
  /** Sentences on how safe this store is as it is set up: an asynchronous standby, say. Empty = well. */
  warnings(): Promise<readonly string[]>;
  /** Ends every connection and worker; what was promised is on disk already. */
  close(): Promise<void>;
}>;

/** What `store status` tells of a store it did not change. */
export type StoreStatus = Readonly<{
  engine: string;
  /** Version of the engine itself. */
  version: string;
  /** Names of the migrations that were applied, and of those this program would apply. */
  applied: readonly string[];
  pending: readonly string[];
  bytes: number;
  warnings: readonly string[];
}>;

/** One engine over one kind of place. Every method rejects with GatewayError `ledger_unavailable`. */
export type Engine<At> = Readonly<{
  /** Opens the store, made and migrated where it has to be. */
  open(at: At): Promise<Stores>;
  /** Brings the schema to the newest; gives what was applied. Opening does the same. */
  migrate(at: At): Promise<readonly string[]>;
  /** Looks without changing anything; null where there is no store yet. */
  status(at: At): Promise<StoreStatus | null>;
}>;
