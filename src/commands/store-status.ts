/**
 * What `sallyport store status` tells: the engine and its migrations without touching anything and,
 * where opening disturbs nobody, every chain with its newest checkpoint.
 */
import { GatewayError } from '../errors.ts';
import { readCheckpoint } from '../ledger/checkpoints.ts';
import type { LedgerStore } from '../ledger/store.ts';
import type { LiveGateway } from '../ledger/writer-store.ts';
import type { StoreAt } from '../snapshot.ts';
import { engineOf } from '../storage/engines.ts';
import type { Stores, StoreStatus } from '../storage/stores.ts';

/** One chain: records `first` to `size`. */
export type ChainStatus = Readonly<{
  writer: string;
  first: number;
  size: number;
  closed: boolean;
  /** The newest one that the store keeps. */
  checkpoint: Readonly<{ size: number; at: string }> | null;
}>;

/** The whole of it; `chains` null where nobody may look, and `notOpened` says why. */
export type ShownStatus = StoreStatus &
  Readonly<{
    chains: readonly ChainStatus[] | null;
    /** Who holds a lease; null where one process owns the store, or nobody may look. */
    gateways: readonly LiveGateway[] | null;
    notOpened: string | null;
  }>;

/** The newest note of a chain, found by asking behind ever earlier sizes. */
const newestCheckpoint = async (
  ledger: LedgerStore,
  { writer, first, size }: Pick<ChainStatus, 'writer' | 'first' | 'size'>,
): Promise<ChainStatus['checkpoint']> => {
  for (let back = 0; ; back = back * 4 + 100) {
    const from = Math.max(first - 1, size - back);
    const page = await ledger.checkpoints({ writer, from, to: Number.MAX_SAFE_INTEGER });
    const newest = page.at(-1);
    if (newest !== undefined) {
      const at = readCheckpoint(newest.note, null)?.at ?? 0;
      return { size: newest.size, at: new Date(at).toISOString() };
    }
    if (from === first - 1) return null;
  }
};

const chainsOf = async ({ ledger, shared }: Stores): Promise<readonly ChainStatus[]> => {
  const heads = new Map((await shared?.writers.heads())?.map((head) => [head.writer, head]));
  const out: ChainStatus[] = [];
  for (const { writer, first } of await ledger.chains()) {
    const head = heads.get(writer);
    const size = head?.size ?? (shared === null ? (await ledger.head(writer)).next - 1 : first - 1);
    const checkpoint = await newestCheckpoint(ledger, { writer, first, size });
    out.push({ writer, first, size, closed: head?.closed ?? false, checkpoint });
  }
  return out;
};

/** Looks at a store; null where there is none. Rejects with GatewayError `ledger_unavailable`. */
export const storeStatus = async (at: StoreAt): Promise<ShownStatus | null> => {
  const engine = engineOf(at);
  const status = await engine.status(at);
  if (status === null) return null;
  // Opening would apply them, and a running gateway of another version may not be ready for that.
  if (status.pending.length > 0)
    return { ...status, chains: null, gateways: null, notOpened: 'migrations are pending' };
  try {
    const stores = await engine.open(at);
    try {
      const warnings = [...new Set([...status.warnings, ...(await stores.warnings())])];
      const gateways = (await stores.shared?.writers.live()) ?? null;
      return { ...status, warnings, chains: await chainsOf(stores), gateways, notOpened: null };
    } finally {
      await stores.close();
    }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { ...status, chains: null, gateways: null, notOpened: error.refusal.detail };
  }
};

const sizeOf = (bytes: number): string => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1_024 ** step;
  return `${step === 0 ? value : value.toFixed(1)} ${units[step]}`;
};

const printChain = ({ writer, first, size, closed, checkpoint }: ChainStatus): string => {
  const note =
    checkpoint === null
      ? 'no checkpoint'
      : `checkpoint of ${checkpoint.size} records at ${checkpoint.at}`;
  const records = size < first ? 'no records' : `records ${first} to ${size}`;
  return `chain ${writer}: ${records}, ${note}${closed ? ', closed' : ''}`;
};

const printGateway = ({ name, version, writer, startedAt, leaseUntil }: LiveGateway): string => {
  const serves = version === '' ? 'a command' : `serves ${version}`;
  const [since, until] = [startedAt, leaseUntil].map((at) => new Date(at).toISOString());
  return `gateway ${name}: ${serves}, writes ${writer}, since ${since}, lease until ${until}`;
};

/** The status in words. */
export const printStatus = (status: ShownStatus): string =>
  [
    `engine: ${status.engine} ${status.version}`,
    `size: ${sizeOf(status.bytes)}`,
    `migrations: ${status.applied.length} applied${status.applied.length === 0 ? '' : `, newest ${status.applied.at(-1)}`}`,
    ...status.pending.map((name) => `pending: ${name}`),
    ...status.warnings.map((warning) => `warning: ${warning}`),
    ...(status.notOpened === null ? [] : [`chains not read: ${status.notOpened}`]),
    ...(status.gateways ?? []).map(printGateway),
    ...(status.chains ?? []).map(printChain),
  ].join('\n');
