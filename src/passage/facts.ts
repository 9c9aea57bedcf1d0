/**
 * Gathers what a decision needs to know of the target: the current resource, read under the
 * resource's turn. A fact that cannot be had is 503, never 403: nothing is decided on a guess.
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Knobs } from '../identity/dialects/knobs.ts';
import { isObject } from '../identity/json-value.ts';
import type { Action, Mutation, Operation } from '../identity/operation.ts';
import { present } from '../identity/scim/present.ts';
import { readCall } from '../identity/scim/print.ts';
import { readResource } from '../identity/scim/target-resource.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { asksCurrent, hidesMembers } from '../identity/scim/write-knobs.ts';
import type { Answer } from '../identity/call.ts';
import type { Grants } from '../policy/decision.ts';
import type { Approval } from '../policy/safety.ts';
import type { Route, Target } from '../snapshot.ts';
import { dispatch, type DispatchDeps } from './dispatch.ts';
import { withoutSecrets } from './hidden.ts';
import type { Journey } from './journey.ts';
import { openView } from './view.ts';

/** The current resource and the answer it came in (for a reply without a change). */
export type Current = Readonly<{ resource: Resource; answer: Answer }>;

/** Does one of these actions wait for people on this route? */
export const requiresApproval = (
  { required }: Pick<Approval, 'required'>,
  actions: readonly Action[],
): boolean => required.size > 0 && actions.some((action) => required.has(action));

/** Must the current resource be read before this mutation can be decided and sent? */
export const needsCurrent = (
  operation: Mutation,
  route: Route,
  grants: Grants | undefined,
  actions: readonly Action[],
  { knobs, plainWrites, safety }: Pick<Target, 'knobs' | 'plainWrites' | 'safety'>,
): boolean => {
  if (operation.verb === 'create') return false;
  if (operation.verb === 'replace' || route.before === 'capture') return true;
  if (!plainWrites && asksCurrent(operation, knobs)) return true;
  if (safety !== null && safety.needsBefore(actions)) return true;
  // An approval is bound to the resource it was given over.
  if (route.approval !== null && requiresApproval(route.approval, actions)) return true;
  return grants !== undefined && (grants.needsBefore(actions) || grants.needsGroupName(actions));
};

/** What a read tells: members that a target never shows are unknown, not none (T4). */
export const seenOf = (resource: Resource, type: ResourceType, knobs: Knobs): Resource => {
  if (!hidesMembers(knobs, type)) return resource;
  const { members: _members, ...seen } = resource;
  return seen;
};

/** Reads the current resource of a mutation. The target's own 404 is passed on as it is. */
export const gatherCurrent = async (
  deps: DispatchDeps,
  journey: Journey,
  target: Target,
  operation: Operation & { id: string; verb: 'replace' | 'patch' | 'delete' },
): Promise<Current | Refusal> => {
  const sent = await dispatch(
    deps,
    journey,
    target,
    readCall(operation.type, operation.id),
    'before',
    null,
  );
  if (sent.kind !== 'answered') {
    return refuse(sent.code, 'The current resource could not be read, so nothing was changed.', {
      status: 503,
      internal: `before: ${sent.reason}`,
      ...('retryAfterSeconds' in sent && sent.retryAfterSeconds !== undefined
        ? { retryAfterSeconds: sent.retryAfterSeconds }
        : {}),
    });
  }
  const { answer } = sent;
  if (answer.status === 200 && isObject(answer.body)) {
    const { type } = operation;
    // What no target may show is neither kept as a before-image nor carried back by a PUT.
    const resource = withoutSecrets(readResource(answer.body, type), type);
    return { resource: seenOf(resource, type, target.knobs), answer };
  }
  const asRead: Operation = {
    verb: 'read',
    type: operation.type,
    id: operation.id,
    projection: {},
    preconditions: {},
    repairs: [],
  };
  const presented = present(answer, asRead, openView(deps, journey, target));
  if (isRefusal(presented) && presented.refused === 'target_refused' && presented.status === 404) {
    return presented;
  }
  if (isRefusal(presented)) return { ...presented, status: presented.status ?? 503 };
  return refuse('target_unreachable', 'The current resource could not be read.', { status: 503 });
};
