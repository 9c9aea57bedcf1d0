/**
 * A plan over values: walks a resource or the values of changes, gives the same objects back where
 * nothing changed, and keeps a report of which rule changed which path. Pure; apart from its `Run`,
 * which one call owns.
 */
import { refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import { bareCopy, isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import { applySteps } from './apply-steps.ts';
import { identifierProblem, identifierRule } from './identifiers.ts';
import type { Variables } from './normaliser.ts';
import type { Branch, Leaf, Node } from './plan.ts';
import type { NormalisedPath } from './profile.ts';
import type { Occasion } from './settings.ts';

/** What a call does with a value that a rule or the identifier check would refuse. */
export type Mood = 'strict' | 'drop' | 'keep';

/** State of one call. */
export type Run = {
  /** `profiles.workforce.users`, the stem of rule names in refusals. */
  readonly stem: string;
  readonly on: Occasion;
  readonly mood: Mood;
  variables: Variables;
  /** Which leaves are up: those without CEL over `after` go first. */
  late: boolean;
  readonly normalised: NormalisedPath[];
  /** The first refusal; everything stops at it. */
  refused: Refusal | null;
  /** A value was dropped (not merely cleared) since this was last set to false. */
  dropped: boolean;
};

/** Reports a change, once per path and rule however many elements it met. */
export const noteNormalised = (run: Run, path: string, rule: string): void => {
  if (run.normalised.some((one) => one.path === path && one.rule === rule)) return;
  run.normalised.push({ path, rule });
};

/** Refuses, or does what the mood of the run asks for instead. */
const refuseOr = (
  leaf: Leaf,
  value: Json,
  rule: string,
  problem: string,
  run: Run,
): Json | undefined => {
  const isIdentifier = rule === identifierRule;
  if (run.mood === 'keep' || (run.mood === 'drop' && leaf.required && !isIdentifier)) return value;
  if (run.mood === 'drop' && !(leaf.required && run.on === 'replace')) {
    noteNormalised(run, leaf.name, `${rule}:drop`);
    run.dropped = true;
    return undefined;
  }
  run.refused = refuse('value_invalid', `${leaf.name} ${problem} (rule ${rule}).`, {
    rule: isIdentifier ? rule : `${run.stem}.${leaf.name}.${rule}`,
  });
  return undefined;
};

const applyLeaf = (leaf: Leaf, value: Json, run: Run): Json | undefined => {
  if (leaf.identifier !== null && typeof value === 'string') {
    const problem = identifierProblem(value, leaf.identifier);
    if (problem !== null) return refuseOr(leaf, value, identifierRule, problem, run);
  }
  const applied = applySteps(leaf.stepsOn[run.on], value, run.variables);
  if (applied === null) return value;
  if ('refusedBy' in applied) return refuseOr(leaf, value, applied.refusedBy, applied.problem, run);
  for (const rule of applied.changed) noteNormalised(run, leaf.name, rule);
  if (applied.dropped) run.dropped = true;
  return applied.value;
};

const copyOf = (value: JsonObject): Record<string, Json | undefined> =>
  Object.getPrototypeOf(value) === null ? bareCopy(value) : { ...value };

/** A copy with one member set, or without it. Names come from a plan, never from the value. */
export const withMember = (
  value: JsonObject,
  name: string,
  member: Json | undefined,
): JsonObject => {
  const copy = copyOf(value);
  if (member === undefined) delete copy[name];
  else copy[name] = member;
  return copy;
};

/** The members of an object that rules stand on; undefined where nothing of it is left. */
export const applyBranch = (
  branch: Branch,
  value: JsonObject,
  run: Run,
): JsonObject | undefined => {
  let result: Record<string, Json | undefined> | null = null;
  for (const name of Object.keys(value)) {
    const node = branch.get(name);
    const member = value[name];
    if (node === undefined || member === undefined) continue;
    const applied = applyNode(node, member, run);
    if (run.refused !== null) return value;
    if (applied === member) continue;
    result ??= copyOf(value);
    if (applied === undefined) delete result[name];
    else result[name] = applied;
  }
  if (result === null) return value;
  return Object.keys(result).length === 0 ? undefined : result;
};

/** An element of a complex multi-valued attribute whose `value` is gone says nothing any more. */
const applyElement = (node: Node, element: Json, run: Run): Json | undefined => {
  const applied = applyNode(node, element, run);
  const isHollow =
    isObject(element) &&
    isObject(applied) &&
    element['value'] !== undefined &&
    applied['value'] === undefined;
  return isHollow ? undefined : applied;
};

const applyList = (node: Node, list: readonly Json[], run: Run): Json | undefined => {
  let result: Json[] | null = null;
  for (let at = 0; at < list.length; at += 1) {
    const element = list[at] as Json;
    const applied = applyElement(node, element, run);
    if (run.refused !== null) return list;
    if (applied !== element) result ??= list.slice(0, at);
    if (result !== null && applied !== undefined) result.push(applied);
  }
  if (result === null) return list;
  return result.length === 0 ? undefined : result;
};

/** A value through a node: the same value where nothing changed, undefined where it is gone. */
export const applyNode = (node: Node, value: Json, run: Run): Json | undefined => {
  if (isArray(value)) return applyList(node, value, run);
  if ('branch' in node) return isObject(value) ? applyBranch(node.branch, value, run) : value;
  if (node.leaf.late !== run.late || value === null || isObject(value)) return value;
  return applyLeaf(node.leaf, value, run);
};

/** The value a filled attribute gets: the result of its default, through its other rules. */
export const applyFilled = (leaf: Leaf, value: Json, run: Run): Json | undefined =>
  leaf.late ? value : applyLeaf(leaf, value, run);
