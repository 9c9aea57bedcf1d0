/** How a freeze is told to whoever is stopped by it: what is frozen, not why. */
import { refuse, type Refusal } from '../errors.ts';
import type { FreezeScope } from '../targets/store.ts';

const told: Readonly<Record<FreezeScope, string>> = {
  tenant: 'Changes at this target are stopped for now: its tenant is frozen.',
  client: 'Changes by this client are stopped for now: it is frozen.',
  route: 'Changes on this route are stopped for now: it is frozen.',
};

/** The refusal of a mutation that a freeze of this scope stops. */
export const frozenRefusal = (scope: FreezeScope): Refusal => refuse('target_frozen', told[scope]);
