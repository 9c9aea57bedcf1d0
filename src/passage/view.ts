/** How answers of a target are shown to the caller of one journey. */
import type { AttributeName } from '../identity/operation.ts';
import { openCopies } from '../identity/scim/copies.ts';
import type { PresentView } from '../identity/scim/present.ts';
import { everything } from '../policy/attribute-set.ts';
import type { Target } from '../snapshot.ts';
import type { DispatchDeps } from './dispatch.ts';
import type { Journey } from './journey.ts';
import { copyScopeOf } from './scope.ts';

const withoutSlash = (url: string): string => (url.endsWith('/') ? url.replace(/\/+$/, '') : url);

/** For the gateway's own eyes: bases to rewrite, and nothing hidden. */
export const openView = (
  deps: Pick<DispatchDeps, 'clock'>,
  journey: Journey,
  target: Target,
): PresentView => ({
  publicBase: journey.passage.origin.publicBase,
  targetBase: withoutSlash(target.settings.baseUrl),
  mayRead: everything.covers,
  copies: openCopies,
  now: deps.clock.now(),
  inactiveAbsent: target.knobs.inactiveUsers === 'absent',
});

/** The view for `present`: bases to rewrite, what may be read, of other resources too. */
export const viewOf = (
  deps: Pick<DispatchDeps, 'clock'>,
  journey: Journey,
  target: Target,
  mayRead: (name: AttributeName) => boolean,
): PresentView => {
  const view = openView(deps, journey, target);
  const { actor, route } = journey.passage;
  return { ...view, mayRead, copies: copyScopeOf(actor, route.types, view.now) };
};
