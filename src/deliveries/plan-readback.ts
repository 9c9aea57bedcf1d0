/** Does a change of a plan hold? Told by reading, for `verify` and where its outcome is in doubt. Pure. */
import { isRefusal } from '../errors.ts';
import type { Answer } from '../identity/call.ts';
import type { Knobs } from '../identity/dialects/knobs.ts';
import type { JsonObject } from '../identity/json-value.ts';
import type { Mutation } from '../identity/operation.ts';
import { compareReadBack, expectedOf } from '../identity/scim/readback.ts';
import type { Outcome } from '../passage/doors.ts';
import { normaliseOperation } from '../passage/normalise.ts';
import type { Route } from '../snapshot.ts';

/** `unknown`: reading cannot tell. */
export type Standing = 'holds' | 'differs' | 'unknown';

const answerOf = (body: JsonObject): Answer => ({
  status: 200,
  headers: {},
  body,
  readable: true,
  excerpt: '',
});

/** Where the target deactivates for a delete, an inactive user is one that is gone. */
const deactivated = (change: Mutation, body: JsonObject, knobs: Knobs): boolean =>
  change.verb === 'delete' &&
  change.type.word === 'users' &&
  knobs.deleteUser === 'deactivate' &&
  body['active'] === false;

const holdsIn = (change: Mutation, body: JsonObject): Standing => {
  const expected = expectedOf(change, {}, null);
  if (expected === null || expected.kind === 'created') return 'unknown';
  const found = compareReadBack(expected, null, answerOf(body), change.type);
  if (found === 'unreadable') return 'unknown';
  return found === 'differs' ? 'differs' : 'holds';
};

/** Does the resource hold what the change wrote, as it was meant or as the route's profile has it? */
export const standsIn = (
  change: Mutation,
  body: JsonObject,
  route: Route,
  knobs: Knobs,
): Standing => {
  if (deactivated(change, body, knobs)) return 'holds';
  const asMeant = holdsIn(change, body);
  if (asMeant === 'holds') return asMeant;
  const normal = normaliseOperation(change, route, null, knobs);
  return isRefusal(normal) ? asMeant : holdsIn(normal.operation as Mutation, body);
};

const takesAccess: ReadonlySet<Mutation['verb']> = new Set(['delete']);

/** What a read of the resource says of the change. `revokes`: it takes access away. */
export const standingOf = (
  read: Outcome,
  change: Mutation,
  given: Readonly<{ route: Route; knobs: Knobs; revokes: boolean }>,
): Standing => {
  const { reply } = read;
  if (isRefusal(reply)) {
    if (reply.refused !== 'target_refused' || reply.status !== 404) return 'unknown';
    return takesAccess.has(change.verb) || given.revokes ? 'holds' : 'differs';
  }
  return reply.body === null ? 'unknown' : standsIn(change, reply.body, given.route, given.knobs);
};
