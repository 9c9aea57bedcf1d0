/**
 * What the route and the client say about reading a request: built here for whoever serves and for
 * whoever only explains, so that the two cannot drift apart. Pure.
 */
import type { ScimView } from '../identity/scim/understand.ts';
import type { Route } from '../snapshot.ts';
import type { Actor } from './doors.ts';

/** The view with which `understand` reads what this client sends to this route. */
export const scimViewOf = (
  route: Pick<Route, 'types'>,
  actor: Pick<Actor, 'client' | 'grants'>,
  publicBase: string,
): ScimView => ({
  types: route.types,
  publicBase,
  hints: { client: actor.client.settings.dialect ?? null },
  keepPassword: actor.grants?.keepsPassword ?? false,
  me: actor.grants?.me ?? null,
});
