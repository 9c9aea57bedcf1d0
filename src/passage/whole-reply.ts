/**
 * Completes the answer to a change that was made: where the target told nothing of the resource
 * (T14), or the client named attributes and so must get 200 with a body (RFC 7644 §3.5.2), it is read
 * once more. A read that fails leaves the answer as it was: the change is made all the same.
 */
import { isRefusal, type Refusal } from '../errors.ts';
import type { Mutation } from '../identity/operation.ts';
import { present, type PresentView, type Presented } from '../identity/scim/present.ts';
import { readCall } from '../identity/scim/print.ts';
import type { Target } from '../snapshot.ts';
import { dispatch, type DispatchDeps } from './dispatch.ts';
import type { Journey } from './journey.ts';

type Walk = Readonly<{ deps: DispatchDeps; journey: Journey; target: Target }>;

/** The reply, with the resource in it where the client is to see one. */
export const wholeReply = async (
  { deps, journey, target }: Walk,
  operation: Mutation,
  reply: Presented | Refusal,
  view: PresentView,
): Promise<Presented | Refusal> => {
  if (isRefusal(reply) || reply.body !== null || reply.status === 202) return reply;
  if (operation.verb !== 'patch' && operation.verb !== 'replace') return reply;
  const { type, id, projection } = operation;
  if (target.knobs.patchAnswer !== 'empty' && projection.attributes === undefined) return reply;
  const sent = await dispatch(deps, journey, target, readCall(type, id), 'verify', null);
  if (sent.kind !== 'answered') return reply;
  const read = { verb: 'read', type, id, projection, preconditions: {}, repairs: [] } as const;
  const shown = present(sent.answer, read, view);
  return isRefusal(shown) ? reply : shown;
};
