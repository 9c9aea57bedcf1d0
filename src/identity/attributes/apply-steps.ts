/**
 * One value through the rules of its path. The rules run again while they change something, so that
 * their result is a fixed point whatever their order (`[drop-empty, trim]`).
 */
import type { Json } from '../json-value.ts';
import type { Variables } from './normaliser.ts';
import type { Step } from './plan.ts';

/** What became of a value; `changed` names the rules that changed it, in order, each once. */
export type Applied =
  | Readonly<{ value: Json | undefined; changed: readonly string[]; dropped: boolean }>
  | Readonly<{ refusedBy: string; problem: string }>;

/** Rounds after which a value that still changes has no canonical form. */
const roundsMax = 4;

const withLabel = (changed: readonly string[], label: string): readonly string[] =>
  changed.includes(label) ? changed : [...changed, label];
const none: readonly string[] = Object.freeze([]);

/**
 * Applies steps to a value that is there. Null where nothing changed (the usual case, which allocates
 * nothing); a missing value means that the attribute is absent.
 */
export const applySteps = (
  steps: readonly Step[],
  given: Json,
  variables: Variables,
): Applied | null => {
  let value = given;
  let changed = none;
  for (let round = 0; round < roundsMax; round += 1) {
    const before = value;
    for (const step of steps) {
      const outcome = step.run(value, variables);
      if ('problem' in outcome) {
        if (step.otherwise === 'refuse') return { refusedBy: step.rule, problem: outcome.problem };
        if (step.otherwise === 'keep') continue;
        changed = withLabel(changed, `${step.rule}:drop`);
        return { value: undefined, changed, dropped: true };
      }
      if (outcome.value === value) continue;
      changed = withLabel(changed, step.rule);
      if (outcome.value === undefined) return { value: undefined, changed, dropped: false };
      value = outcome.value;
    }
    if (value === before) return changed === none ? null : { value, changed, dropped: false };
  }
  return { refusedBy: steps.at(-1)?.rule ?? '', problem: 'has no stable form under these rules' };
};
