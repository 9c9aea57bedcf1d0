/**
 * What an answer of the passage means for a plan: it goes on, is tried again later, or will not go
 * well by itself. Texts are for people: which step, and why; never a value. Pure.
 */
import { errorTable, type Refusal } from '../errors.ts';
import type { PlanStep } from '../snapshot.ts';
import type { PlanResult } from './plan-runner.ts';

type Bare<Result> = Result extends unknown ? Omit<Result, 'ledgerIds'> : never;

/** How a step ended where the plan does not go on. */
export type StepEnd = Bare<Exclude<PlanResult, { kind: 'done' }>>;

/** Longest detail, characters. */
const detailMax = 300;

/** It will not go well by itself. */
export const failedAt = (step: Pick<PlanStep, 'name'>, reason: string, why: string): StepEnd => ({
  kind: 'failed',
  reason,
  detail: `Step ${step.name}: ${why}`.slice(0, detailMax),
});

/** It may go well later. */
export const againFor = (reason: string, retryAfterMs: number | null): StepEnd => ({
  kind: 'again',
  reason,
  retryAfterMs,
});

/** What helps where the public text speaks to a caller from outside. */
const own: Readonly<Partial<Record<Refusal['refused'], string>>> = {
  caller_refused: 'the client of this plan has expired, or is no internal client any more.',
};

/**
 * A refusal of the passage. What the target or a limit could not do now is tried again, as is what
 * waits for a renewed credential or for people (the next try joins the same hold), and a create whose first try is known under other values and may
 * still be found; the rest a person has to mend.
 */
export const endOf = (
  step: Pick<PlanStep, 'name' | 'do'>,
  refusal: Refusal,
  retryAfterSeconds: number,
): StepEnd => {
  const { refused, detail, rule } = refusal;
  const later =
    errorTable[refused].retryable ||
    refused === 'target_credential_refused' ||
    refused === 'mutation_held' ||
    (refused === 'key_reused' && step.do === 'create');
  if (later) {
    return againFor(refused, retryAfterSeconds > 0 ? retryAfterSeconds * 1_000 : null);
  }
  const why = own[refused] ?? detail;
  return failedAt(step, refused, rule === undefined ? why : `${why} (rule ${rule})`);
};
