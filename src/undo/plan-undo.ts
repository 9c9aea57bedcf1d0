/**
 * The plan of an undo: a step for each resource, in the order in which they go out. Newest first; but who
 * is made again comes before what refers to it, memberships go before whom they name is removed, and a
 * name is freed before it is taken. Pure: the same facts make the same plan, which its digest binds.
 */
import { isArray, isObject, type Json } from '../identity/json-value.ts';
import { deltasOf, topKeyOf, type Wish } from './units.ts';
import { planResource, type Known } from './plan-resource.ts';
import { part, refusedPart, type Part, type Step } from './plan-parts.ts';

/** A step with the facts it was planned from. */
export type Planned = Readonly<{ step: Step; known: Known }>;

const membersKey = ' members';

const idIn = (value: Json | undefined): string | null => {
  const id = isObject(value) ? value['value'] : undefined;
  return typeof id === 'string' ? id : null;
};

const idsIn = (value: Json | undefined): readonly string[] =>
  isArray(value)
    ? value.flatMap((item) => idIn(item) ?? [])
    : idIn(value) === null
      ? []
      : [idIn(value) as string];

/** Ids that a step writes into its resource. */
const written = ({ step: { wishes, body } }: Planned): readonly string[] => [
  ...wishes.flatMap(({ value }) => idsIn(value)),
  ...(body === null ? [] : Object.values(body).flatMap(idsIn)),
];

/** Members that a step takes out of its group; all of them where the group goes. */
const unmembered = ({ step, known }: Planned): readonly string[] => {
  if (step.does === 'remove' && isObject(known.current)) {
    return idsIn(known.current['members']);
  }
  return step.wishes.flatMap(({ unit, value }) =>
    topKeyOf(unit) === membersKey && value === undefined && unit.element !== null
      ? [unit.element]
      : [],
  );
};

const nameAttributes: Readonly<Record<string, string>> = {
  users: 'userName',
  groups: 'displayName',
};

const folded = (value: Json | undefined): string | null =>
  typeof value === 'string' ? value.toLowerCase() : null;

type Names = Readonly<{ frees: string | null; takes: string | null }>;

const namesOf = ({ step, known }: Planned): Names => {
  const attribute = nameAttributes[step.subject.type];
  if (attribute === undefined) return { frees: null, takes: null };
  const { current } = known;
  const now = isObject(current) ? folded(current[attribute]) : null;
  if (step.does === 'remove') return { frees: now, takes: null };
  if (step.body !== null) return { frees: null, takes: folded(step.body[attribute]) };
  const wish = step.wishes.find(({ unit }) => unit.key === ` ${attribute}`);
  const takes = wish === undefined ? null : folded(wish.value);
  return takes === null || takes === now ? { frees: null, takes: null } : { frees: now, takes };
};

/** Steps by the one thing by which others wait for them, within a tenant. */
type Waiting = Readonly<{
  recreated: ReadonlyMap<string, number>;
  leaving: ReadonlyMap<string, readonly number[]>;
  freed: ReadonlyMap<string, number>;
}>;

const keyOf = (step: Step, what: string): string => `${step.subject.tenant}\n${what}`;

const nameKey = (step: Step, name: string): string => keyOf(step, `${step.subject.type}\n${name}`);

const waitingOf = (all: readonly Planned[]): Waiting => {
  const recreated = new Map<string, number>();
  const leaving = new Map<string, number[]>();
  const freed = new Map<string, number>();
  all.forEach((planned, at) => {
    const { step } = planned;
    if (step.does === 'recreate') recreated.set(keyOf(step, step.subject.id), at);
    for (const id of unmembered(planned)) {
      const key = keyOf(step, id);
      leaving.set(key, [...(leaving.get(key) ?? []), at]);
    }
    const { frees } = namesOf(planned);
    if (frees !== null) freed.set(nameKey(step, frees), at);
  });
  return { recreated, leaving, freed };
};

/** Steps that must have gone before this one. */
const before = (planned: Planned, at: number, waiting: Waiting): readonly number[] => {
  const { step } = planned;
  const found: (number | undefined)[] = written(planned).map((id) =>
    waiting.recreated.get(keyOf(step, id)),
  );
  if (step.does === 'remove')
    found.push(...(waiting.leaving.get(keyOf(step, step.subject.id)) ?? []));
  const { takes } = namesOf(planned);
  if (takes !== null) found.push(waiting.freed.get(nameKey(step, takes)));
  return found.filter((one) => one !== undefined && one !== at) as number[];
};

/** Names that wait for one another in a row; a longer row is refused by name. */
const chainMax = 1_000;

/** The order of steps: as they stand, but after what must go before them; a circle is cut. */
const ordered = (all: readonly Planned[]): readonly Planned[] => {
  const waiting = waitingOf(all);
  const out: Planned[] = [];
  const state = new Map<number, 'open' | 'done'>();
  const visit = (at: number, depth: number): void => {
    if (state.has(at) || depth > chainMax) return;
    state.set(at, 'open');
    const planned = all[at] as Planned;
    for (const earlier of before(planned, at, waiting)) visit(earlier, depth + 1);
    state.set(at, 'done');
    out.push(planned);
  };
  all.forEach((_, at) => visit(at, 0));
  return out;
};

/** The step with only these wishes; it takes nothing back where none is left. */
const reduced = (step: Step, wishes: readonly Wish[], parts: readonly Part[]): Step =>
  wishes.length > 0
    ? { ...step, wishes, parts }
    : { ...step, wishes, parts, does: 'nothing', guard: 'none', reverses: [] };

const userName = nameAttributes['users'] as string;

/** Does this user take a name that another one of the plan still has by then? */
const collides = (all: readonly Planned[], at: number, holders: ReadonlyMap<string, number>) => {
  const { step } = all[at] as Planned;
  const { takes } = step.does === 'change' ? namesOf(all[at] as Planned) : { takes: null };
  const holder = takes === null ? undefined : holders.get(nameKey(step, takes));
  if (takes === null || holder === undefined || holder === at) return false;
  return holder > at || namesOf(all[holder] as Planned).frees !== takes;
};

/** Names that change hands in a circle cannot be freed one by one: those users keep what they have. */
const withoutCollisions = (given: readonly Planned[]): readonly Planned[] => {
  const all = [...given];
  const holders = new Map<string, number>();
  all.forEach(({ step, known: { current } }, at) => {
    const name = isObject(current) ? folded(current[userName]) : null;
    if (step.subject.type === 'users' && name !== null) holders.set(nameKey(step, name), at);
  });
  const refuseAt = (at: number): void => {
    const { step, known } = all[at] as Planned;
    const parts = step.parts.map((one) =>
      one.attribute === userName && one.kind === 'restore' ? refusedPart('name-taken', one) : one,
    );
    const wishes = step.wishes.filter(({ unit }) => unit.key !== ` ${userName}`);
    all[at] = { known, step: reduced(step, wishes, parts) };
  };
  // Whoever keeps a name keeps it from another, who came before or after.
  for (let found = true; found;) {
    found = false;
    for (const [at, { step }] of all.entries()) {
      if (step.subject.type !== 'users' || !collides(all, at, holders)) continue;
      refuseAt(at);
      found = true;
    }
  }
  return all;
};

/** Groups in which a removed one stands by the hand of others: removing it would end that. */
const keptByOthers = (
  { step, known }: Planned,
  leaving: ReadonlyMap<string, ReadonlySet<string>>,
): readonly string[] => {
  const groups = isObject(known.current) ? known.current['groups'] : undefined;
  if (step.does !== 'remove' || !isArray(groups)) return [];
  const left = leaving.get(keyOf(step, step.subject.id));
  return groups.flatMap((group) => {
    const id = idIn(group);
    const indirect = isObject(group) && group['type'] === 'indirect';
    return id === null || indirect || left?.has(id) === true ? [] : [id];
  });
};

/** Groups that members leave by this plan, by member. */
const leavingOf = (all: readonly Planned[]): ReadonlyMap<string, ReadonlySet<string>> => {
  const leaving = new Map<string, Set<string>>();
  for (const planned of all) {
    for (const member of unmembered(planned)) {
      const key = keyOf(planned.step, member);
      const groups = leaving.get(key) ?? new Set<string>();
      leaving.set(key, groups.add(planned.step.subject.id));
    }
  }
  return leaving;
};

const withoutOthersWork = (
  planned: Planned,
  leaving: ReadonlyMap<string, ReadonlySet<string>>,
): Planned => {
  if (keptByOthers(planned, leaving).length === 0) return planned;
  const { step, known } = planned;
  const { entries } = step;
  const parts = [
    refusedPart('changed-since', { entries }),
    refusedPart('changed-since', { attribute: 'groups', entries }),
  ];
  const stays = { does: 'nothing', guard: 'none', parts, reverses: [] } as const;
  return { known, step: { ...step, ...stays } };
};

/** A member that is gone and does not come back cannot be added. */
const withoutGone = (planned: Planned, gone: ReadonlySet<string>): Planned => {
  const { step, known } = planned;
  const lost = step.wishes.filter(({ unit, value }) => {
    const id = topKeyOf(unit) === membersKey ? idIn(value) : null;
    return id !== null && gone.has(keyOf(step, id));
  });
  if (lost.length === 0) return planned;
  const ids = new Set(lost.map(({ unit }) => unit.element));
  const parts = step.parts.map((one) =>
    one.kind === 'restore' && one.attribute === 'members' && ids.has(idIn(one.becomes))
      ? refusedPart('subject-gone', one)
      : one,
  );
  const wishes = step.wishes.filter((wish) => !lost.includes(wish));
  return { known, step: reduced(step, wishes, parts) };
};

/** Is it made again by this plan, or was it by an earlier one? */
const comesBack = ({ step, known }: Planned): boolean =>
  step.does === 'recreate' || typeof known.madeAgain?.id === 'string';

/** A group in which the deleted one stood: the one that is made again takes its place. */
const repointed = (planned: Planned, recreated: readonly Planned[]): Planned => {
  const { step, known } = planned;
  if (!isObject(known.current) || step.does === 'remove') return planned;
  const members = new Set(idsIn(known.current['members']));
  const wished = new Set(step.wishes.map(({ unit }) => unit.key));
  const wishes: Wish[] = [];
  const parts: Part[] = [];
  for (const { step: other, known: its } of recreated) {
    if (members.has(its.madeAgain?.id ?? '')) continue;
    const member = { value: other.subject.id };
    const [delta] = deltasOf({}, { members: [member] }, known.type);
    if (delta === undefined || wished.has(delta.unit.key)) continue;
    wishes.push({ unit: delta.unit, value: member });
    const about = { attribute: 'members', earlier: member, becomes: member };
    parts.push(part('repoint', { ...about, entries: other.entries }));
  }
  if (wishes.length === 0) return planned;
  const guard = known.tagged ? ('etag' as const) : ('unguarded' as const);
  return {
    known,
    step: {
      ...step,
      does: 'change',
      guard,
      wishes: [...step.wishes, ...wishes],
      parts: [...step.parts, ...parts],
      reverses: step.reverses,
    },
  };
};

const standsInBy = (all: readonly Planned[]): ReadonlyMap<string, readonly Planned[]> => {
  const byGroup = new Map<string, Planned[]>();
  for (const planned of all) {
    const { step, known } = planned;
    if (!comesBack(planned)) continue;
    for (const group of known.standsIn ?? []) {
      const key = keyOf(step, group);
      byGroup.set(key, [...(byGroup.get(key) ?? []), planned]);
    }
  }
  return byGroup;
};

/**
 * The steps that take the selected entries back, in order. `known` stands newest first by its newest
 * selected entry; groups that only lose or gain whom the plan makes again come last, without entries.
 */
export const planUndo = (known: readonly Known[]): readonly Planned[] => {
  const drafts = known.map((one): Planned => ({ known: one, step: planResource(one) }));
  const gone = new Set(
    drafts.flatMap(({ step, known }) =>
      known.current === null && !comesBack({ step, known }) ? [keyOf(step, step.subject.id)] : [],
    ),
  );
  const byGroup = standsInBy(drafts);
  const whole = drafts
    .map((planned) => withoutGone(planned, gone))
    .map((planned) => {
      const { step } = planned;
      const recreated =
        step.subject.type === 'groups' ? byGroup.get(keyOf(step, step.subject.id)) : undefined;
      return recreated === undefined ? planned : repointed(planned, recreated);
    });
  const leaving = leavingOf(whole);
  const kept = whole.map((planned) => withoutOthersWork(planned, leaving));
  return withoutCollisions(ordered(kept)).filter(
    ({ step }) => step.entries.length > 0 || step.does !== 'nothing',
  );
};

/** Does every selected entry come back whole? */
export const isWhole = (steps: readonly Pick<Step, 'parts'>[]): boolean =>
  steps.every(({ parts }) => parts.every(({ kind }) => kind !== 'refused'));
