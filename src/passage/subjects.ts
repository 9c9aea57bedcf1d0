/**
 * Whom a mutation would hit: the rules of protection that it breaks, by the marks kept of its subject
 * and of the members that move, or because the subject matches by itself. An override in force lifts one
 * rule for one client and subject. Until every rule was looked through once, whatever a rule could forbid
 * is answered 503.
 */
import { refuse, type Refusal } from '../errors.ts';
import type { Action, Mutation } from '../identity/operation.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import { hidesMembers } from '../identity/scim/write-knobs.ts';
import { membersMoved, type Moved } from '../policy/membership.ts';
import {
  markedMembers,
  noMembers,
  violations,
  type SubjectFacts,
  type Violation,
} from '../policy/protect.ts';
import type { Protection, TenantSafety } from '../policy/safety.ts';
import type { Target } from '../snapshot.ts';
import { idOf } from './journey.ts';
import type { MutationWalk } from './mutation-walk.ts';
import type { Prepared } from './prepare.ts';

/** Names of the rules by which an id is marked. */
export type MarksOf = (word: string, id: string) => readonly string[];

const none: readonly string[] = Object.freeze([]);
const nobody: Moved = Object.freeze({ removed: none, added: none, named: none, had: null });

const actionsOf = ({ effects }: Prepared): readonly Action[] => effects.map(({ action }) => action);

/** Who leaves and who enters a group; of anything else nobody. */
const movedBy = (prepared: Prepared, { knobs }: Pick<Target, 'knobs'>): Moved => {
  const { operation, before, after, changes } = prepared;
  const { type } = operation;
  if (type.word !== 'groups') return nobody;
  const membersHidden = hidesMembers(knobs, type);
  return membersMoved({ actions: actionsOf(prepared), before, after, changes, membersHidden });
};

/** Members of groups are users, or groups themselves: either may carry a mark. */
const memberMarks =
  (marksOf: MarksOf) =>
  (id: string): readonly string[] => {
    const users = marksOf('users', id);
    const groups = marksOf('groups', id);
    return groups.length === 0 ? users : [...users, ...groups];
  };

/**
 * The id under which the target holds the subject: some find it by another spelling, or by another name.
 */
export const ownId = (operation: Mutation, before: Resource | null): string | null => {
  const told = before?.['id'];
  return operation.verb !== 'create' && typeof told === 'string' && told !== ''
    ? told
    : idOf(operation);
};

const factsOf = (prepared: Prepared, moved: Moved, marksOf: MarksOf): SubjectFacts => {
  const { operation, before, after, changes } = prepared;
  const { word } = operation.type;
  const asked = idOf(operation);
  const id = ownId(operation, before);
  const marks = id === null ? none : marksOf(word, id);
  return {
    word,
    id,
    actions: actionsOf(prepared),
    before,
    after,
    changes,
    marks: asked === null || asked === id ? marks : [...marks, ...marksOf(word, asked)],
    ...(moved === nobody ? noMembers : markedMembers(moved, memberMarks(marksOf))),
  };
};

/** Rules that it breaks by these marks. Pure. */
export const breachesOf = (
  { protections }: Pick<TenantSafety, 'protections'>,
  prepared: Prepared,
  target: Pick<Target, 'knobs'>,
  marksOf: MarksOf,
): readonly Violation[] =>
  violations(protections, factsOf(prepared, movedBy(prepared, target), marksOf));

const why: Readonly<Record<Violation['why'], string>> = {
  never:
    'This subject is protected: such a change is never made to it, whatever is granted. An operator of the gateway can ask for an override, which another person approves.',
  key: 'This change would alter what protects a subject: what it matches by, or whom its group protects. An operator of the gateway can ask for an override, which another person approves.',
};

/** What breaking a rule is answered. */
export const breachRefusal = ({ protection, why: kind }: Violation): Refusal =>
  refuse('subject_protected', why[kind], { rule: `protected.${protection.name}` });

/** Whom an override must speak of: the protected members that move, else the resource itself. */
const subjectsOf = (
  { word, ids, name }: Protection,
  { id, removed, added, word: own }: SubjectFacts,
): readonly string[] => {
  const hit = [...(removed ?? []), ...(added ?? [])].filter(
    (member) => ids.has(member.id) || member.marks.includes(name),
  );
  if (word === own || hit.length === 0) return [id ?? ''];
  return hit.map((member) => member.id);
};

/** Ids of the overrides that together lift this breach, or null. */
const liftedBy = (
  { deps, journey, target }: MutationWalk,
  { protection }: Violation,
  facts: SubjectFacts,
): readonly string[] | null => {
  const lifted: string[] = [];
  for (const subject of subjectsOf(protection, facts)) {
    const override = deps.safeguards.protections.override({
      tenant: target.tenant,
      rule: protection.name,
      client: journey.passage.actor.client.name,
      subject,
      now: deps.clock.now(),
    });
    if (override === null) return null;
    lifted.push(override.id);
  }
  return lifted;
};

/** Marks at once what matches and carries no mark yet. */
const markFound = (
  { deps, target }: MutationWalk,
  { protections }: TenantSafety,
  { word, id, before, marks }: SubjectFacts,
): void => {
  if (id === null || before === null) return;
  for (const { name, word: protects, matches } of protections) {
    if (protects !== word || marks.includes(name) || !matches(before)) continue;
    deps.safeguards.protections.found(target.tenant, name, word, id);
  }
};

/** Ids of the overrides that let it pass, mostly none; or why it may not. */
export const judgeSubjects = (
  walk: MutationWalk,
  prepared: Prepared,
): readonly string[] | Refusal => {
  const { deps, target } = walk;
  const { safety } = target;
  if (safety === null || safety.protections.length === 0) return none;
  const { protections } = deps.safeguards;
  const moved = movedBy(prepared, target);
  const facts = factsOf(prepared, moved, (word, id) =>
    protections.marksOf(target.tenant, word, id),
  );
  markFound(walk, safety, facts);
  const overrides = new Set<string>();
  const lifted = new Set<Protection>();
  for (const breach of violations(safety.protections, facts)) {
    const by = liftedBy(walk, breach, facts);
    if (by === null) return breachRefusal(breach);
    lifted.add(breach.protection);
    for (const id of by) overrides.add(id);
  }
  if (!protections.resolved(safety)) {
    // As long as nobody knows whom a rule protects, it may be anybody.
    const names = safety.protections.map(({ name }) => name);
    const asIf = violations(
      safety.protections,
      factsOf(prepared, moved, () => names),
    );
    const unknown = asIf.find(({ protection }) => !lifted.has(protection));
    if (unknown !== undefined) return unresolved(unknown);
  }
  return overrides.size === 0 ? none : [...overrides];
};

const unresolved = ({ protection }: Violation): Refusal =>
  refuse(
    'protection_unresolved',
    'It is not known yet whom this rule protects, so nothing was changed. Send the call again later.',
    { rule: `protected.${protection.name}` },
  );
