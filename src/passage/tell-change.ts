/** What telemetry is told of a passage that no request of the data listener began: a release, an undo. */
import { errorTable, isRefusal } from '../errors.ts';
import { isMutation } from '../identity/operation.ts';
import type { ChangeMade } from '../telemetry/observe.ts';
import type { Outcome, Passage } from './doors.ts';

/** Times are wall ms. */
export const changeMade = (
  passage: Passage,
  outcome: Outcome,
  times: Readonly<{ startedAt: number; endedAt: number }>,
): ChangeMade => {
  const { origin, route, actor, snapshot, operation } = passage;
  const { reply, ledger } = outcome;
  return {
    ...times,
    traceId: origin.traceId,
    spanId: origin.spanId,
    requestId: origin.requestId,
    status: isRefusal(reply) ? (reply.status ?? errorTable[reply.refused].status) : reply.status,
    code: isRefusal(reply) ? reply.refused : null,
    internal: outcome.internal,
    route: route.name,
    client: actor.client.name,
    target: route.target,
    operation: outcome.operation,
    actions: outcome.actions,
    resourceType: outcome.resourceType,
    decision: outcome.decision,
    rule: outcome.rule,
    configVersion: snapshot.version,
    normalisedCount: outcome.normalised.length,
    targetMs: outcome.targetMs,
    mutation: ledger && {
      ledgerId: ledger.id,
      outcome: ledger.outcome,
      settledBy: ledger.settledBy,
    },
    mutating: isMutation(operation),
    attempts: outcome.attempts,
    ...(outcome.holdId === undefined ? {} : { holdId: outcome.holdId }),
  };
};
