/** What is proven of a mutation's entry, and how it is settled: once, whatever comes. */
import type { Mutation } from '../identity/operation.ts';
import { classify } from '../identity/scim/classify.ts';
import type { LedgerId } from '../ids.ts';
import type { EntryOutcome, SettledBy } from '../ledger/record.ts';
import type { Sent } from '../targets/send.ts';
import type { MutationWalk } from './mutation-walk.ts';

/** How an entry ended, and what told so. */
export type Settlement = Readonly<{
  outcome: EntryOutcome;
  settledBy: SettledBy;
  resourceId: string | null;
  status: number | null;
}>;

/** A defect came between: whether bytes went out is not known. */
export const unknownSettlement: Settlement = {
  outcome: 'in-doubt',
  settledBy: 'connection',
  resourceId: null,
  status: null,
};

/** Nothing was sent, for the target holds it already. */
export const unchangedSettlement: Settlement = {
  outcome: 'not-sent',
  settledBy: 'no-change',
  resourceId: null,
  status: null,
};

const standingCodes: ReadonlySet<string> = new Set([
  'caller_refused',
  'target_frozen',
  'ledger_unavailable',
  'clock_untrusted',
  'internal',
]);

/**
 * A deletion that finds nothing, of what was there a moment ago: it may be the second try of somebody in
 * between, whose first one did it. Such an answer refuses nothing.
 */
const isGoneMeanwhile = (operation: Mutation, status: number, seen: boolean): boolean =>
  seen && operation.verb === 'delete' && (status === 404 || status === 410);

/** What a sent call proves of its entry. `seen`: the resource was read right before. */
export const settlementOf = (operation: Mutation, sent: Sent, seen: boolean): Settlement => {
  if (sent.kind === 'answered') {
    const classified = classify(operation, sent.answer);
    const { resourceId } = classified;
    const { status } = sent.answer;
    const outcome = isGoneMeanwhile(operation, status, seen) ? 'in-doubt' : classified.outcome;
    return { outcome, settledBy: 'answer', resourceId, status: sent.answer.status };
  }
  const settledBy: SettledBy = standingCodes.has(sent.code)
    ? 'standing'
    : sent.code === 'target_timeout'
      ? 'timeout'
      : 'connection';
  return { outcome: sent.kind, settledBy, resourceId: null, status: null };
};

/** The target says one thing and shows another. */
export const doubtful: Pick<Settlement, 'outcome' | 'settledBy'> = {
  outcome: 'in-doubt',
  settledBy: 'read-back',
};

/** Records the outcome of an entry, and remembers what hangs on it. */
export const settle = (
  walk: MutationWalk,
  entry: LedgerId,
  settlement: Settlement,
  code: string | null,
): void => {
  const { deps, journey } = walk;
  const at = deps.clock.now();
  journey.ledger = { id: entry, at, ...settlement };
  deps.ledger.settle({
    kind: 'outcome',
    at,
    entry,
    outcome: settlement.outcome,
    settledBy: settlement.settledBy,
    status: settlement.status,
    code,
    resourceId: settlement.resourceId,
    attempts: journey.attempts.filter((attempt) => attempt.call.purpose === 'call').length,
  });
  if (settlement.outcome === 'applied' || settlement.settledBy === 'no-change') {
    journey.keepEchoes?.(settlement.resourceId);
  }
  if (settlement.outcome === 'in-doubt') deps.doubted(entry, walk.target.settings.settleAfter);
};
