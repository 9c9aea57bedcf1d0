/** WindowStore on PostgreSQL: what all gateways took, as an append would see it, but without its locks. */
import type { WindowHeld, WindowStore } from '../../safety/window-store.ts';
import { bounds } from '../bounds.ts';
import { placeKey } from '../claim-places.ts';
import { boundCall } from '../safety-rows.ts';
import type { Sessions } from './connection.ts';

// No window has room for less than nothing, so the oldest place is told of each.
const held = {
  text: `SELECT used, oldest FROM window_uses(0, '{}', $1::bytea[], $2::bigint[],
    array_fill(-1::bigint, ARRAY[cardinality($2::bigint[])]), '{}', '{}') ORDER BY ask`,
};

/** Reads what windows hold. */
export const makeWindowStore = ({ run }: Sessions): WindowStore => ({
  held: async (asks) => {
    if (asks.length === 0) return [];
    boundCall(asks, bounds.windowsHeld);
    const values = [asks.map(({ key }) => placeKey(key)), asks.map(({ from }) => from)];
    return (await run<WindowHeld>(held, values)).rows;
  },
});
