/**
 * Was a deleted resource made again already, by an earlier run of undo, in whole or in part? The ledger
 * says which create took the deletion back, and the target whether what it made is there still. Without
 * this a second run would make it a second time wherever a target lets two of them have one name.
 */
import type { LedgerId } from '../ids.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Place, UndoDoor } from './undo-door.ts';

/** What was made in the place of a deleted resource; `id` null = it is not known whether it was. */
export type MadeAgain = Readonly<{ entry: LedgerId; id: string | null }>;

/** Runs that are looked through; each stops at one that still stands. */
const runsMax = 100;

/**
 * The newest create that took this deletion back, unless what it made is gone again; null = none. Rejects
 * with GatewayError where the ledger cannot be read.
 */
export const madeAgain = async (
  ledger: Pick<Ledger, 'list'>,
  door: Pick<UndoDoor, 'read'>,
  place: Place,
  deletion: LedgerId,
): Promise<MadeAgain | null> => {
  const rows = await ledger.list({ subject: deletion, limit: runsMax });
  for (const { id, tenant, decision, operation, outcome, reverses, resource } of rows) {
    const created =
      operation === 'create' &&
      decision === 'allow' &&
      outcome !== 'rejected' &&
      outcome !== 'not-sent';
    if (!created || tenant !== place.target.tenant || !reverses.includes(deletion)) continue;
    const entry = id as LedgerId;
    if (outcome !== 'applied' || resource.id === null) return { entry, id: null };
    const found = await door.read(place, resource.id);
    if (found.resource === 'unreadable') return { entry, id: null };
    if (found.resource !== null) return { entry, id: resource.id };
  }
  return null;
};
