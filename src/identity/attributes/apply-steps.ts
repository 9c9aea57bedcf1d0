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
const unchanged: readonly string[] = Object.freeze([]);

/** Applies steps to a value that is there. A missing result means that the attribute is absent. */
export const applySteps = (steps: readonly Step[], given: Json, variables: Variables): Applied => {
  let value = given;
  let changed: string[] | null = null;
  const note = (label: string): void => {
    changed ??= [];
    if (!changed.includes(label)) changed.push(label);
  };
  for (let round = 0; round < roundsMax; round += 1) {
    const before = value;
    for (const step of steps) {
      const outcome = step.run(value, variables);
      if ('problem' in outcome) {
        if (step.otherwise === 'refuse') return { refusedBy: step.rule, problem: outcome.problem };
        if (step.otherwise === 'keep') continue;
        note(`${step.rule}:drop`);
        return { value: undefined, changed: changed ?? unchanged, dropped: true };
      }
      if (outcome.value === value) continue;
      note(step.rule);
      if (outcome.value === undefined) {
        return { value: undefined, changed: changed ?? unchanged, dropped: false };
      }
      value = outcome.value;
    }
    if (value === before) return { value, changed: changed ?? unchanged, dropped: false };
  }
  return { refusedBy: steps.at(-1)?.rule ?? '', problem: 'has no stable form under these rules' };
};
