/**
 * Asks an external decision point (AuthZEN Authorization API 1.0, `access/v1/evaluation`) after our own
 * decision: one evaluation for each action, in their order, ended by the first that is not
 * `{"decision": true}`. No value of a resource is told, only who, what, which id and which attributes.
 * Closed by default: an answer that is no plain yes is a no, and where nobody answers (a connection, a
 * time-out, 429 and 5xx) the mutation is answered 503 and may come again.
 */
import { errorTable, refuse, type Refusal } from '../errors.ts';
import type { Call } from '../identity/call.ts';
import { isObject } from '../identity/json-value.ts';
import type { Action } from '../identity/operation.ts';
import { touchedBy } from '../identity/scim/patch.ts';
import type { DecisionPoint } from '../policy/safety.ts';
import type { Sent } from '../targets/send.ts';
import { ask } from './dispatch.ts';
import { retryOf } from './exits.ts';
import { idOf } from './journey.ts';
import type { MutationWalk } from './mutation-walk.ts';
import type { Prepared } from './prepare.ts';

/** Largest answer read, bytes: a decision with its context. */
const answerBytesMax = 16_384;
/** Names told at most. */
const attributesMax = 100;

const changedNames = ({ changes, after }: Prepared): readonly string[] =>
  (changes === null ? Object.keys(after ?? {}) : touchedBy(changes)).slice(0, attributesMax);

/** The part of the question that all actions share. */
const questionOf = ({ journey, target }: MutationWalk, prepared: Prepared) => {
  const { actor, origin, route, release } = journey.passage;
  const { operation } = prepared;
  return {
    subject: { type: actor.kind === 'person' ? 'person' : 'client', id: actor.client.name },
    // A resource that is only made has no id yet, and the standard asks for one.
    resource: { type: operation.type.name, id: idOf(operation) ?? 'new' },
    context: {
      operation: operation.verb,
      actions: journey.actions,
      attributes: changedNames(prepared),
      route: route.name,
      tenant: target.tenant,
      requestId: origin.requestId,
      traceId: origin.traceId,
      released: release !== undefined,
    },
  };
};

const callOf = (path: string, question: ReturnType<typeof questionOf>, action: Action): Call => {
  const { subject, resource, context } = question;
  const body = JSON.stringify({ subject, action: { name: action }, resource, context });
  return {
    method: 'POST',
    path,
    query: '',
    template: path,
    body: null,
    repeatable: true,
    mutation: false,
    raw: { contentType: 'application/json', bytes: Buffer.from(body, 'utf8') },
    answerBytesMax,
  };
};

const isFault = (status: number): boolean => status >= 500 || status === 429;

const unasked = (rule: string, code: Refusal['refused'], internal: string, more: object): Refusal =>
  refuse(
    code,
    'The decision point of this route could not be asked, so nothing was changed. Send the call again later.',
    { status: 503, rule, internal: `decision point: ${internal}`, ...more },
  );

/** What the answer means; null = it may pass. */
const verdictOf = (sent: Sent, rule: string): Refusal | null => {
  if (sent.kind !== 'answered') return unasked(rule, sent.code, sent.reason, retryOf(sent));
  const { status, body, readable } = sent.answer;
  if (isFault(status)) return unasked(rule, 'target_unreachable', `status ${status}`, {});
  if (status === 200 && readable && isObject(body) && body['decision'] === true) return null;
  const said = status === 200 && readable && isObject(body) && body['decision'] === false;
  return refuse(
    'condition_denied',
    said
      ? 'The decision point of this route denied this change.'
      : 'The decision point of this route gave no decision, which counts as a no.',
    { rule, internal: `decision point: ${said ? 'no' : `status ${status}, no decision`}` },
  );
};

/** Asks about the whole mutation; a Refusal unless each of its actions may pass. */
export const askDecisionPoint = async (
  walk: MutationWalk,
  prepared: Prepared,
  point: DecisionPoint,
): Promise<Refusal | null> => {
  const { deps, journey } = walk;
  const { snapshot, origin } = journey.passage;
  const { actions, rule, timeoutMs } = point;
  const about = journey.actions.filter((action) => actions === null || actions.has(action));
  if (about.length === 0) return null;
  const target = Object.hasOwn(snapshot.targets, point.target)
    ? snapshot.targets[point.target]
    : undefined;
  if (target === undefined || target.unconfigured !== null) {
    const internal = target?.unconfigured ?? 'no such target';
    return refuse('target_unconfigured', errorTable.target_unconfigured.title, { rule, internal });
  }
  const question = questionOf(walk, prepared);
  const deadline = deps.clock.monotonic() + timeoutMs;
  const headers = { 'x-request-id': origin.requestId };
  for (const action of about) {
    const call = callOf(point.path, question, action);
    const sent = await ask(deps, journey, target, call, { deadline, headers });
    const refusal = verdictOf(sent, rule);
    if (refusal !== null) return refusal;
  }
  return null;
};
