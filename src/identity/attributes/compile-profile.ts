/**
 * Profiles of the route file as functions. config/ awaits the loads, then compiles one profile per
 * route; the passage calls it for every operation. A type without rules still gets the identifier
 * check.
 */
import type { ResourceType } from '../scim/schema-model.ts';
import { compilePlan } from './compile-plan.ts';
import type { ReportProblem } from './compile-plan.ts';
import { normaliseChanges } from './normalise-changes.ts';
import { normaliseFilter } from './normalise-filter.ts';
import { normaliseResource } from './normalise-resource.ts';
import type { Plan } from './plan.ts';
import type { Profile } from './profile.ts';
import type { ProfileSettings } from './settings.ts';
import { normalisers } from './table.ts';

export { checkIdentifiers } from './identifiers.ts';

/** What must be awaited before `compileProfile`: each load once, safe to repeat. */
export const loadsOf = (settings: ProfileSettings): readonly (() => Promise<void>)[] => {
  const loads = new Set<() => Promise<void>>();
  for (const rulesByPath of Object.values(settings)) {
    for (const { rule } of Object.values(rulesByPath).flat()) {
      const load = normalisers[rule]?.load;
      if (load !== undefined) loads.add(load);
    }
  }
  return [...loads];
};

/**
 * Compiles a profile for the types one route serves. Problems lead from the root of the route file
 * (`profiles`, name, word, path, index of the rule). Throws TypeError where `loadsOf` was not awaited.
 */
export const compileProfile = (
  name: string,
  settings: ProfileSettings,
  types: Readonly<Record<string, ResourceType>> | readonly ResourceType[],
  problem: ReportProblem,
): Profile => {
  const served = new Map<string, ResourceType>(
    Object.values(types).map((type: ResourceType) => [type.word, type]),
  );
  const plans = new Map<string, Plan>();
  for (const type of served.values()) {
    const rules = Object.hasOwn(settings, type.word) ? (settings[type.word] ?? {}) : {};
    plans.set(type.word, compilePlan(type, rules, ['profiles', name, type.word], problem));
  }
  for (const word of Object.keys(settings)) {
    if (served.has(word)) continue;
    const known = [...served.keys()].join(', ');
    problem(['profiles', name, word], `a route with this profile serves no ${word}, only ${known}`);
  }
  const stem = (word: string): string => `profiles.${name}.${word}`;
  return Object.freeze({
    name,
    resource: (resource, type, on) => {
      const plan = plans.get(type.word);
      return plan === undefined
        ? { resource, normalised: [] }
        : normaliseResource(resource, plan, stem(type.word), on);
    },
    changes: (changes, type, before) => {
      const plan = plans.get(type.word);
      return plan === undefined
        ? { changes, normalised: [] }
        : normaliseChanges(changes, plan, stem(type.word), before);
    },
    filter: (filter, type) => {
      const plan = plans.get(type.word);
      return plan === undefined ? filter : normaliseFilter(filter, plan.root, plan.type);
    },
  } satisfies Profile);
};
