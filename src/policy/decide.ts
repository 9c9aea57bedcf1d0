/**
 * The judgement: may this client do this? Pure. Every action must be covered whole by one grant
 * (action, group, all of its attributes, condition); grants never mix within an action. What no
 * grant covers is denied. `judge` says what can be said before any I/O, `decide` says all.
 */
import type { AttributeName, Effect } from '../identity/operation.ts';
import {
  discoveryRead,
  governedBy,
  isBornWith,
  isReadAction,
  isRevoking,
  wordOf,
} from './actions.ts';
import { asSent } from './as-sent.ts';
import { everything, unionOf } from './attribute-set.ts';
import type {
  AttributeSet,
  CompiledGrant,
  CompiledLimit,
  CompiledRule,
  Decision,
  Denial,
  Grants,
  Question,
  UrgentWindow,
} from './decision.ts';
import { closedByDefault, closer, denialOf, type Miss, type MissKind } from './misses.ts';

/**
 * What can be denied without the current resource or a group's name: actions no live grant holds,
 * attributes outside its lists. Null = go on and gather facts. `denied: drop` counts as covered.
 * No effects = they depend on the current resource (a PUT): then some change of it must be granted.
 */
export const judge = (grants: Grants | undefined, question: Question): Denial | null => {
  if (question.effects.length === 0) return mayMutate(grants, question) ? null : nothingAsked;
  for (const effect of question.effects) {
    const found = cover(grants?.grants ?? [], effect, question, null);
    if ('kind' in found) return denialOf(found);
  }
  return null;
};

/**
 * The whole decision. Facts that a condition mentions must have been gathered (`needsBefore`): a
 * missing one is denied as `internal`, never as the client's fault. Where `drop` is not empty the
 * conditions were judged on the resource as it is without these attributes, so strip exactly them.
 */
export const decide = (grants: Grants | undefined, question: Question): Decision => {
  if (question.effects.length === 0) return { allowed: false, ...nothingAsked };
  let dropping = noNames;
  // A drop found for one action changes what the conditions of all may see, so ask until it settles;
  // each round but the last adds at least one attribute of the call.
  for (;;) {
    const covers: Cover[] = [];
    let refusal: Miss | null = null;
    const judgeCondition = conditionJudge(question, dropping);
    for (const effect of question.effects) {
      const found = cover(grants?.grants ?? [], effect, question, judgeCondition);
      if ('kind' in found) refusal ??= found;
      else covers.push(found);
    }
    const grown = withDrops(dropping, covers);
    if (grown === dropping) {
      return refusal === null
        ? allow(covers, question, dropping, urgentOf(grants, question, judgeCondition))
        : { allowed: false, ...denialOf(refusal) };
    }
    dropping = grown;
  }
};

const mayMutate = (grants: Grants | undefined, { type, now }: Question): boolean =>
  type !== null &&
  (grants?.grants ?? []).some(({ rules, until }) => {
    const rule = rules[type.word];
    return until > now && rule !== undefined && ![...rule.actions].every(isReadAction);
  });

/** How one grant covers one action. */
type Cover = Readonly<{
  grant: CompiledGrant;
  /** Null for discovery, which no rule speaks of. */
  rule: CompiledRule | null;
  drop: readonly AttributeName[];
  /** What enforcement would have refused. */
  shadow: readonly Miss[];
}>;

/** Does the rule's condition hold of what is sent without these attributes either? */
type ConditionJudge = (
  rule: CompiledRule,
  drop: readonly AttributeName[],
) => 'met' | 'unmet' | 'unknown';

const none: readonly never[] = Object.freeze([]);
const noNames: ReadonlySet<AttributeName> = new Set();
const nothingAsked: Denial = Object.freeze({
  code: 'action_denied',
  rule: closedByDefault,
  detail: "This client was not granted such a change on this route. Ask the client's owner for it.",
});

/**
 * The best cover of one action by one grant, or the miss that came closest. What an enforced grant covers
 * whole is no trial, whichever grant is written first: guards hold for it.
 */
const cover = (
  grants: readonly CompiledGrant[],
  effect: Effect,
  question: Question,
  judgeCondition: ConditionJudge | null,
): Cover | Miss => {
  let best: Cover | null = null;
  let closest: Miss | null = null;
  for (const grant of grants) {
    const found = coverBy(grant, effect, question, judgeCondition);
    if ('kind' in found) {
      closest = closer(closest, found);
    } else {
      if (preference(found) === 0) return found;
      if (best === null || preference(found) < preference(best)) best = found;
    }
  }
  return best ?? closest ?? miss('nothing', effect, null, null);
};

/**
 * An enforced grant that covers whole, a trial that does, an enforced one that drops, a trial that looks
 * on: the least is taken.
 */
const preference = ({ grant, drop, shadow }: Cover): number => {
  if (shadow.length > 0) return 3;
  if (drop.length > 0) return 2;
  return grant.mode === 'shadow' ? 1 : 0;
};

const coverBy = (
  grant: CompiledGrant,
  effect: Effect,
  question: Question,
  judgeCondition: ConditionJudge | null,
): Cover | Miss => {
  const { action } = effect;
  const live = grant.until > question.now;
  if (action === discoveryRead) {
    return live
      ? { grant, rule: null, drop: none, shadow: none }
      : miss('ended', effect, grant, null);
  }
  const rule = grant.rules[wordOf(action)] ?? null;
  if (rule === null || !rule.actions.has(action)) return miss('action', effect, grant, rule);
  if (!live) return miss('ended', effect, grant, rule);
  if (judgeCondition !== null && !groupInside(rule, question)) {
    return miss('group', effect, grant, rule);
  }
  let drop: readonly AttributeName[] = none;
  const shadow: Miss[] = [];
  const outside = outsideOf(rule, effect);
  if (outside.length > 0) {
    const refusal = miss('attribute', effect, grant, rule, outside);
    if (grant.mode === 'shadow') shadow.push(refusal);
    else if (rule.denied === 'drop' && governedBy(action) === 'write') drop = outside;
    else return refusal;
  }
  if (judgeCondition !== null && rule.when !== null && !isReadAction(action)) {
    const verdict = judgeCondition(rule, drop);
    if (verdict !== 'met') {
      const kind = verdict === 'unknown' ? 'facts' : 'condition';
      const refusal = miss(kind, effect, grant, rule);
      if (grant.mode !== 'shadow') return refusal;
      shadow.push(refusal);
    }
  }
  return { grant, rule, drop, shadow };
};

const miss = (
  kind: MissKind,
  effect: Effect,
  grant: CompiledGrant | null,
  rule: CompiledRule | null,
  names: readonly AttributeName[] = none,
): Miss => ({ kind, action: effect.action, grant, rule, names });

/** A name that could not be found out is no name: refused. */
const groupInside = (rule: CompiledRule, { groupNames }: Question): boolean =>
  rule.group === null ||
  (groupNames !== undefined && groupNames.length > 0 && groupNames.every(rule.group));

/** Attributes of an action that its rule's list does not cover. */
const outsideOf = (
  rule: CompiledRule,
  { action, attributes }: Effect,
): readonly AttributeName[] => {
  const list = governedBy(action);
  if (list === null) return none;
  const creating = list === 'write' && action.endsWith(':create');
  let outside: AttributeName[] | null = null;
  for (const name of attributes) {
    if (rule[list].covers(name)) continue;
    if (creating && isBornWith(wordOf(action), name)) continue;
    (outside ??= []).push(name);
  }
  return outside ?? none;
};

/** Judges each rule's condition once for one question, but for each drop of its own. */
const conditionJudge = (
  question: Question,
  dropping: ReadonlySet<AttributeName>,
): ConditionJudge => {
  let known: Map<CompiledRule, ReturnType<ConditionJudge>> | null = null;
  return (rule, drop) => {
    if (drop.length > 0) return evaluate(rule, question, new Set([...dropping, ...drop]));
    const before = known?.get(rule);
    if (before !== undefined) return before;
    const verdict = evaluate(rule, question, dropping);
    (known ??= new Map()).set(rule, verdict);
    return verdict;
  };
};

const evaluate = (
  { when }: CompiledRule,
  question: Question,
  dropping: ReadonlySet<AttributeName>,
): ReturnType<ConditionJudge> => {
  if (when === null) return 'met';
  for (const name of ['before', 'after', 'changed'] as const) {
    if (when.mentions.has(name) && question[name] === undefined) return 'unknown';
  }
  const { before, after, changed } = question;
  const seesChange = when.mentions.has('after') || when.mentions.has('changed');
  const facts = seesChange
    ? asSent({ before, after, changed }, dropping)
    : { before, after, changed };
  if (facts === null) return 'unmet';
  const result = when.evaluate({
    before: facts.before ?? null,
    after: facts.after ?? null,
    changed: facts.changed ?? none,
    client: question.client,
    actions: question.effects.map(({ action }) => action),
    now: new Date(question.now),
  });
  return 'value' in result && result.value === true ? 'met' : 'unmet';
};

const withDrops = (
  dropping: ReadonlySet<AttributeName>,
  covers: readonly Cover[],
): ReadonlySet<AttributeName> => {
  let grown: Set<AttributeName> | null = null;
  for (const { drop } of covers) {
    for (const name of drop) {
      if (!dropping.has(name)) (grown ??= new Set(dropping)).add(name);
    }
  }
  return grown ?? dropping;
};

/** The window of the first grant with `urgent` that covers all of it alone, where all of it revokes. */
const urgentOf = (
  grants: Grants | undefined,
  question: Question,
  judgeCondition: ConditionJudge,
): UrgentWindow | null => {
  const { effects } = question;
  for (const grant of grants?.grants ?? none) {
    if (grant.urgent === null || !effects.every(({ action }) => isRevoking(action))) continue;
    const whole = effects.every((effect) => {
      const found = coverBy(grant, effect, question, judgeCondition);
      return !('kind' in found) && found.shadow.length === 0;
    });
    if (whole) return grant.urgent;
  }
  return null;
};

const allow = (
  covers: readonly Cover[],
  { effects }: Question,
  dropping: ReadonlySet<AttributeName>,
  urgent: UrgentWindow | null,
): Decision => {
  const mutating = effects.some(({ action }) => !isReadAction(action));
  const rules: string[] = [];
  const views: AttributeSet[] = [];
  const limits: CompiledLimit[] = [];
  const shadow: Denial[] = [];
  for (const { grant, rule, shadow: misses } of covers) {
    const name = rule?.name ?? grant.name;
    if (!rules.includes(name)) rules.push(name);
    views.push(rule?.read ?? everything);
    const limit = mutating ? grant.limitWrites : grant.limitReads;
    if (limit !== null && !limits.includes(limit)) limits.push(limit);
    for (const each of misses) shadow.push(denialOf(each));
  }
  return {
    allowed: true,
    rule: rules.join(' + '),
    drop: dropping.size === 0 ? none : [...dropping],
    view: unionOf(views),
    limits,
    shadow,
    shadowed: covers.every(({ grant }) => grant.mode === 'shadow'),
    urgent,
  };
};
