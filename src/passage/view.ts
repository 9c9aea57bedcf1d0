/** How answers of a target are shown to the caller of one journey. */
import type { AttributeName } from '../identity/operation.ts';
import type { PresentView } from '../identity/scim/present.ts';
import type { Target } from '../snapshot.ts';
import type { DispatchDeps } from './dispatch.ts';
import type { Journey } from './journey.ts';

/** The view for `present`: bases to rewrite, what may be read. */
export const viewOf = (
  deps: Pick<DispatchDeps, 'clock'>,
  journey: Journey,
  target: Target,
  mayRead: (name: AttributeName) => boolean,
): PresentView => {
  const { origin } = journey.passage;
  return {
    publicBase: origin.publicBase,
    targetBase: target.settings.baseUrl.replace(/\/+$/, ''),
    mayRead,
    now: deps.clock.now(),
    inactiveAbsent: target.knobs.inactiveUsers === 'absent',
  };
};
