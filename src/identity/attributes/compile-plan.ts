/**
 * Rules of the route file to a Plan: resolves attribute paths, makes each rule once, and refuses what
 * could not be idempotent or has no meaning on its attribute. Only compile-profile.ts calls it.
 */
import { compileExpression } from '../../expressions.ts';
import type { Attribute, AttributePath, ResourceType, Schema } from '../scim/schema-model.ts';
import { attributeName, lookUp, resolveName } from '../scim/schemas.ts';
import { emptyView } from '../scim/view.ts';
import { applySteps } from './apply-steps.ts';
import { identifiersOf } from './identifiers.ts';
import type { Normaliser } from './normaliser.ts';
import { makeLeaf } from './plan.ts';
import type { Fill, Leaf, Node, Plan, Step } from './plan.ts';
import type { RuleSettings } from './settings.ts';
import { normalisers } from './table.ts';

/** Reports one problem; the path leads from the root of the route file. */
export type ReportProblem = (path: readonly (string | number)[], message: string) => void;

type Rules = readonly RuleSettings[];
type Place = readonly (string | number)[];

/** The path of every text that is not an opaque value (an id, a reference, a secret). */
const star = '*';

/** An attribute nobody gave a meaning: a plain text. */
const plainText: Attribute = Object.freeze({
  name: '',
  type: 'string',
  multiValued: false,
  required: false,
  caseExact: false,
  mutability: 'readWrite',
  returned: 'default',
  uniqueness: 'none',
});

const isStarred = ({ type, caseExact, mutability }: Attribute): boolean =>
  type === 'string' && !caseExact && mutability !== 'readOnly';

type MadeSteps = { steps: Step[]; fills: Step[]; late: boolean; results: string[] };

const fitsAttribute = ({ appliesTo }: Normaliser<never>, { type }: Attribute): boolean =>
  appliesTo === type || (appliesTo === 'any' && (type === 'string' || type === 'boolean'));

const makeSteps = (
  rules: Rules,
  attribute: Attribute,
  place: Place,
  report: ReportProblem,
): MadeSteps => {
  const made: MadeSteps = { steps: [], fills: [], late: false, results: [] };
  rules.forEach(({ rule, options, otherwise, on }, index) => {
    const normaliser = normalisers[rule];
    let sound = true;
    const problem = (message: string): void => {
      sound = false;
      report([...place, index], `${rule}: ${message}`);
    };
    if (normaliser === undefined) return;
    if (!fitsAttribute(normaliser, attribute)) {
      problem(`is not for a ${attribute.type} attribute`);
      return;
    }
    if (normaliser.fills && on.includes('patch')) {
      problem('a patch fills nothing; write create or replace');
      return;
    }
    const run = normaliser.make(options as never, {
      attribute,
      problem,
      expression: (source) => {
        const compiled = compileExpression(source, { after: 'dyn' }, null);
        if ('problem' in compiled) problem(compiled.problem);
        else if (!normaliser.fills && compiled.mentions.size > 0) made.late = true;
        return 'problem' in compiled ? null : compiled;
      },
    });
    const { prefixSafe, fills } = normaliser;
    const step = Object.freeze({ rule, run, otherwise, on: new Set(on), prefixSafe });
    (fills ? made.fills : made.steps).push(step);
    if (sound) made.results.push(...(normaliser.results?.(options as never) ?? []));
  });
  return made;
};

type Draft = Map<string, { path: AttributePath; leaf: Leaf }>;

const withoutBrackets = (text: string): string => text.replace(/\[\]/g, '');

/** Why a path cannot carry rules, or null. */
const objection = (attribute: Attribute, text: string): string | null => {
  if (attribute.type === 'complex') return `${text} is complex; name one of its sub-attributes`;
  if (attribute.mutability === 'readOnly') return `${text} is read-only`;
  if (attribute.returned === 'never') return `${text} is a secret and stays as it is`;
  return null;
};

const isMultiValued = (type: ResourceType, path: AttributePath): boolean => {
  const { schema, attribute } = path;
  const parent = schema === undefined ? { attribute } : { schema, attribute };
  return lookUp(type, parent)?.multiValued ?? false;
};

/** Every leaf that `*` or the identifier check reaches, before the paths by name. */
const starredLeaves = (type: ResourceType, steps: readonly Step[]): Draft => {
  const draft: Draft = new Map();
  const put = (path: AttributePath, attribute: Attribute): void => {
    const kind = identifiersOf(type).find(
      (one) =>
        path.schema === undefined && one.attribute === path.attribute && one.sub === path.sub,
    )?.kind;
    const starred = isStarred(attribute) ? steps : [];
    if (kind === undefined && starred.length === 0) return;
    const name = attributeName(path);
    const { required } = attribute;
    const leaf = makeLeaf({
      name,
      identifier: kind ?? null,
      required,
      steps: starred,
      late: false,
    });
    draft.set(name, { path, leaf });
  };
  const putAll = (schema: Schema, owner: { schema?: string }): void => {
    for (const attribute of Object.values(schema.attributes)) {
      const path = { ...owner, attribute: attribute.name };
      if (attribute.sub === undefined) put(path, attribute);
      else if (attribute.mutability !== 'readOnly') {
        for (const sub of Object.values(attribute.sub)) put({ ...path, sub: sub.name }, sub);
      }
    }
  };
  putAll(type.schema, {});
  for (const extension of Object.values(type.extensions))
    putAll(extension, { schema: extension.id });
  return draft;
};

/** The tree over all leaves: extension, attribute, sub-attribute. */
const treeOf = (draft: Draft): ReadonlyMap<string, Node> => {
  type Growing = Map<string, { leaf: Leaf } | { branch: Growing }>;
  const root: Growing = new Map();
  const below = (branch: Growing, name: string): Growing => {
    const node = branch.get(name);
    if (node !== undefined && 'branch' in node) return node.branch;
    const grown: Growing = new Map();
    branch.set(name, { branch: grown });
    return grown;
  };
  for (const { path, leaf } of draft.values()) {
    const owner = path.schema === undefined ? root : below(root, path.schema);
    if (path.sub === undefined) owner.set(path.attribute, { leaf });
    else below(owner, path.attribute).set(path.sub, { leaf });
  }
  return root;
};

const checkResults = (
  leaf: Leaf,
  results: readonly string[],
  type: ResourceType,
  problem: (message: string) => void,
): void => {
  for (const result of results) {
    const outcome = applySteps(leaf.steps, result, () => ({ after: emptyView(null, type) }));
    if (outcome === null) continue;
    problem('a rule of this path changes what another one gives; write the final value');
    return;
  }
};

type Compiling = Readonly<{
  type: ResourceType;
  starred: readonly Step[];
  draft: Draft;
  fills: Fill[];
  named: Set<string>;
}>;

/** Puts the rules of one written path on top of those that `*` gave it. */
const addPath = (
  { type, starred, draft, fills, named }: Compiling,
  text: string,
  rules: Rules,
  place: Place,
  report: ReportProblem,
): void => {
  const problem = (message: string): void => report(place, message);
  const path = resolveName(type, withoutBrackets(text));
  if (path === null) {
    problem(`a ${type.name} has no attribute ${text.slice(0, 60)}`);
    return;
  }
  const known = lookUp(type, path);
  const attribute = known ?? plainText;
  const name = attributeName(path);
  const wrong = named.has(name) ? `${text} is written twice` : objection(attribute, text);
  if (wrong !== null) {
    problem(wrong);
    return;
  }
  named.add(name);
  const own = makeSteps(rules, attribute, place, report);
  const before = draft.get(name)?.leaf.steps ?? (known === null ? starred : []);
  const leaf = makeLeaf({
    name,
    identifier: draft.get(name)?.leaf.identifier ?? null,
    required: attribute.required,
    steps: [...before, ...own.steps],
    late: own.late,
  });
  draft.set(name, { path, leaf });
  checkResults(leaf, own.results, type, problem);
  if (own.fills.length > 0 && isMultiValued(type, path)) {
    problem('default: cannot fill a multi-valued attribute');
    return;
  }
  for (const step of own.fills) fills.push({ path, name, step, leaf });
};

/** Compiles the rules of one resource type. `place` leads to them from the root of the route file. */
export const compilePlan = (
  type: ResourceType,
  rulesByPath: Readonly<Record<string, Rules>>,
  place: Place,
  report: ReportProblem,
): Plan => {
  const rules = Object.hasOwn(rulesByPath, star) ? (rulesByPath[star] ?? []) : [];
  const { steps: starred, fills, late } = makeSteps(rules, plainText, [...place, star], report);
  if (fills.length > 0) report([...place, star], 'a default needs an attribute of its own');
  if (late) report([...place, star], 'rules with CEL need an attribute of their own');
  const draft = starredLeaves(type, starred);
  const compiling: Compiling = { type, starred, draft, fills: [], named: new Set() };
  for (const [text, written] of Object.entries(rulesByPath)) {
    if (text !== star) addPath(compiling, text, written, [...place, text], report);
  }
  return Object.freeze({
    type,
    root: treeOf(draft),
    fills: compiling.fills,
    late: [...draft.values()].some(({ leaf }) => leaf.late),
  });
};
