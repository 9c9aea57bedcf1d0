/**
 * What one passage gathers on its way, kept in one place so that every exit (denied, held back,
 * not sent, in doubt, applied) gives the same whole Outcome. Local to one call of `pass`.
 */
import { refuse, type Refusal } from '../errors.ts';
import type { NormalisedPath } from '../identity/attributes/profile.ts';
import type { Action, Effect, Operation } from '../identity/operation.ts';
import type { Presented } from '../identity/scim/present.ts';
import type { HoldId } from '../ids.ts';
import type { IntentBody } from '../ledger/record.ts';
import type { LimitState } from '../limits/limiter.ts';
import type { Decision } from '../policy/decision.ts';
import type { Attempted, Outcome, Passage, Recorded, Unreleased } from './doors.ts';
import type { Held } from './safeguards.ts';

/** Mutable, owned by one walk. */
export type Journey = {
  readonly passage: Passage;
  /** The operation as it stands now: normalised, and for a PUT turned into its changes. */
  operation: Operation;
  actions: readonly Action[];
  /** The same with the attributes through which they act. */
  effects: readonly Effect[];
  revocation: boolean;
  decision: 'allow' | 'deny' | 'hold' | null;
  rule: string | null;
  normalised: readonly NormalisedPath[];
  limits: readonly LimitState[];
  retryAfterSeconds: number;
  ledger: Recorded | null;
  /** How a repeat of this call is recognised; kept with its intent. */
  repeat: NonNullable<IntentBody['repeat']> | null;
  /** Remembers what this mutation sent in another form; called once it stands at the target. */
  keepEchoes: ((resourceId: string | null) => void) | null;
  attempts: Attempted[];
  targetMs: number;
  internal: string | null;
  /** What grants said, where they let it pass; guards and holds may speak after that. */
  granted: Extract<Decision, { allowed: true }> | null;
  /** The hold it waits in, or was released from. */
  holdId: HoldId | null;
  unreleased: Unreleased | null;
  /** The same mutation was released before: it is answered by what came of that. */
  released: Extract<Held, { kind: 'released' }> | null;
};

export const beginJourney = (passage: Passage): Journey => ({
  passage,
  operation: passage.operation,
  actions: [],
  effects: [],
  revocation: false,
  decision: null,
  rule: null,
  normalised: [],
  limits: [],
  retryAfterSeconds: 0,
  ledger: null,
  repeat: null,
  keepEchoes: null,
  attempts: [],
  targetMs: 0,
  internal: null,
  granted: null,
  holdId: passage.release?.hold ?? null,
  unreleased: null,
  released: null,
});

/** Takes down what the operation does, as far as it is known by now. */
export const noteEffects = (journey: Journey, effects: readonly Effect[]): void => {
  journey.effects = effects;
  journey.actions = effects.map((effect) => effect.action);
};

/** Takes down that grants let it pass, and by which rule. */
export const noteGranted = (
  journey: Journey,
  decision: Extract<Decision, { allowed: true }>,
): void => {
  journey.granted = decision;
  journey.decision = 'allow';
  journey.rule = decision.rule;
};

/** The resource type an operation is about, as written in records and spans (`User`), or null. */
export const typeNameOf = (operation: Operation): string | null =>
  operation.verb === 'discover' ? null : operation.type.name;

/** The resource id an operation names, or null. */
export const idOf = (operation: Operation): string | null =>
  'id' in operation && operation.id !== undefined ? operation.id : null;

/** Ends a journey with an answer or a refusal. */
export const endJourney = (journey: Journey, reply: Presented | Refusal): Outcome => {
  const { holdId, unreleased } = journey;
  const outcome = plainOutcome(journey, reply);
  if (holdId === null) return outcome;
  return { ...outcome, holdId, ...(unreleased === null ? {} : { unreleased }) };
};

const plainOutcome = (journey: Journey, reply: Presented | Refusal): Outcome => ({
  reply,
  operation: journey.passage.operation.verb,
  actions: journey.actions,
  resourceType: typeNameOf(journey.passage.operation),
  decision: journey.decision,
  rule: journey.rule ?? ('refused' in reply ? (reply.rule ?? null) : null),
  normalised: journey.normalised,
  repairs:
    journey.operation.repairs.length === 0
      ? []
      : [...new Set(journey.operation.repairs.map((repair) => repair.row))],
  limits: journey.limits,
  retryAfterSeconds: Math.max(
    journey.retryAfterSeconds,
    'refused' in reply ? (reply.retryAfterSeconds ?? 0) : 0,
  ),
  ledger: journey.ledger,
  attempts: journey.attempts,
  targetMs: journey.targetMs,
  internal: journey.internal ?? ('refused' in reply ? (reply.internal ?? null) : null),
});

/** The caller went away before anything was recorded: nothing is sent, nothing is answered. */
export const abandonedRefusal = refuse('internal', 'The caller hung up.', {
  internal: 'abandoned before the ledger',
});
