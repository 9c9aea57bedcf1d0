/**
 * Brings an operation into its canonical values: the route's profile, the identifier check that no
 * profile can switch off, and `deletes: deactivate`. Pure.
 */
import { isRefusal, type Refusal } from '../errors.ts';
import { checkIdentifiers } from '../identity/attributes/compile-profile.ts';
import type { NormalisedPath, Profile } from '../identity/attributes/profile.ts';
import type { Mutation, Operation } from '../identity/operation.ts';
import type { Route } from '../snapshot.ts';

export type Normal = Readonly<{ operation: Operation; normalised: readonly NormalisedPath[] }>;

/** `deletes: deactivate`: a DELETE of a user becomes `active: false`, judged and recorded as such. */
const softened = (operation: Operation, route: Route): Operation =>
  operation.verb === 'delete' && route.deletes === 'deactivate' && operation.type.word === 'users'
    ? {
        verb: 'patch',
        type: operation.type,
        id: operation.id,
        preconditions: operation.preconditions,
        projection: operation.projection,
        repairs: operation.repairs,
        changes: [{ op: 'replace', path: { attribute: 'active' }, value: false }],
      }
    : operation;

const byProfile = (operation: Operation, profile: Profile): Normal | Refusal => {
  if (operation.verb === 'create' || operation.verb === 'replace') {
    const done = profile.resource(operation.resource, operation.type, operation.verb);
    if (isRefusal(done)) return done;
    return { operation: { ...operation, resource: done.resource }, normalised: done.normalised };
  }
  if (operation.verb === 'patch') {
    const done = profile.changes(operation.changes, operation.type, null);
    if (isRefusal(done)) return done;
    return { operation: { ...operation, changes: done.changes }, normalised: done.normalised };
  }
  if (operation.verb === 'search' && operation.filter !== undefined) {
    const filter = profile.filter(operation.filter, operation.type);
    return isRefusal(filter) ? filter : { operation: { ...operation, filter }, normalised: [] };
  }
  return { operation, normalised: [] };
};

const identifiersOf = (operation: Operation): Refusal | null => {
  if (operation.verb === 'create' || operation.verb === 'replace') {
    return checkIdentifiers(operation.resource, operation.type);
  }
  return operation.verb === 'patch' ? checkIdentifiers(operation.changes, operation.type) : null;
};

export const normaliseOperation = (operation: Operation, route: Route): Normal | Refusal => {
  const meant = softened(operation, route);
  const normal =
    route.profile === null ? { operation: meant, normalised: [] } : byProfile(meant, route.profile);
  if (isRefusal(normal)) return normal;
  return identifiersOf(normal.operation) ?? normal;
};

/** The key under which mutations of one resource take turns: `tenant/type/id`, for a create its matching attribute. */
export const turnKey = (operation: Mutation, tenant: string, fallback: string): string => {
  if (operation.verb !== 'create') return `${tenant}/${operation.type.word}/${operation.id}`;
  const { resource } = operation;
  const matching = resource['userName'] ?? resource['displayName'] ?? resource['externalId'];
  const name = typeof matching === 'string' ? matching.toLowerCase() : fallback;
  return `${tenant}/${operation.type.word}/new:${name}`;
};
