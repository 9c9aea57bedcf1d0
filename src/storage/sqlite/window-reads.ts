/** WindowStore on SQLite: what is on disk, past the running sums of the writer. */
import type { Database } from 'better-sqlite3';
import type { WindowAsk, WindowHeld } from '../../safety/window-store.ts';
import { bounds } from '../bounds.ts';
import { placeKey } from '../claim-places.ts';
import { boundCall } from '../safety-rows.ts';

const sql = `SELECT coalesce(sum(amount), 0) AS used, min(at) AS oldest FROM places
  WHERE key = ? AND at > ? AND given_back = 0`;

/** Reads of WindowStore. */
export const makeWindowReads = (database: Database) => {
  const held = database.prepare<[Buffer, number], WindowHeld>(sql);
  return {
    heldByWindows: database.transaction((asks: readonly WindowAsk[]): readonly WindowHeld[] => {
      boundCall(asks, bounds.windowsHeld);
      return asks.map(
        ({ key, from }) => held.get(placeKey(key), from) ?? { used: 0, oldest: null },
      );
    }),
  };
};
