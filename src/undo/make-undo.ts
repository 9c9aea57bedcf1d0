/**
 * Undo as the rest of the house uses it: a plan that can be looked at, and its run. A run names the plan
 * that was shown by its digest and plans again: where anything differs by then, nothing is sent.
 */
import { createHash } from 'node:crypto';
import { refuse, type Refusal } from '../errors.ts';
import { newTraceId } from '../ids.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { canonicalJson } from '../passage/binding.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';
import { gatherUndo, type Fact } from './gather-undo.ts';
import { madeAgain } from './made-again.ts';
import { isWhole, planUndo } from './plan-undo.ts';
import type { Step } from './plan-parts.ts';
import { knownIds, runStep, type NewIds, type StepResult } from './run-undo.ts';
import type { Selection } from './select-entries.ts';
import { openUndoDoor, type UndoDoor, type UndoDoorDeps } from './undo-door.ts';

export type UndoDeps = UndoDoorDeps &
  Readonly<{
    ledger: Pick<Ledger, 'list' | 'show'>;
    observer: Pick<Observer, 'note'>;
    snapshot(): Snapshot;
  }>;

/** A step as people see it. */
export type ShownStep = Omit<Step, 'wishes' | 'body'>;

export type UndoPlan = Readonly<{
  /** What a run must name; hex. */
  digest: string;
  /** Does everything come back? */
  whole: boolean;
  steps: readonly ShownStep[];
}>;

export type UndoRun = Readonly<{
  digest: string;
  /** Was everything that was selected restored? */
  whole: boolean;
  steps: readonly (ShownStep & Readonly<{ result: StepResult }>)[];
}>;

export interface Undo {
  /** What undo would do now. Refuses what selects nothing or too much (`value_invalid`). */
  plan(person: string, selection: Selection): Promise<UndoPlan | Refusal>;
  /** Does it, if it is still the plan of this digest. One run at a time. */
  run(person: string, selection: Selection, digest: string): Promise<UndoRun | Refusal>;
}

type Ready = Readonly<{
  door: UndoDoor;
  plan: UndoPlan;
  steps: readonly Readonly<{ step: Step; fact: Fact }>[];
}>;

const shown = ({ wishes: _wishes, body: _body, ...step }: Step): ShownStep => step;

const digestOf = (steps: readonly ShownStep[]): string =>
  createHash('sha256').update(canonicalJson(steps)).digest('hex');

const prepare = async (
  deps: UndoDeps,
  person: string,
  selection: Selection,
): Promise<Ready | Refusal> => {
  const traceId = newTraceId(deps.clock.now(), deps.random);
  const door = openUndoDoor(deps, person, deps.snapshot(), traceId);
  const facts = await gatherUndo(deps.ledger, door, selection);
  if ('refused' in facts) return facts;
  const byKnown = new Map(facts.map((fact) => [fact.known, fact]));
  const steps = planUndo(facts.map(({ known }) => known)).flatMap(({ step, known }) => {
    const fact = byKnown.get(known);
    return fact === undefined ? [] : [{ step, fact }];
  });
  const told = steps.map(({ step }) => shown(step));
  const plan = { digest: digestOf(told), whole: isWhole(told), steps: told };
  return { door, plan, steps };
};

const failed: StepResult = Object.freeze({
  outcome: 'failed',
  code: 'internal',
  detail: 'It ended in the middle; the ledger tells what was sent.',
  entry: null,
  hold: null,
  newId: null,
  refused: [],
});

const madeMeanwhile: StepResult = Object.freeze({
  ...failed,
  outcome: 'refused',
  code: 'precondition_failed',
  detail: 'Another rollback made it again meanwhile, or may have; it is not made twice.',
});

/** No precondition guards a create: whether another run was faster is asked right before it. */
const runOne = async (
  { ledger }: UndoDeps,
  door: UndoDoor,
  { step, fact }: Ready['steps'][number],
  ids: NewIds,
): Promise<StepResult> => {
  const deletion = step.reverses.at(-1);
  if (step.does === 'recreate' && fact.place !== null && deletion !== undefined) {
    const again = await madeAgain(ledger, door, fact.place, deletion);
    if (again !== null) {
      ids.set(`${step.subject.tenant}\n${step.subject.id}`, again.id);
      return madeMeanwhile;
    }
  }
  return runStep(door, step, fact, ids);
};

const runAll = async (deps: UndoDeps, { door, plan, steps }: Ready): Promise<UndoRun> => {
  const ids = knownIds(steps.map(({ fact }) => fact));
  const done: (ShownStep & Readonly<{ result: StepResult }>)[] = [];
  for (const each of steps) {
    const result = await runOne(deps, door, each, ids).catch((cause: unknown) => {
      deps.observer.note('error', 'undo.failed', { cause });
      return failed;
    });
    done.push({ ...shown(each.step), result });
  }
  const clean = done.every(
    ({ result: { outcome, refused } }) =>
      (outcome === 'applied' || outcome === 'nothing') && refused.length === 0,
  );
  return { digest: plan.digest, whole: plan.whole && clean, steps: done };
};

/** Makes undo over the doors of a running gateway. */
export const makeUndo = (deps: UndoDeps): Undo => {
  let running = false;
  return {
    plan: async (person, selection) => {
      const ready = await prepare(deps, person, selection);
      return 'refused' in ready ? ready : ready.plan;
    },
    run: async (person, selection, digest) => {
      if (running) return refuse('value_invalid', 'Another rollback is running. Wait for its end.');
      running = true;
      try {
        const ready = await prepare(deps, person, selection);
        if ('refused' in ready) return ready;
        if (ready.plan.digest !== digest) {
          return refuse('value_invalid', 'The plan changed; look at it again.');
        }
        return await runAll(deps, ready);
      } finally {
        running = false;
      }
    },
  };
};
