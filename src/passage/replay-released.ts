/**
 * The answer to a call that waited for people and was released: by the entry that released it, as a
 * repeat of a settled call is. Asked after the call's own turn ended, for the look takes a turn itself.
 */
import { GatewayError } from '../errors.ts';
import type { Outcome } from './doors.ts';
import { turnAway } from './exits.ts';
import type { MutationWalk } from './mutation-walk.ts';
import { replaySettled } from './replay-settled.ts';
import { settledEntry } from './settled-entry.ts';

/** `waiting` stands where the entry cannot be shown yet. */
export const replayReleased = async (walk: MutationWalk, waiting: Outcome): Promise<Outcome> => {
  const { deps, journey } = walk;
  const entry = journey.released?.entry ?? null;
  if (entry === null) return waiting;
  try {
    const shown = await deps.ledger.show(entry);
    // Without an outcome it is under way, or its outcome on the way to disk.
    if (shown === null || shown.row.outcome === null) return waiting;
    const replayed = await replaySettled(walk, settledEntry(shown, ''), true);
    return replayed ?? waiting;
  } catch (error) {
    if (error instanceof GatewayError) return turnAway(deps, journey, error.refusal);
    throw error;
  }
};
