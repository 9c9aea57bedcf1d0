/**
 * The values inside canonical changes. A change that clears an attribute by its value (`''` under
 * `drop-empty`) becomes a remove; one whose value is dropped is left out and reported. Changes that
 * only take access away pass whatever they hold, and where one deactivates, a bad value beside it is
 * dropped and never refused.
 */
import type { Refusal } from '../../errors.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { Change, Filter, Path, Resource } from '../scim/schema-model.ts';
import { emptyView } from '../scim/view.ts';
import { applyNode, withMember } from './apply-plan.ts';
import type { Mood, Run } from './apply-plan.ts';
import { normaliseFilter } from './normalise-filter.ts';
import type { Plan } from './plan.ts';
import { insideOf, nodeAt } from './plan.ts';
import type { NormalisedChanges } from './profile.ts';
import { deactivates, takesAwayOnly } from './removal.ts';

const attributeOf = ({ schema, attribute }: Path): Path =>
  schema === undefined ? { attribute } : { schema, attribute };

/** The path with canonical literals in its filter. */
const normalisePath = (path: Path, plan: Plan): Path => {
  if (path.filter === undefined) return path;
  const inside = insideOf(nodeAt(plan.root, attributeOf(path)));
  if (inside === null) return path;
  const filter = normaliseFilter(path.filter, inside, plan.type);
  return filter === path.filter ? path : { ...path, filter };
};

const applyChange = (change: Change, plan: Plan, run: Run): Change | null => {
  const path = normalisePath(change.path, plan);
  if (change.op === 'remove') return path === change.path ? change : { op: 'remove', path };
  const node = nodeAt(plan.root, path);
  if (node === undefined) return path === change.path ? change : { ...change, path };
  run.dropped = false;
  const value = applyNode(node, change.value, run);
  if (run.refused !== null) return null;
  if (value === undefined) {
    return run.dropped || change.op === 'add' ? null : { op: 'remove', path };
  }
  return value === change.value && path === change.path ? change : { ...change, path, value };
};

/** `type eq "work"` and conjunctions of it, as members of the element they describe. */
const elementOf = (filter: Filter): JsonObject | null => {
  if (filter.kind === 'compare' && filter.operator === 'eq') {
    return { [filter.path.attribute]: filter.value };
  }
  if (filter.kind !== 'and') return null;
  const parts = filter.terms.map(elementOf);
  return parts.includes(null) ? null : (Object.assign({}, ...parts) as JsonObject);
};

const describes = (element: Json, wanted: JsonObject): boolean =>
  isObject(element) && Object.keys(wanted).every((name) => element[name] === wanted[name]);

/** What an attribute is after one change, near enough for expressions: values, not rules of PATCH. */
const changedValue = (
  current: Json | undefined,
  { op, path, ...rest }: Change,
): Json | undefined => {
  const value = 'value' in rest ? rest.value : undefined;
  if (path.filter !== undefined) {
    const wanted = elementOf(path.filter);
    if (wanted === null || value === undefined) return current;
    const list = isArray(current) ? current : [];
    const member = path.sub === undefined ? (isObject(value) ? value : {}) : { [path.sub]: value };
    return list.some((element) => describes(element, wanted))
      ? list.map((element) =>
          describes(element, wanted) ? { ...(element as JsonObject), ...member } : element,
        )
      : [...list, { ...wanted, ...member }];
  }
  if (path.sub !== undefined) {
    return withMember(isObject(current) ? current : {}, path.sub, value);
  }
  if (op === 'add' && isArray(current)) return isArray(value) ? [...current, ...value] : current;
  if (op !== 'remove' && isObject(current) && isObject(value)) return { ...current, ...value };
  return value;
};

/** The resource as the changes leave it, for `after` alone; what is sent never comes from here. */
const afterChanges = (before: Resource | null, changes: readonly Change[]): Resource => {
  let resource: Resource = before ?? {};
  for (const change of changes) {
    const { schema, attribute } = change.path;
    const owner = schema === undefined ? resource : resource[schema];
    const holder = isObject(owner) ? owner : {};
    const value = changedValue(holder[attribute], change);
    const changed = withMember(holder, attribute, value);
    resource = schema === undefined ? changed : withMember(resource, schema, changed);
  }
  return resource;
};

const moodOf = (changes: readonly Change[]): Mood => {
  if (takesAwayOnly(changes)) return 'keep';
  return changes.some(deactivates) ? 'drop' : 'strict';
};

/** One pass over all changes; null where one was refused. */
const applyAll = (changes: readonly Change[], plan: Plan, run: Run): readonly Change[] | null => {
  let changed = false;
  const result: Change[] = [];
  for (const change of changes) {
    const applied = applyChange(change, plan, run);
    if (run.refused !== null) return null;
    changed ||= applied !== change;
    if (applied !== null) result.push(applied);
  }
  return changed ? result : changes;
};

/** Normalises changes; `before` is the current resource where it is known. */
export const normaliseChanges = (
  given: readonly Change[],
  plan: Plan,
  stem: string,
  before: Resource | null,
): NormalisedChanges | Refusal => {
  const run: Run = {
    stem,
    on: 'patch',
    mood: moodOf(given),
    variables: () => ({ after: emptyView(before, plan.type) }),
    late: false,
    normalised: [],
    refused: null,
    dropped: false,
  };
  let changes = applyAll(given, plan, run) ?? given;
  if (plan.late && run.refused === null) {
    const early = changes;
    let made: Readonly<Record<string, unknown>> | null = null;
    run.late = true;
    run.variables = () => (made ??= { after: emptyView(afterChanges(before, early), plan.type) });
    changes = applyAll(early, plan, run) ?? early;
  }
  return run.refused ?? { changes, normalised: run.normalised };
};
