/**
 * What can be wrong with a step of a plan before any event comes: names and paths against the types of
 * its route. For `check`; the passage judges everything again. Pure.
 */
import { isRefusal } from '../errors.ts';
import { parsePath } from '../identity/scim/path.ts';
import type { Path, ResourceType } from '../identity/scim/schema-model.ts';
import { lookUp } from '../identity/scim/schemas.ts';
import type { PlanStep, Route } from '../snapshot.ts';

/** As much of a step as is checked; its values are CEL and checked by themselves. */
export type StepOutline = Readonly<{
  type: string;
  do: PlanStep['do'];
  find: readonly string[];
  set: readonly string[];
  group: boolean;
}>;

/** What is wrong, in words fit for `sallyport check`; `at` names the member: `find.userName`, `do`. */
export type StepProblem = Readonly<{ at: string; problem: string }>;

const activating: ReadonlySet<string> = new Set(['activate', 'deactivate']);
const setting: ReadonlySet<string> = new Set(['create', 'update']);
const grouping: ReadonlySet<string> = new Set(['add-member', 'remove-member']);

const unfiltered = ({ filter: _filter, ...path }: Path) => path;

const findProblem = (text: string, type: ResourceType): string | null => {
  const path = parsePath(text, type);
  if (isRefusal(path)) return path.detail;
  const attribute = lookUp(type, unfiltered(path));
  if (attribute?.returned === 'never') return 'it is never shown, so nothing is found by it';
  const inElement = path.filter !== undefined && path.sub === undefined;
  return attribute?.type === 'complex' && !inElement
    ? 'it has parts; name one of them: `emails.value`'
    : null;
};

const setProblem = (text: string, type: ResourceType): string | null => {
  const path = parsePath(text, type);
  if (isRefusal(path)) return path.detail;
  const attribute = lookUp(type, unfiltered(path));
  if (attribute?.mutability === 'readOnly') return 'only the target writes it';
  const outer = lookUp(type, unfiltered({ ...path, sub: undefined } as Path));
  return path.sub !== undefined && path.filter === undefined && outer?.multiValued === true
    ? 'say which element: `emails[type eq "work"].value`'
    : null;
};

const outlineProblems = (step: StepOutline): StepProblem[] => {
  const problems: StepProblem[] = [];
  const want = (at: string, isWanted: boolean, isThere: boolean): void => {
    if (isWanted === isThere) return;
    const problem = isWanted ? `${step.do} needs it` : `${step.do} has no use for it`;
    problems.push({ at, problem });
  };
  want('set', setting.has(step.do), step.set.length > 0);
  want('group', grouping.has(step.do), step.group);
  if (step.find.length === 0) problems.push({ at: 'find', problem: `${step.do} needs it` });
  if (activating.has(step.do) && step.type !== 'users') {
    problems.push({ at: 'do', problem: `${step.do} is for users` });
  }
  return problems;
};

/** Every problem of a step on its route. */
export const checkStep = (
  step: StepOutline,
  route: Pick<Route, 'types'>,
): readonly StepProblem[] => {
  const problems = outlineProblems(step);
  const type = Object.hasOwn(route.types, step.type) ? route.types[step.type] : undefined;
  if (type === undefined) {
    return [...problems, { at: 'type', problem: 'the route serves no such resource type' }];
  }
  if (step.group && !Object.hasOwn(route.types, 'groups')) {
    problems.push({ at: 'group', problem: 'the route serves no groups' });
  }
  for (const [member, paths, problemOf] of [
    ['find', step.find, findProblem],
    ['set', step.set, setProblem],
  ] as const) {
    for (const path of paths) {
      const problem = problemOf(path, type);
      if (problem !== null) problems.push({ at: `${member}.${path}`, problem });
    }
  }
  return problems;
};
