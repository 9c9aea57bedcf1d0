/**
 * What a release and an undo are bound to, compared under the turn with what is there now. Nothing goes
 * out that is not exactly what people saw.
 */
import { refuse, type Refusal } from '../errors.ts';
import type { Mutation } from '../identity/operation.ts';
import { mutationHash, resourceHash } from './binding.ts';
import type { Unreleased } from './doors.ts';
import type { MutationWalk } from './mutation-walk.ts';
import type { Approached, Prepared } from './prepare.ts';

/** A mutation as it is held: a PUT as it was stated, for what it carries over is taken anew. */
export const heldOperation = (
  { operation }: Pick<Approached, 'operation'>,
  final: Prepared,
): Mutation => (operation.verb === 'replace' ? operation : final.operation);

/** The resource that an undo was planned for is another one by now. */
export const undoProblem = (
  { journey }: Pick<MutationWalk, 'journey'>,
  { before }: Pick<Prepared, 'before'>,
): Refusal | null => {
  const planned = journey.passage.undo?.before ?? null;
  if (planned === null || resourceHash(before)?.equals(planned) === true) return null;
  return refuse(
    'precondition_failed',
    'The resource changed since this was planned, so nothing was overwritten. Plan it again.',
  );
};

const whyNot = (
  { journey, target }: Pick<MutationWalk, 'journey' | 'target'>,
  operation: Mutation,
  { before }: Pick<Prepared, 'before'>,
): Unreleased['why'] | null => {
  const { release, snapshot, route, actor } = journey.passage;
  if (release === undefined) return null;
  if (release.configVersion !== snapshot.version) return 'config-changed';
  const about = { tenant: target.tenant, route: route.name, client: actor.client.name };
  if (!mutationHash(operation, about).equals(release.mutation)) return 'mutation-changed';
  const seen = release.before === null || resourceHash(before)?.equals(release.before) === true;
  return seen ? null : 'before-changed';
};

/** Why a release is not what was approved, with what it would be now; null = it is. */
export const releaseProblem = (
  walk: Pick<MutationWalk, 'journey' | 'target'>,
  approached: Pick<Approached, 'operation'>,
  final: Prepared,
): Unreleased | null => {
  const operation = heldOperation(approached, final);
  const why = whyNot(walk, operation, final);
  const { before, after } = final;
  return why === null ? null : { why, operation, before, after };
};

/** Is the rule one of those that people approved it for? */
export const isReleasedFrom = (
  { journey }: Pick<MutationWalk, 'journey'>,
  rule: string,
): boolean => {
  const { release } = journey.passage;
  return (
    release !== undefined && (release.rule === rule || release.others?.includes(rule) === true)
  );
};
