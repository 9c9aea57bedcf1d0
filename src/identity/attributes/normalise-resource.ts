/**
 * A whole resource of a create or replace: rules without CEL, then defaults until nothing more is
 * filled, then rules that look at `after`. So `after` is canonical for whoever reads it, and the
 * result of a second pass is the same.
 */
import type { Refusal } from '../../errors.ts';
import { isObject } from '../json-value.ts';
import type { Json } from '../json-value.ts';
import type { AttributePath, Resource } from '../scim/schema-model.ts';
import { emptyView } from '../scim/view.ts';
import { applyBranch, applyFilled, noteNormalised, withMember } from './apply-plan.ts';
import type { Run } from './apply-plan.ts';
import { readBoolean } from './boolean.ts';
import type { Fill, Plan } from './plan.ts';
import type { NormalisedResource } from './profile.ts';

const valueAt = (
  resource: Resource,
  { schema, attribute, sub }: AttributePath,
): Json | undefined => {
  const owner = schema === undefined ? resource : resource[schema];
  const value = isObject(owner) ? owner[attribute] : undefined;
  if (sub === undefined) return value;
  return isObject(value) ? value[sub] : undefined;
};

const withValue = (
  resource: Resource,
  { schema, attribute, sub }: AttributePath,
  value: Json,
): Resource => {
  const owner = schema === undefined ? resource : resource[schema];
  const holder = isObject(owner) ? owner : {};
  const parent = holder[attribute];
  const member = sub === undefined ? value : withMember(isObject(parent) ? parent : {}, sub, value);
  const changed = withMember(holder, attribute, member);
  return schema === undefined ? changed : withMember(resource, schema, changed);
};

const viewOf = (resource: Resource, plan: Plan): Run['variables'] => {
  let made: Readonly<Record<string, unknown>> | null = null;
  return () => (made ??= { after: emptyView(resource, plan.type) });
};

const fillOne = (resource: Resource, { path, name, step, leaf }: Fill, run: Run): Resource => {
  if (!step.on.has(run.on) || valueAt(resource, path) !== undefined) return resource;
  const outcome = step.run(null, run.variables);
  const value = 'value' in outcome ? outcome.value : undefined;
  if (value === undefined) return resource;
  const reported = run.normalised.length;
  const filled = applyFilled(leaf, value, run);
  if (filled === undefined || filled === '' || run.refused !== null) {
    // Nothing was filled, so nothing was changed either.
    run.normalised.length = reported;
    return resource;
  }
  noteNormalised(run, name, step.rule);
  return withValue(resource, path, filled);
};

/** Fills until a round fills nothing: a default may read what another one gave. */
const fillAll = (given: Resource, plan: Plan, run: Run): Resource => {
  let resource = given;
  for (let round = 0; round < plan.fills.length; round += 1) {
    const before = resource;
    for (const fill of plan.fills) {
      run.variables = viewOf(resource, plan);
      resource = fillOne(resource, fill, run);
      if (run.refused !== null) return resource;
    }
    if (resource === before) break;
  }
  return resource;
};

/** A PUT that deactivates may not fail for a value it carries along; see `Mood`. */
const moodOf = (resource: Resource, on: 'create' | 'replace'): Run['mood'] =>
  on === 'replace' && readBoolean(resource['active']) === false ? 'drop' : 'strict';

/** Normalises a whole resource. */
export const normaliseResource = (
  given: Resource,
  plan: Plan,
  stem: string,
  on: 'create' | 'replace',
): NormalisedResource | Refusal => {
  const run: Run = {
    stem,
    on,
    mood: moodOf(given, on),
    variables: viewOf(given, plan),
    late: false,
    normalised: [],
    refused: null,
    dropped: false,
  };
  let resource = applyBranch(plan.root, given, run) ?? {};
  // A late rule may drop what a default then fills: once more, and both are settled.
  for (let pass = 0; pass < 2 && run.refused === null; pass += 1) {
    resource = fillAll(resource, plan, run);
    if (!plan.late || run.refused !== null) break;
    run.late = true;
    run.dropped = false;
    run.variables = viewOf(resource, plan);
    resource = applyBranch(plan.root, resource, run) ?? {};
    run.late = false;
    if (!run.dropped || plan.fills.length === 0) break;
  }
  return run.refused ?? { resource, normalised: run.normalised };
};
