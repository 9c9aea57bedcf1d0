/** A call that was settled, as the ledger shows it. Pure. */
import { isRevocation } from '../identity/scim/effects.ts';
import type { Change } from '../identity/scim/schema-model.ts';
import type { LedgerId } from '../ids.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Settled } from './remembered-calls.ts';

type Shown = NonNullable<Awaited<ReturnType<Ledger['show']>>>;

/**
 * What the ledger knows of a call; without an outcome it is as good as in doubt. `call` is its fingerprint
 * where its own is not kept any more.
 */
export const settledEntry = ({ row, body }: Shown, call: string): Settled => {
  const changes = row.operation === 'patch' ? (body?.changes as readonly Change[] | null) : null;
  const effects = row.actions.map((action) => ({
    action: action as `${string}:${string}`,
    attributes: [],
  }));
  return {
    // A body that retention removed is not held against the caller: nothing is written either way.
    call: body?.repeat?.call ?? call,
    entry: {
      id: row.id as LedgerId,
      at: Date.parse(row.at),
      outcome: row.outcome ?? 'in-doubt',
      settledBy: row.settledBy ?? 'crash',
      resourceId: row.resource.id,
      status: row.status,
    },
    revocation: isRevocation(effects, changes ?? []),
    refusal: null,
  };
};

/** A target that was busy, or would not take our credential, decided nothing about the change. */
const undecided: ReadonlySet<number | null> = new Set([401, 403, 429]);

/**
 * Was certainly nothing made, and not by a fault of the change? Where nothing was sent because the target
 * held it already, it is as good as made.
 */
export const isUnmade = ({ entry }: Settled): boolean => {
  const { outcome, settledBy, status } = entry;
  if (outcome === 'not-sent') return settledBy !== 'no-change';
  return outcome === 'rejected' && undecided.has(status);
};
