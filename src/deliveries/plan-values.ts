/**
 * The values of one step of a plan: CEL over the event and the read of its source, as JSON. What is
 * missing or empty fails the step by name: a gap in a source is never taken for a wish. Pure.
 */
import type { Expression } from '../expressions.ts';
import type { eventVariables } from '../identity/events/variables.ts';
import type { Json } from '../identity/json-value.ts';
import type { PlanStep } from '../snapshot.ts';

/** What expressions of a step see (identity/events/variables.ts). */
type PlanVariables = ReturnType<typeof eventVariables>;

/** What a resource is found by: one value that `eq` can compare. */
export type Scalar = string | number | boolean;

/** A step with its values. `groupName` is null where the step names no group. */
export type StepValues = Readonly<{
  find: readonly Readonly<{ path: string; value: Scalar }>[];
  set: readonly Readonly<{ path: string; value: Json }>[];
  groupName: string | null;
}>;

/** Deepest value that an expression may give, and longest text of a look-up. */
const depthMax = 8;
const textMax = 1_000;

/** Names are checked against the type later; here none may be read as the prototype. */
const entriesOf = (value: object): readonly (readonly [string, unknown])[] =>
  value instanceof Map
    ? [...value].map(([name, member]) => [String(name), member] as const)
    : Object.entries(value);

/** A CEL value as JSON: a timestamp as RFC 3339, an int as a number. Undefined where it is none. */
const jsonOf = (value: unknown, depth = 0): Json | undefined => {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : undefined;
  }
  if (typeof value !== 'object' || depth >= depthMax || ArrayBuffer.isView(value)) return undefined;
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => jsonOf(item, depth + 1));
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  const members = entriesOf(value).map(([name, member]) => [name, jsonOf(member, depth + 1)]);
  return members.every(([, member]) => member !== undefined)
    ? (Object.fromEntries(members) as Json)
    : undefined;
};

const isEmpty = (value: Json): boolean =>
  value === null ||
  (typeof value === 'string' && value.trim() === '') ||
  (Array.isArray(value) && value.length === 0);

type Missing = Readonly<{ missing: string }>;
type Valued<Value> = Readonly<{ value: Value }> | Missing;

const valueOf = (expression: Expression, variables: PlanVariables, what: string): Valued<Json> => {
  const evaluated = expression.evaluate(variables);
  if ('failed' in evaluated) return { missing: `${what}: ${evaluated.failed}` };
  const value = jsonOf(evaluated.value);
  if (value === undefined) return { missing: `${what} is no JSON value` };
  return isEmpty(value) ? { missing: `${what} is empty` } : { value };
};

const scalarOf = (
  expression: Expression,
  variables: PlanVariables,
  what: string,
): Valued<Scalar> => {
  const read = valueOf(expression, variables, what);
  if ('missing' in read) return read;
  const { value } = read;
  if (typeof value === 'number' || typeof value === 'boolean') return { value };
  if (typeof value === 'string' && value.length <= textMax) return { value };
  return { missing: `${what} is no single value of at most ${textMax} characters` };
};

const read = (step: PlanStep, variables: PlanVariables): StepValues | Missing => {
  const find: { path: string; value: Scalar }[] = [];
  const set: { path: string; value: Json }[] = [];
  for (const { path, value: expression } of step.find) {
    const found = scalarOf(expression, variables, `find ${path}`);
    if ('missing' in found) return found;
    find.push({ path, value: found.value });
  }
  for (const { path, value: expression } of step.set) {
    const found = valueOf(expression, variables, `set ${path}`);
    if ('missing' in found) return found;
    set.push({ path, value: found.value });
  }
  if (step.group === null) return { find, set, groupName: null };
  const group = scalarOf(step.group, variables, 'group');
  return 'missing' in group ? group : { find, set, groupName: String(group.value) };
};

/**
 * The step with its values; `skipped` where its `when` says no; `missing` says which value is not
 * there, without any value.
 */
export const stepValues = (
  step: PlanStep,
  variables: PlanVariables,
): StepValues | Missing | Readonly<{ skipped: true }> => {
  if (step.when !== null) {
    const asked = step.when.evaluate(variables);
    if ('failed' in asked) return { missing: `when: ${asked.failed}` };
    if (asked.value !== true) return { skipped: true };
  }
  return read(step, variables);
};
