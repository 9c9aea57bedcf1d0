/**
 * Carries out the steps of an undo, one after the other, as the person who asked for it. Each goes out
 * for exactly the resource it was planned for; where that moved on in parts the step does not touch (by
 * an earlier step of the same undo, say), it is read once more. Nothing stops at a step that failed:
 * each says what became of it.
 */
import { errorTable, isRefusal, type Refusal } from '../errors.ts';
import { isArray, isObject, type Json } from '../identity/json-value.ts';
import type { Mutation } from '../identity/operation.ts';
import { diffResources } from '../identity/scim/diff.ts';
import { writablePart } from '../identity/scim/replace.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import type { HoldId, LedgerId } from '../ids.ts';
import { resourceHash } from '../passage/binding.ts';
import type { Outcome } from '../passage/doors.ts';
import { readAgain, type Fact } from './gather-undo.ts';
import { refusedPart, type Part, type Step } from './plan-parts.ts';
import { deltasOf, isSame, readerOf, withUnits, type Wish } from './units.ts';
import type { UndoDoor } from './undo-door.ts';

/** What became of a step. */
export type StepResult = Readonly<{
  /** `nothing`: there was nothing to do, or nothing that may be done. */
  outcome: 'applied' | 'nothing' | 'refused' | 'held' | 'in-doubt' | 'failed';
  /** Code of the refusal, else null. */
  code: string | null;
  detail: string | null;
  /** Entry that was written for it. */
  entry: LedgerId | null;
  hold: HoldId | null;
  /** Id of the resource that was made again. */
  newId: string | null;
  /** Parts that could not be done after all. */
  refused: readonly Part[];
}>;

/** Entries that one mutation names as taken back; of more the newest. */
const reversesMax = 500;

/** New ids by tenant and old id; null = it was to be made again, and was not. */
export type NewIds = Map<string, string | null>;

const keyOf = ({ subject }: Step, id: string): string => `${subject.tenant}\n${id}`;

/** New ids of what earlier runs made again. */
export const knownIds = (facts: readonly Fact[]): NewIds =>
  new Map(
    facts.flatMap(({ known: { subject, madeAgain: again } }) =>
      typeof again?.id === 'string' ? [[`${subject.tenant}\n${subject.id}`, again.id]] : [],
    ),
  );

const nothing: StepResult = Object.freeze({
  outcome: 'nothing',
  code: null,
  detail: null,
  entry: null,
  hold: null,
  newId: null,
  refused: [],
});

type IdOf = (id: string) => string | null;

/** A value that refers to resources, with their new ids; undefined = one of them does not come back. */
const renamed = (value: Json | undefined, idOf: IdOf): Json | undefined => {
  if (isArray(value)) {
    return value.map((item) => renamed(item, idOf)).filter((item) => item !== undefined);
  }
  if (!isObject(value) || typeof value['value'] !== 'string') return value;
  const id = idOf(value['value']);
  return id === null ? undefined : id === value['value'] ? value : { ...value, value: id };
};

/** Wishes with new ids: the old element goes, the new one comes. */
const renameWishes = (
  wishes: readonly Wish[],
  type: ResourceType,
  idOf: IdOf,
): Readonly<{ wishes: readonly Wish[]; lost: readonly Wish[] }> => {
  const out: Wish[] = [];
  const lost: Wish[] = [];
  for (const wish of wishes) {
    const { unit, value } = wish;
    const next = renamed(value, idOf);
    if (next === value) out.push(wish);
    else if (next === undefined) lost.push(wish);
    else if (unit.element === null || !isObject(next)) out.push({ unit, value: next });
    else {
      out.push({ unit, value: undefined });
      const { schema, attribute } = unit.top;
      const list = { [attribute]: [next] };
      const [delta] = deltasOf({}, schema === undefined ? list : { [schema]: list }, type);
      if (delta !== undefined) out.push({ unit: delta.unit, value: delta.to });
    }
  }
  return { wishes: out, lost };
};

const renameBody = (body: Resource, idOf: IdOf): Resource => {
  const out = Object.create(null) as Record<string, Json>;
  for (const [name, value] of Object.entries(body)) {
    const nested = name.includes(':') && isObject(value);
    const next = nested ? renameBody(value, idOf) : renamed(value, idOf);
    if (next !== undefined) out[name] = next;
  }
  return out;
};

const common = { projection: {}, repairs: [] } as const;

/** Of a user that the target hides while deactivated only this is known. */
const hiddenAway: Resource = { active: false };

const createOf = (body: Resource, type: ResourceType, idOf: IdOf): Mutation => {
  const made = renameBody(body, idOf);
  const extensions = Object.keys(made).filter((name) => name.includes(':'));
  const core = type.schema.id === '' ? [] : [type.schema.id];
  const schemas = [...core, ...extensions];
  const resource = schemas.length === 0 ? made : { ...made, schemas };
  return { ...common, verb: 'create', type, resource };
};

type Made = Readonly<{ mutation: Mutation | null; refused: readonly Part[] }>;

/** The one mutation of a step. Null = what it wishes is so already. */
const mutationOf = (step: Step, fact: Fact, ids: NewIds): Made => {
  const { type, current } = fact.known;
  const idOf: IdOf = (id) => {
    const known = ids.get(keyOf(step, id));
    return known === undefined ? id : known;
  };
  if (step.body !== null) return { mutation: createOf(step.body, type, idOf), refused: [] };
  const { id } = step.subject;
  const preconditions = fact.etag === null ? {} : { ifMatch: fact.etag };
  const base = { ...common, type, id, preconditions };
  if (step.does === 'remove') return { mutation: { ...base, verb: 'delete' }, refused: [] };
  const { wishes, lost } = renameWishes(step.wishes, type, idOf);
  const refused = lost.map(({ unit, value }) =>
    refusedPart('subject-gone', {
      attribute: unit.name,
      earlier: value ?? null,
      entries: step.entries,
    }),
  );
  const there = isObject(current) ? current : hiddenAway;
  const wanted = withUnits(there, wishes, type);
  const changes = diffResources(writablePart(there, type), wanted, type);
  return { mutation: changes.length === 0 ? null : { ...base, verb: 'patch', changes }, refused };
};

/** The resource is not what the step was planned for: by its hash, or by its ETag. */
const hasChanged = ({ status, refused }: Refusal): boolean =>
  (status ?? errorTable[refused].status) === 412;

const notMine: ReadonlySet<string> = new Set([
  'action_denied',
  'attribute_denied',
  'condition_denied',
  'subject_protected',
  'guard_tripped',
  'target_refused',
  'value_invalid',
  'target_frozen',
]);

const outcomeOf = ({ reply, ledger, holdId }: Outcome): StepResult['outcome'] => {
  if (!isRefusal(reply)) {
    if (holdId !== undefined && ledger === null) return 'held';
    return ledger?.settledBy === 'no-change' ? 'nothing' : 'applied';
  }
  if (reply.refused === 'mutation_held') return 'held';
  if (ledger?.outcome === 'in-doubt') return 'in-doubt';
  return notMine.has(reply.refused) ? 'refused' : 'failed';
};

const detailOf = (step: Step, reply: Refusal): string => {
  const taken = reply.status === 409 && (step.body !== null || step.does === 'change');
  const why = taken ? ' Another resource has its name.' : '';
  return hasChanged(reply)
    ? 'It was changed since the plan was made; nothing was written over it.'
    : `${reply.detail}${why}`;
};

const resultOf = (step: Step, outcome: Outcome, refused: readonly Part[]): StepResult => {
  const { reply, ledger, holdId } = outcome;
  const failure = isRefusal(reply) ? reply : null;
  const changed = failure !== null && hasChanged(failure);
  return {
    outcome: changed ? 'refused' : outcomeOf(outcome),
    code: failure?.refused ?? null,
    detail: failure === null ? null : detailOf(step, failure),
    entry: ledger?.id ?? null,
    hold: holdId ?? null,
    newId: step.body === null ? null : (ledger?.resourceId ?? null),
    refused,
  };
};

/** Does the resource still hold all that the step is about, whatever else of it moved? */
const stillFits = (step: Step, planned: Fact, now: Fact): boolean => {
  const was = planned.known.current;
  const is = now.known.current;
  if (!isObject(was) || !isObject(is)) return false;
  const { type } = planned.known;
  if (step.does === 'remove') return deltasOf(was, is, type).length === 0;
  const [before, after] = [readerOf(was, type), readerOf(is, type)];
  return step.wishes.every(
    ({ unit }) => after.tells(unit) && isSame(before.read(unit), after.read(unit), type, unit),
  );
};

type Sent = Readonly<{ result: StepResult; moved: boolean }>;

const send = async (door: UndoDoor, step: Step, fact: Fact, ids: NewIds): Promise<Sent> => {
  const { place, known } = fact;
  const { mutation, refused } = mutationOf(step, fact, ids);
  if (place === null || mutation === null) return { result: { ...nothing, refused }, moved: false };
  const current = isObject(known.current) ? known.current : null;
  const outcome = await door.pass(place, mutation, {
    // Newest first: the ledger finds an entry by the first of those that it takes back.
    reverses: step.reverses.slice(-reversesMax).toReversed(),
    before: step.body === null ? resourceHash(current) : null,
  });
  const moved = isRefusal(outcome.reply) && hasChanged(outcome.reply);
  return { result: resultOf(step, outcome, refused), moved };
};

/** Sends a step; once more where only what it does not touch has moved. */
const attempt = async (
  door: UndoDoor,
  step: Step,
  fact: Fact,
  ids: NewIds,
): Promise<StepResult> => {
  const first = await send(door, step, fact, ids);
  if (!first.moved || step.body !== null) return first.result;
  const now = await readAgain(door, fact);
  return stillFits(step, fact, now) ? (await send(door, step, now, ids)).result : first.result;
};

/** Carries out one step. Learns the new id of what it makes again. */
export const runStep = async (
  door: UndoDoor,
  step: Step,
  fact: Fact,
  ids: NewIds,
): Promise<StepResult> => {
  if (step.does === 'nothing') return nothing;
  const result = await attempt(door, step, fact, ids);
  if (step.does === 'recreate') {
    ids.set(keyOf(step, step.subject.id), result.outcome === 'applied' ? result.newId : null);
  }
  return result;
};
