/**
 * Brings an operation into its canonical values: the route's profile, the identifier check that no
 * profile can switch off, and `deletes: deactivate`. Pure.
 */
import { isRefusal, type Refusal } from '../errors.ts';
import { checkIdentifiers } from '../identity/attributes/compile-profile.ts';
import type { NormalisedPath, Profile } from '../identity/attributes/profile.ts';
import { isMutation, type Effect, type Mutation, type Operation } from '../identity/operation.ts';
import { effectsOf, readNames, type Meanings } from '../identity/scim/effects.ts';
import { matchingOf } from '../identity/scim/readback.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import { withPrivilege } from '../policy/privilege.ts';
import type { Privileged } from '../policy/safety.ts';
import type { Route } from '../snapshot.ts';

/** An operation in canonical values, with what it does. */
export type Normal = Readonly<{
  operation: Operation;
  normalised: readonly NormalisedPath[];
  /** Empty for a PUT, whose effects are known only beside the current resource. */
  effects: readonly Effect[];
}>;

type Values = Omit<Normal, 'effects'>;

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

const byProfile = (
  operation: Operation,
  profile: Profile,
  before: Resource | null,
): Values | Refusal => {
  if (operation.verb === 'create' || operation.verb === 'replace') {
    const done = profile.resource(operation.resource, operation.type, operation.verb);
    if (isRefusal(done)) return done;
    return { operation: { ...operation, resource: done.resource }, normalised: done.normalised };
  }
  if (operation.verb === 'patch') {
    const done = profile.changes(operation.changes, operation.type, before);
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

/** What an operation does, as far as it is known; reads carry the attributes they probe. */
const effectsKnown = (operation: Operation, meanings: Meanings): readonly Effect[] => {
  if (operation.verb === 'replace') return [];
  const effects = effectsOf(operation, meanings);
  if (isMutation(operation)) return effects;
  const probed = readNames(operation);
  return probed.length === 0
    ? effects
    : effects.map((effect) => ({ ...effect, attributes: [...effect.attributes, ...probed] }));
};

/**
 * The operation in canonical values and its effects. `before` is the current resource where it is at
 * hand; `later` says that it will be, so that values of a PATCH wait for it. `meanings` are those of
 * the target: an action names the effect there.
 */
export const normaliseOperation = (
  operation: Operation,
  route: Route,
  before: Resource | null | 'later',
  meanings: Meanings,
): Normal | Refusal => {
  const meant = softened(operation, route);
  const waits = before === 'later' && meant.verb === 'patch';
  const values: Values | Refusal =
    route.profile === null || waits
      ? { operation: meant, normalised: [] }
      : byProfile(meant, route.profile, before === 'later' ? null : before);
  if (isRefusal(values)) return values;
  const refusal = waits ? null : identifiersOf(values.operation);
  return refusal ?? { ...values, effects: effectsKnown(values.operation, meanings) };
};

/**
 * What a create does, privilege included: all of it is known before anything is read. What is changed or
 * deleted is judged beside the current resource (prepare.ts).
 */
export const withEarlyPrivilege = (
  { operation, effects }: Pick<Normal, 'operation' | 'effects'>,
  privileged: Privileged | null,
): readonly Effect[] => {
  if (privileged === null || operation.verb !== 'create') return effects;
  const { type, resource: after } = operation;
  return withPrivilege(effects, { type, before: null, after, changes: null }, privileged);
};

/**
 * The key under which mutations of one resource take turns: `tenant/users/2819c223`; for a create its
 * matching attribute (`tenant/users/new:ann@example.com`), or `fallback` where it has none.
 */
export const turnKey = (operation: Mutation, tenant: string, fallback: string): string => {
  if (operation.verb !== 'create') return resourceKey(tenant, operation.type.word, operation.id);
  const matching = matchingOf(operation.resource, operation.type);
  return createKey(tenant, operation.type.word, matching?.value ?? fallback);
};

/** Turn key of an existing resource. */
export const resourceKey = (tenant: string, word: string, id: string): string =>
  `${tenant}/${word}/${id}`;

/** Turn key of a resource that is being made; letter case does not make another one. */
export const createKey = (tenant: string, word: string, matching: string): string =>
  `${tenant}/${word}/new:${matching.toLowerCase()}`;
