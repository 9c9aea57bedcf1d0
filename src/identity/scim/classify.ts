/**
 * What a target's answer to a mutation says about whether it was made. Says `applied` or `rejected`
 * only where the answer leaves no other reading; everything else is doubt, settled by read-back
 * (readback.ts).
 */
import type { Answer } from '../call.ts';
import { isObject } from '../json-value.ts';
import type { Mutation } from '../operation.ts';
import { idFromLocation, isErrorMessage } from './target-resource.ts';

/** How a mutation ended as far as its answer tells. */
export type Classified = Readonly<{
  outcome: 'applied' | 'rejected' | 'in-doubt';
  /** Id of the resource at the target; of a create only where the answer names it. */
  resourceId: string | null;
}>;

const createdId = (answer: Answer, mutation: Mutation): string | null => {
  const { body } = answer;
  const stated = isObject(body) && Object.hasOwn(body, 'id') ? body['id'] : undefined;
  return typeof stated === 'string' && stated !== ''
    ? stated
    : idFromLocation(answer.headers, mutation.type.endpoint);
};

/**
 * 2xx: applied. Except 202 (accepted, perhaps later), an Error message in a success, and a body that
 * is no JSON (a login or maintenance page) unless a create names its Location: in doubt.
 * 4xx and 501: rejected, except 408: in doubt. 3xx and 5xx: in doubt (the write may have come first).
 */
export const classify = (mutation: Mutation, answer: Answer): Classified => {
  const { status } = answer;
  const own = mutation.verb === 'create' ? null : mutation.id;
  const rejected = (status >= 400 && status <= 499 && status !== 408) || status === 501;
  if (rejected) return { outcome: 'rejected', resourceId: own };
  const doubt: Classified = { outcome: 'in-doubt', resourceId: own };
  if (status < 200 || status > 299 || status === 202) return doubt;
  if (isErrorMessage(answer.body)) return doubt;
  if (mutation.verb !== 'create') {
    return answer.readable ? { outcome: 'applied', resourceId: own } : doubt;
  }
  const resourceId = createdId(answer, mutation);
  return answer.readable || resourceId !== null ? { outcome: 'applied', resourceId } : doubt;
};
