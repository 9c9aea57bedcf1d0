/**
 * T13: targets that answer 404 for a user who is deactivated, until it is activated again. A 404 then
 * does not stop a change that activates, and says so to whoever meets it. Pure.
 */
import { isRefusal, type Refusal } from '../errors.ts';
import type { Knobs } from '../identity/dialects/knobs.ts';
import { isObject } from '../identity/json-value.ts';
import type { Mutation } from '../identity/operation.ts';
import type { Change, Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { resolveExtension } from '../identity/scim/schemas.ts';

const isAbsent = (reply: unknown, type: ResourceType, knobs: Knobs): reply is Refusal =>
  knobs.inactiveUsers === 'absent' &&
  type.word === 'users' &&
  isRefusal(reply) &&
  reply.refused === 'target_refused' &&
  reply.status === 404;

const activates = ({ op, path, ...change }: Change): boolean =>
  op !== 'remove' &&
  path.schema === undefined &&
  path.attribute === 'active' &&
  'value' in change &&
  change.value === true;

/** What a resource states, as replacements; what it omits stays as it is. */
const statedBy = (resource: Resource, type: ResourceType): readonly Change[] =>
  Object.entries(resource).flatMap(([name, value]): readonly Change[] => {
    if (value === undefined || name === 'schemas' || name === 'id' || name === 'meta') return [];
    if (!name.includes(':') || !isObject(value)) {
      return [{ op: 'replace', path: { attribute: name }, value }];
    }
    const schema = resolveExtension(type, name) ?? name;
    return Object.entries(value).flatMap(([attribute, member]): readonly Change[] =>
      member === undefined ? [] : [{ op: 'replace', path: { schema, attribute }, value: member }],
    );
  });

/**
 * The mutation that may go on although its resource answered 404, or null. A PUT goes on as a PATCH
 * of what it states: without the current resource nobody knows what it would remove.
 */
export const asReactivation = (
  operation: Mutation,
  refusal: Refusal,
  knobs: Knobs,
): Mutation | null => {
  if (!isAbsent(refusal, operation.type, knobs)) return null;
  if (operation.verb === 'patch') return operation.changes.some(activates) ? operation : null;
  if (operation.verb !== 'replace' || knobs.patch !== 'whole') return null;
  if (operation.resource['active'] !== true) return null;
  const { type, id, projection, preconditions, repairs, resource } = operation;
  const changes = statedBy(resource, type);
  return { verb: 'patch', type, id, projection, preconditions, repairs, changes };
};
