/**
 * `sallyport store copy`: a SQLite store becomes the first chain of one that gateways share. Opens
 * both (a gateway on either side is refused), copies the ledger and the rest, and says in the end
 * what can be relied on.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { hostname } from 'node:os';
import { systemClock } from '../clock.ts';
import { systemRandom } from '../ids.ts';
import { copyLedger, type CopyResult } from '../ledger/copy-ledger.ts';
import { makeKeyRing } from '../sealing.ts';
import type { StoreAt, StoreSettings } from '../snapshot.ts';
import { copyRest, type CopiedRest } from '../storage/copy-rest.ts';
import { engineOf } from '../storage/engines.ts';
import type { Stores } from '../storage/stores.ts';
import { printVerified } from './ledger-verify.ts';

/** What came of a copy, with what was copied beside the ledger. */
export type CopyVerdict = CopyResult & Readonly<{ rest: CopiedRest | null }>;

type Asked = Readonly<{
  from: StoreAt;
  store: StoreSettings;
  /** Asked between batches. */
  stopped(): boolean;
  progress(text: string): void;
}>;

const refused = (reason: string): CopyVerdict => ({ kind: 'refused', reason, rest: null });

const copyBetween = async (
  source: Stores,
  target: Stores,
  { store, stopped, progress }: Asked,
): Promise<CopyVerdict> => {
  const { shared, ledger } = target;
  if (shared === null) return refused('The target is no store that gateways share.');
  let rest: CopiedRest | null = null;
  const result = await copyLedger({
    source: source.ledger,
    target: { ledger, writers: shared.writers },
    keyRing: makeKeyRing(store.encryptionKeys, systemRandom),
    publicKey: createPublicKey(createPrivateKey(store.checkpoints.keyPem)),
    clock: systemClock,
    random: systemRandom,
    about: { name: `store copy on ${hostname()}`, version: '' },
    leaseMs: store.leaseMs,
    stopped,
    progress,
    rest: async () => {
      rest = await copyRest(source, target, systemClock.now());
    },
  });
  return { ...result, rest };
};

/** Copies the store at `from` into that of the route file. Rejects with GatewayError. */
export const copyStore = async (asked: Asked): Promise<CopyVerdict> => {
  const { from, store } = asked;
  if (store.at.engine !== 'postgres')
    return refused('store.url of the route file must name the PostgreSQL store to copy into.');
  if ((await engineOf(from).status(from)) === null)
    return refused('There is no store at the path of --from.');
  const source = await engineOf(from).open(from);
  try {
    const target = await engineOf(store.at).open(store.at);
    try {
      return await copyBetween(source, target, asked);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
};

const counted = (count: number, word: string): string =>
  `${count} ${word}${count === 1 ? '' : 's'}`;

/** What was copied beside the ledger; a kind that had none may be left out. */
const besideLedger = ({ keys, freezes, lastGood, events, holds, marks }: CopiedRest) => [
  counted(keys, 'key'),
  counted(freezes, 'freeze'),
  ...(lastGood ? ['the last good configuration'] : []),
  ...(events === 0 ? [] : [`${counted(events, 'webhook')} with what they owe`]),
  ...(holds === 0 ? [] : [counted(holds, 'hold')]),
  ...(marks === 0 ? [] : [`${counted(marks, 'mark')} of protected subjects`]),
];

/** A verdict in words. */
export const printVerdict = (verdict: CopyVerdict): string => {
  if (verdict.kind === 'refused') {
    const { reason, verified } = verdict;
    return verified === undefined ? reason : `${reason}\n${printVerified(verified)}`;
  }
  const { writer, size, digest, records, before, checkpoints, rest } = verdict;
  const head = `chain ${writer}, ${counted(records, 'record')}, size ${size}, head ${digest}`;
  if (verdict.kind === 'nothing-left')
    return `nothing left to copy: the target holds all of ${head}`;
  const also = rest === null ? '' : `, ${besideLedger(rest).join(', ')}`;
  const there = before === 0 ? '' : ` (${before} were there)`;
  return `copied and verified: ${head}${there}, ${counted(checkpoints, 'checkpoint')}${also}`;
};
