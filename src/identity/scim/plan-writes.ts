/**
 * Plans the calls that carry a mutation out at one target, as its knobs say: which method, in which
 * operations, in how many calls, and how each is taken back if a later one is refused (rows T1, T4,
 * T10, T14 to T16, T18, T22, T27, T30 to T32, T34, T36, C35). Pure.
 */
import { isRefusal, refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import { rfcKnobs, type Knobs } from '../dialects/knobs.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json } from '../json-value.ts';
import type { Mutation } from '../operation.ts';
import type { Writing } from './adapt-writes.ts';
import { valueAt } from './diff.ts';
import { effectsOfChanges } from './effects.ts';
import type { Bases } from './links.ts';
import { applyChanges } from './patch.ts';
import { printCall, printChange, type MemberStyle } from './print.ts';
import { replacedBy } from './replace.ts';
import { rewriteChanges } from './rewrite-changes.ts';
import type { Change, Resource, ResourceType } from './schema-model.ts';
import { lookUp } from './schemas.ts';
import type { Part, Script, Sendable } from './script.ts';
import { bytesOf, splitChanges } from './split-changes.ts';
import { goesAsPut, hidesMembers, isMembers, memberTypeDefault, topOf } from './write-knobs.ts';

/** Bases without a trailing slash. */
export type PlanBases = Readonly<{ publicBase: string; targetBase: string }>;

type Plan = Readonly<{ knobs: Knobs; bases: PlanBases }>;
type Verb<Name extends Mutation['verb']> = Extract<Mutation, { verb: Name }>;

/** Most parts of one mutation: its client waits, and so do other changes of the resource. */
const partsMax = 200;

const nothingSent = 'Nothing was changed.';

const unsendable = (detail: string): Refusal => refuse('not_supported', `${detail} ${nothingSent}`);

const part = (operation: Mutation, plan: Plan, resource?: Resource): Part => ({
  operation,
  call: printCall(operation, {
    ...plan.bases,
    ...(resource === undefined ? {} : { resource }),
  }),
  inverse: [],
  kept: null,
});

const membersOf = (resource: Resource | null): readonly Json[] => {
  const members = resource === null ? undefined : valueAt(resource, { attribute: 'members' });
  return isArray(members) ? members : [];
};

const styleOf = (knobs: Knobs, before: Resource | null): MemberStyle | undefined => {
  const pathless = knobs.memberPath === 'pathless';
  if (knobs.memberFilter === 'value') return pathless ? { pathless, typeOf: null } : undefined;
  const typeOf = (value: string): string => {
    const held = membersOf(before).find((member) => isObject(member) && member['value'] === value);
    const type = isObject(held) ? held['type'] : undefined;
    return typeof type === 'string' ? type : memberTypeDefault;
  };
  return { pathless, typeOf };
};

/** A PATCH of one run of changes. Only the first carries what the client asked of the version. */
const patchOf = (
  operation: Exclude<Mutation, { verb: 'delete' }>,
  changes: readonly Change[],
  first: boolean,
): Verb<'patch'> => {
  const { type, projection, repairs } = operation;
  const id = operation.verb === 'create' ? '' : operation.id;
  const preconditions = operation.verb === 'create' || !first ? {} : operation.preconditions;
  return { verb: 'patch', type, id, projection, repairs, preconditions, changes };
};

const sendable = (
  operation: Verb<'patch'>,
  plan: Plan,
  style: MemberStyle | undefined,
): Sendable => {
  const call = printCall(operation, {
    ...plan.bases,
    ...(style === undefined ? {} : { members: style }),
  });
  // The id of what is being created is told by the answer to its create (script.ts).
  return { operation, call: operation.id === '' ? { ...call, path: call.template } : call };
};

/** Rewritten and cut: one list of changes for each call. */
const runsOf = (
  changes: readonly Change[],
  before: Resource | null,
  type: ResourceType,
  { knobs, bases }: Plan,
): readonly (readonly Change[])[] | Refusal => {
  const rewritten = rewriteChanges(changes, before, type, knobs);
  if (isRefusal(rewritten)) return rewritten;
  const style = styleOf(knobs, before);
  const links: Bases = { from: bases.publicBase, to: bases.targetBase };
  const counted = knobs.bodyMax < rfcKnobs.bodyMax;
  return splitChanges(rewritten, type, knobs, (change) =>
    counted ? bytesOf(JSON.stringify(printChange(change, links, style))) : 0,
  );
};

const givingVerbs: ReadonlySet<string> = new Set(['activate', 'add-member', 'replace-members']);

/** Would it give access? Then it is not sent to take something back. */
const givesAccess = (change: Change, type: ResourceType): boolean =>
  effectsOfChanges(type, [change]).some(({ action }) => {
    const verb = action.slice(action.indexOf(':') + 1);
    return givingVerbs.has(verb) || (verb === 'entitle' && change.op !== 'remove');
  });

/** Does a read leave open what stood at the path before? */
const isUnknown = ({ path }: Change, type: ResourceType, knobs: Knobs): boolean => {
  if (isMembers(type, path) && hidesMembers(knobs, type)) return true;
  const found = lookUp(type, topOf(path));
  return (
    found?.returned === 'never' ||
    found?.returned === 'request' ||
    found?.mutability === 'writeOnly'
  );
};

type Back = Pick<Part, 'inverse' | 'kept'>;

/** The way back from one run of changes, and the resource after it. */
const backFrom = (
  operation: Exclude<Mutation, { verb: 'delete' }>,
  changes: readonly Change[],
  before: Resource | null,
  plan: Plan,
): Readonly<{ back: Back; after: Resource | null }> => {
  const { type } = operation;
  const unknown: Back = { inverse: [], kept: 'unknown' };
  if (before === null) return { back: unknown, after: null };
  const applied = applyChanges(before, changes, type);
  if (isRefusal(applied)) return { back: unknown, after: null };
  const after = applied.resource;
  const known = applied.inverse.filter((change) => !isUnknown(change, type, plan.knobs));
  const safe = known.filter((change) => !givesAccess(change, type));
  const runs = runsOf(safe, after, type, plan);
  if (isRefusal(runs)) return { back: unknown, after };
  const style = styleOf(plan.knobs, after);
  const inverse = runs.map((run) => sendable(patchOf(operation, run, false), plan, style));
  const open = changes.some((change) => isUnknown(change, type, plan.knobs));
  const kept = open ? 'unknown' : safe.length < known.length ? 'revocation' : null;
  return { back: { inverse, kept }, after };
};

/** PATCHes of the changes, each with its way back; the last needs none. */
const planPatch = (
  operation: Verb<'patch' | 'replace'>,
  changes: readonly Change[],
  before: Resource | null,
  plan: Plan,
): Script | Refusal => {
  const runs = runsOf(changes, before, operation.type, plan);
  if (isRefusal(runs)) return runs;
  const style = styleOf(plan.knobs, before);
  let current = before;
  return runs.map((run, at): Part => {
    const sent = sendable(patchOf(operation, run, at === 0), plan, style);
    if (at === runs.length - 1) return { ...sent, inverse: [], kept: null };
    const { back, after } = backFrom(operation, run, current, plan);
    current = after;
    return { ...sent, ...back };
  });
};

const asPut = (operation: Verb<'patch' | 'replace'>, resource: Resource): Verb<'replace'> => {
  const { type, id, projection, preconditions, repairs } = operation;
  return { verb: 'replace', type, id, projection, preconditions, repairs, resource };
};

/** T18: what changes, each attribute whole; what is removed is null or empty (RFC 7643 §2.5). */
const partialOf = (changes: readonly Change[], after: Resource, type: ResourceType): Resource => {
  const out: Record<string, Json | undefined> = Object.create(null) as Record<string, Json>;
  for (const { path } of changes) {
    const name = path.schema ?? path.attribute;
    const value = path.schema === undefined ? valueAt(after, topOf(path)) : after[path.schema];
    const empty = lookUp(type, topOf(path))?.multiValued === true ? [] : null;
    out[name] = value ?? (path.schema === undefined ? empty : null);
  }
  return out;
};

const isTooMuch = (call: Part['call'], { bodyMax }: Knobs): boolean =>
  bodyMax < rfcKnobs.bodyMax && bytesOf(call.body ?? '') > bodyMax;

const tooLarge = ({ bodyMax }: Knobs): Refusal =>
  refuse('body_too_large', `The target takes at most ${bodyMax} bytes in one call.`);

const planPut = (
  operation: Verb<'patch' | 'replace'>,
  writing: Writing,
  plan: Plan,
): Script | Refusal => {
  const { before, after, changes } = writing;
  const { type } = operation;
  if (plan.knobs.put === 'none') {
    return unsendable(`The target takes no such change of a ${type.name}.`);
  }
  if (hidesMembers(plan.knobs, type)) {
    return unsendable('The target shows no members, so a group cannot be sent as a whole.');
  }
  if (before === null || after === null) {
    return refuse('internal', 'The current resource is not known. Try again later.');
  }
  const whole =
    plan.knobs.put === 'partial'
      ? partialOf(changes ?? [], after, type)
      : (writing.resource ?? replacedBy(before, changes ?? [], type));
  if (isRefusal(whole)) return whole;
  const sent = part(asPut(operation, whole), plan);
  return isTooMuch(sent.call, plan.knobs) ? tooLarge(plan.knobs) : [sent];
};

const membersWritten = (changes: readonly Change[], type: ResourceType): boolean =>
  changes.some(({ path }) => isMembers(type, path));

/** Does a PUT go out as a PATCH of the differences? */
const goesAsPatch = (operation: Verb<'replace'>, writing: Writing, { knobs }: Plan): boolean => {
  if (knobs.put === 'none' || hidesMembers(knobs, operation.type)) return true;
  return (
    operation.type.word === 'groups' && membersOf(writing.resource).length > knobs.membersPerCall
  );
};

const planReplace = (
  operation: Verb<'replace'>,
  writing: Writing,
  plan: Plan,
): Script | Refusal => {
  const changes = writing.changes ?? [];
  const { type } = operation;
  const { knobs } = plan;
  if (hidesMembers(knobs, type) && membersWritten(changes, type)) {
    return unsendable(
      'The target does not show who is in a group, so a PUT cannot set its members. Send a PATCH that adds and removes single members.',
    );
  }
  const byPatch = (): Script | Refusal =>
    goesAsPut(type, changes, knobs)
      ? unsendable(`The target takes no such change of a ${type.name}.`)
      : planPatch(operation, changes, writing.before, plan);
  if (goesAsPatch(operation, writing, plan)) return byPatch();
  const put = planPut(operation, writing, plan);
  return isRefusal(put) && put.refused === 'body_too_large' && !goesAsPut(type, changes, knobs)
    ? byPatch()
    : put;
};

/** The first members of a create, as many as one call takes, and the changes that add the rest. */
const planCreate = (
  operation: Verb<'create'>,
  resource: Resource,
  plan: Plan,
): Script | Refusal => {
  const { knobs } = plan;
  const members = operation.type.word === 'groups' ? membersOf(resource) : [];
  const whole = part(operation, plan, resource);
  const large = isTooMuch(whole.call, knobs);
  if (members.length <= knobs.membersPerCall && !large) return [whole];
  if (members.length === 0) return tooLarge(knobs);
  if (knobs.patch === 'none') {
    return unsendable(`The target takes at most ${knobs.membersPerCall} members in one create.`);
  }
  const count = large ? 0 : knobs.membersPerCall;
  const { members: _members, ...bare } = resource;
  const begun = count === 0 ? bare : { ...bare, members: members.slice(0, count) };
  const first = part(operation, plan, begun);
  if (isTooMuch(first.call, knobs)) return tooLarge(knobs);
  const rest: Change = { op: 'add', path: { attribute: 'members' }, value: members.slice(count) };
  const runs = runsOf([rest], begun, operation.type, plan);
  if (isRefusal(runs)) return runs;
  const style = styleOf(knobs, begun);
  // The way back from all of it is one DELETE of what was created.
  const { type, projection } = operation;
  const gone = {
    verb: 'delete',
    type,
    id: '',
    projection,
    repairs: [],
    preconditions: {},
  } as const;
  const call = printCall(gone, plan.bases);
  const inverse = [{ operation: gone, call: { ...call, path: call.template } }];
  return [
    { ...first, inverse },
    ...runs.map((run): Part => ({
      ...sendable(patchOf(operation, run, false), plan, style),
      inverse: [],
      kept: null,
    })),
  ];
};

/**
 * The calls, in order; none where the target would learn nothing new. Refuses before anything is sent
 * what the target takes in no way (`not_supported`), in more than 200 parts, or not in one piece
 * (`body_too_large`).
 */
export const planWrites = (writing: Writing, knobs: Knobs, bases: PlanBases): Script | Refusal => {
  const script = planAny(writing, knobs, bases);
  return isRefusal(script) || script.length <= partsMax
    ? script
    : unsendable(`The target takes this in ${script.length} parts. Send a smaller change.`);
};

const planAny = (writing: Writing, knobs: Knobs, bases: PlanBases): Script | Refusal => {
  const { operation } = writing;
  const plan: Plan = { knobs, bases };
  if (operation.verb === 'delete') return [part(operation, plan)];
  if (operation.verb === 'create') {
    return planCreate(operation, writing.resource ?? operation.resource, plan);
  }
  if (operation.verb === 'replace') return planReplace(operation, writing, plan);
  const changes = writing.changes ?? operation.changes;
  return goesAsPut(operation.type, changes, knobs)
    ? planPut(operation, writing, plan)
    : planPatch(operation, changes, writing.before, plan);
};
