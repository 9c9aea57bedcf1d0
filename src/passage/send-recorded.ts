/**
 * From the recorded entry to its end: sends the script of a mutation, settles what is proven of it, and
 * makes the reply. Whoever comes here has an entry on disk, and it gets its outcome whatever happens.
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Mutation } from '../identity/operation.ts';
import { present, type PresentView, type Presented } from '../identity/scim/present.ts';
import { readCall } from '../identity/scim/print.ts';
import { compareReadBack, differingPaths, type Expected } from '../identity/scim/readback.ts';
import type { Script } from '../identity/scim/script.ts';
import type { LedgerId } from '../ids.ts';
import type { Sent } from '../targets/send.ts';
import { tellApplied } from './aftermath.ts';
import { dispatch } from './dispatch.ts';
import { retryOf } from './exits.ts';
import type { Current } from './facts.ts';
import type { MutationWalk } from './mutation-walk.ts';
import type { Allowed, Prepared } from './prepare.ts';
import {
  doubtful,
  settle,
  settlementOf,
  unknownSettlement,
  type Settlement,
} from './settlement.ts';
import { partialRefusal, takenBack, walkScript, type Walked } from './walk.ts';
import { wholeReply } from './whole-reply.ts';

/** A change that passed every check, with its calls and what a read-back must find. */
export type Ready = Readonly<{
  prepared: Prepared;
  current: Current | null;
  allowed: Allowed;
  view: PresentView;
  script: Script;
  expected: Expected | null;
}>;

/** What a caller is told of a change that got no answer. */
export const failureDetail: Readonly<Record<'not-sent' | 'in-doubt', string>> = {
  'not-sent': 'Nothing was sent to the target. Send the call again later.',
  'in-doubt':
    'It is not known whether the target made this change. Read the resource before you send it again.',
};

const replyOf = (
  operation: Mutation,
  sent: Sent,
  settlement: Settlement,
  view: PresentView,
): Presented | Refusal => {
  if (sent.kind !== 'answered') {
    return refuse(sent.code, failureDetail[sent.kind], { internal: sent.reason, ...retryOf(sent) });
  }
  const presented = present(sent.answer, operation, view);
  if (settlement.outcome !== 'in-doubt' || !isRefusal(presented)) return presented;
  return { ...presented, detail: failureDetail['in-doubt'] };
};

/** The reply to a mutation that would change nothing: the resource as it stands. */
export const unchangedReply = (
  { operation }: Prepared,
  current: Current | null,
  view: PresentView,
): Presented | Refusal => {
  if (current === null || operation.verb === 'create' || operation.verb === 'delete') {
    return { status: 204, headers: {}, body: null };
  }
  const { type, id, projection } = operation;
  return present(
    current.answer,
    { verb: 'read', type, id, projection, preconditions: {}, repairs: [] },
    view,
  );
};

/** `verify:`: reads back what the target says it did. Null where it holds, or cannot be told. */
const contradiction = async (walk: MutationWalk, ready: Ready): Promise<Refusal | null> => {
  const { deps, journey, target } = walk;
  const { operation, before } = ready.prepared;
  const asked = journey.actions.some((action) => journey.passage.route.verify.has(action));
  if (!asked || operation.verb === 'create' || ready.expected === null) return null;
  const call = readCall(operation.type, operation.id);
  const sent = await dispatch(deps, journey, target, call, 'verify', null);
  if (sent.kind !== 'answered') return null;
  const found = compareReadBack(ready.expected, before, sent.answer, operation.type);
  if (found !== 'differs') return null;
  const paths = differingPaths(ready.expected, sent.answer, operation.type).slice(0, 20);
  const where = paths.length === 0 ? '' : ` Not as written: ${paths.join(', ')}.`;
  return refuse(
    'target_refused',
    `The target accepted this change but does not hold it when it is read back.${where}`,
    { status: 502, internal: 'verify: differs' },
  );
};

/** What the walk of the script proves of the entry, and the reply, where nothing contradicts it. */
const concludedBy = (
  { sent, ended, createdId }: Walked,
  { prepared: { operation, before }, script, view }: Ready,
): Readonly<{ settlement: Settlement; reply: Presented | Refusal }> => {
  const told = settlementOf(operation, sent, before !== null);
  if (ended.kind === 'partial') {
    const resourceId = createdId ?? told.resourceId;
    const settlement = { ...told, outcome: 'in-doubt', resourceId } as const;
    return { settlement, reply: partialRefusal(ended, script.length) };
  }
  const reply = replyOf(operation, sent, told, view);
  if (ended.kind !== 'taken-back' || !isRefusal(reply)) return { settlement: told, reply };
  return {
    settlement: { ...told, outcome: 'rejected', resourceId: null },
    reply: takenBack(reply, ended, script.length),
  };
};

/** Sends what is recorded, and settles its entry whatever comes. */
export const sendRecorded = async (
  walk: MutationWalk,
  ready: Ready,
  entry: LedgerId,
): Promise<Presented | Refusal> => {
  const { deps, journey, target } = walk;
  try {
    const walked = await walkScript({ deps, journey, target, script: ready.script, entry });
    const { settlement, reply: told } = concludedBy(walked, ready);
    const denial = settlement.outcome === 'applied' ? await contradiction(walk, ready) : null;
    const reply = denial ?? told;
    const final = denial === null ? settlement : { ...settlement, ...doubtful };
    settle(walk, entry, final, isRefusal(reply) ? reply.refused : null);
    tellApplied(walk, ready, entry, final);
    return await wholeReply(walk, ready.prepared.operation, reply, ready.view);
  } catch (error) {
    // A defect after the intent: whether bytes went out is not known, so the entry says so.
    if (journey.ledger === null) settle(walk, entry, unknownSettlement, 'internal');
    throw error;
  }
};
