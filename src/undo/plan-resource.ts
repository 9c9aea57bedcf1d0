/**
 * Plans what undo does to one resource: whether it is taken back unit by unit, made again or removed,
 * and which parts stay as they are, and why. Pure; order among resources is plan-undo.ts.
 */
import type { Knobs } from '../identity/dialects/knobs.ts';
import { isArray, isObject, type Json } from '../identity/json-value.ts';
import { writablePart } from '../identity/scim/replace.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { attributeName, lookUp } from '../identity/scim/schemas.ts';
import { hidesMembers } from '../identity/scim/write-knobs.ts';
import type { LedgerId } from '../ids.ts';
import type { MadeAgain } from './made-again.ts';
import type { Past } from './past.ts';
import {
  part,
  refusedPart,
  type Part,
  type Reason,
  type Step,
  type Subject,
} from './plan-parts.ts';
import { strayed } from './strayed.ts';
import { deltasOf, isSame, readerOf, withUnits, type Unit, type Wish } from './units.ts';
import { walkBack, type Walk } from './walk-back.ts';

/** What is known of one resource. */
export type Known = Readonly<{
  subject: Subject;
  type: ResourceType;
  knobs: Knobs;
  /** `deletes: deactivate` of the route. */
  softDeletes: boolean;
  /** All entries from the first selected one on, oldest first, those of others among them. */
  pasts: readonly Past[];
  /** Null = the target knows no such resource. `unreadable`: nothing is known. */
  current: Resource | null | 'unreadable';
  /** The target shows an ETag of it and keeps to it. */
  tagged: boolean;
  /** Groups of the tenant that still name it as a member, where it is gone; null = cannot be told. */
  standsIn: readonly string[] | null;
  /** What an earlier run made in its place, where it was deleted. */
  madeAgain?: MadeAgain | null;
  /** An entry is so young that the target may not show yet what it wrote. */
  settling?: boolean;
  /** Why nothing can be planned at all. */
  closed: Reason | null;
}>;

type Draft = Pick<Step, 'does' | 'parts' | 'wishes' | 'body'> &
  Readonly<{ reverted: ReadonlySet<LedgerId> }>;

const none = { wishes: [], body: null } as const;
const noIds: ReadonlySet<LedgerId> = new Set();

const standing = (parts: readonly Part[]): Draft => ({
  ...none,
  does: 'nothing',
  parts,
  reverted: noIds,
});

const json = (value: Json | undefined): Json => value ?? null;

const restoreKind = (unit: Unit, becomes: Json | undefined, type: ResourceType): Part['kind'] =>
  type.word === 'users' && unit.key === ' active' && becomes === true ? 'reactivate' : 'restore';

/** What the plan says of one unit: what comes back, what is so already, what stays. */
const partsOfUnit = (unit: Unit, walk: Walk, type: ResourceType): readonly Part[] => {
  const about = { attribute: unit.name, earlier: json(walk.earlier), is: json(walk.is) };
  const becomes = json(walk.becomes);
  const parts: Part[] = [];
  const { blocked } = walk;
  if (walk.reverted.length > 0) {
    const kind = restoreKind(unit, walk.becomes, type);
    parts.push(part(kind, { ...about, becomes, entries: walk.reverted }));
  } else if (walk.nothing.length > 0 && blocked === null) {
    parts.push(part('nothing', { ...about, becomes, entries: walk.nothing }));
  }
  if (blocked !== null) {
    const { reason, by, entries } = blocked;
    parts.push(refusedPart(reason, { ...about, is: becomes, by, entries: [...entries] }));
  }
  return parts;
};

/** Is what is there not what was written last, and that so young that it may only not be shown yet? */
const isShownLate = ({ settling, pasts, type }: Known, unit: Unit, { is }: Walk): boolean => {
  if (settling !== true) return false;
  const wrote = pasts.flatMap(({ standing: stands, deltas }) =>
    stands === 'applied' ? deltas.filter((delta) => delta.unit.key === unit.key) : [],
  );
  return !isSame(wrote.at(-1)?.to, is, type, unit);
};

/** Units that selected entries changed, once each, in order of the entries. */
const unitsOf = (pasts: readonly Past[]): readonly Unit[] => {
  const units = new Map<string, Unit>();
  for (const past of pasts) {
    if (past.selected) for (const { unit } of past.deltas) units.set(unit.key, unit);
  }
  return [...units.values()];
};

/** What no unit tells of: entries in doubt or without what they changed, secrets, unknown attributes. */
const untold = (pasts: readonly Past[]): readonly Part[] =>
  pasts.flatMap((past): readonly Part[] => {
    if (!past.selected) return [];
    const entries = [past.id];
    if (past.standing === 'nothing') return [part('nothing', { entries })];
    if (past.standing === 'in-doubt') return [refusedPart('in-doubt', { entries })];
    if (past.unknown !== null) return [refusedPart(past.unknown, { entries })];
    return past.opaque.map(({ name, why }) => refusedPart(why, { attribute: name, entries }));
  });

const isImmutable = ({ type, knobs }: Known, { top }: Unit): boolean =>
  lookUp(type, top)?.mutability === 'immutable' ||
  (knobs.immutable[type.word] ?? []).includes(attributeName(top));

/** Walks every unit back over `base`; what it may not write is refused. */
const walkUnits = (
  known: Known,
  pasts: readonly Past[],
  base: Resource,
  making: boolean,
): Readonly<{ parts: Part[]; wishes: Wish[]; reverted: Set<LedgerId> }> => {
  const { type } = known;
  const reader = readerOf(base, type);
  const parts: Part[] = [];
  const wishes: Wish[] = [];
  const reverted = new Set<LedgerId>();
  for (const unit of unitsOf(pasts)) {
    if (!reader.tells(unit)) {
      const entries = pasts.flatMap(({ selected, deltas, id }) =>
        selected && deltas.some((one) => one.unit.key === unit.key) ? [id] : [],
      );
      parts.push(refusedPart('indistinct', { attribute: unit.name, entries }));
      continue;
    }
    const walk = walkBack(unit, reader.read(unit), pasts, type);
    const fixed = walk.reverted.length > 0 && !making && isImmutable(known, unit);
    if (fixed) {
      const about = { attribute: unit.name, earlier: json(walk.earlier), is: json(walk.is) };
      parts.push(refusedPart('immutable', { ...about, entries: walk.reverted }));
      continue;
    }
    if (walk.nothing.length > 0 && walk.blocked === null && isShownLate(known, unit, walk)) {
      const about = { attribute: unit.name, earlier: json(walk.earlier), is: json(walk.is) };
      parts.push(refusedPart('shown-late', { ...about, entries: walk.nothing }));
      continue;
    }
    parts.push(...partsOfUnit(unit, walk, type));
    if (walk.reverted.length === 0) continue;
    wishes.push({ unit, value: walk.becomes });
    for (const id of walk.reverted) reverted.add(id);
  }
  return { parts, wishes, reverted };
};

const isPrimary = (element: Json | undefined): boolean =>
  isObject(element) && element['primary'] === true;

/** An element that was the primary one comes back as a plain one where another was made primary since. */
const yieldPrimary = (
  wishes: readonly Wish[],
  base: Resource,
  type: ResourceType,
): Readonly<{ wishes: readonly Wish[]; parts: readonly Part[] }> => {
  const wanted = withUnits(base, wishes, type);
  const parts: Part[] = [];
  const out = wishes.map((wish): Wish => {
    const { unit, value } = wish;
    if (unit.element === null || !isPrimary(value) || !isObject(value)) return wish;
    const { schema, attribute } = unit.top;
    const below = schema === undefined ? wanted : (wanted[schema] ?? {});
    const list = isObject(below) ? below[attribute] : undefined;
    const others = isArray(list) ? list.filter(isPrimary).length : 0;
    if (others < 2) return wish;
    const { primary: _primary, ...plain } = value;
    const name = `${unit.name}.primary`;
    parts.push(refusedPart('primary', { attribute: name, earlier: true, entries: [] }));
    return { unit, value: plain };
  });
  return { wishes: out, parts };
};

/** It is there, and was before: unit by unit. */
const planChange = (known: Known, base: Resource): Draft => {
  const { pasts, type } = known;
  const walked = walkUnits(known, pasts, base, false);
  const yielded = yieldPrimary(walked.wishes, base, type);
  return {
    ...none,
    does: walked.wishes.length === 0 ? 'nothing' : 'change',
    parts: [...walked.parts, ...yielded.parts, ...untold(pasts)],
    wishes: yielded.wishes,
    reverted: walked.reverted,
  };
};

/** Takes back a create where the target, or the route, only deactivates. */
const planRetire = (known: Known, current: Resource, entries: readonly LedgerId[]): Draft => {
  const unit = deltasOf({ active: true }, { active: false }, known.type)[0]?.unit;
  const stays = refusedPart('remains', { entries });
  if (unit === undefined) return standing([stays]);
  const about = { attribute: unit.name, entries, is: current['active'] ?? true, becomes: false };
  if (current['active'] === false) return standing([part('nothing', about), stays]);
  return {
    ...none,
    does: 'change',
    parts: [part('restore', { ...about, earlier: null }), stays],
    wishes: [{ unit, value: false }],
    reverted: new Set(entries),
  };
};

/** It was made by a selected entry: it goes, where nobody else has written in it. */
const planRemoval = (known: Known, current: Resource): Draft => {
  const { pasts, type, knobs, softDeletes } = known;
  const chosen = pasts.filter(({ selected, standing: is }) => selected && is !== 'nothing');
  const entries = chosen.map(({ id }) => id);
  const doubtful = chosen.filter(({ standing: is }) => is === 'in-doubt').map(({ id }) => id);
  if (doubtful.length > 0) return standing([refusedPart('in-doubt', { entries: doubtful })]);
  const soft = type.word === 'users' && (softDeletes || knobs.deleteUser === 'deactivate');
  if (soft) return planRetire(known, current, entries);
  const others = pasts.filter(({ selected, standing: is }) => !selected && is !== 'nothing');
  const parts = others.map(({ id, outside }) =>
    refusedPart('changed-since', { by: outside ? null : id, entries }),
  );
  const names = others.length > 0 ? [] : strayed(known, current);
  for (const attribute of names) {
    parts.push(refusedPart('changed-since', { attribute, entries }));
  }
  if (parts.length > 0) {
    const whole = others.length > 0 ? [] : [refusedPart('changed-since', { entries })];
    return standing([...whole, ...parts]);
  }
  return {
    ...none,
    does: 'remove',
    parts: [part('remove', { entries, is: writablePart(current, type) })],
    reverted: new Set(entries),
  };
};

/** It was deleted by a selected entry: it is made again, as it was before the first of them. */
const planRecreation = (known: Known, gone: Past): Draft => {
  const { pasts, type } = known;
  const again = known.madeAgain ?? null;
  if (again !== null) {
    const reason = again.id === null ? 'perhaps-made' : 'made-again';
    return standing([refusedPart(reason, { entries: [gone.id], by: again.entry })]);
  }
  const image = gone.image;
  if (image === null) {
    const reason = gone.unknown ?? 'no-before-image';
    return standing([refusedPart(reason, { entries: [gone.id] })]);
  }
  const earlier = pasts.slice(0, pasts.indexOf(gone));
  const walked = walkUnits(known, earlier, image, true);
  const body = writablePart(withUnits(image, walked.wishes, type), type);
  const entries = [gone.id];
  const lost: readonly Reason[] = type.word === 'users' ? ['new-id', 'credentials'] : ['new-id'];
  const unseen = hidesMembers(known.knobs, type)
    ? [refusedPart('secret', { attribute: 'members', entries })]
    : [];
  return {
    ...none,
    does: 'recreate',
    parts: [
      part('recreate', { entries, becomes: body }),
      ...walked.parts,
      ...untold(earlier),
      ...unseen,
      ...lost.map((reason) => refusedPart(reason, { entries })),
      ...(known.standsIn === null ? [refusedPart('memberships-unknown', { entries })] : []),
    ],
    body,
    reverted: new Set([...walked.reverted, gone.id]),
  };
};

/** T13: a target that answers 404 for whom it deactivated, until that is taken back. */
const isHiddenAway = ({ knobs, type, pasts }: Known): boolean => {
  if (knobs.inactiveUsers !== 'absent' || type.word !== 'users') return false;
  const active = pasts.flatMap(({ deltas }) => deltas.filter(({ unit }) => unit.key === ' active'));
  return active.at(-1)?.to === false;
};

/** It is already as it is to be, or the target does not show yet that it is not. */
const asItIs = ({ settling }: Known, entries: readonly LedgerId[]): Part =>
  settling === true ? refusedPart('shown-late', { entries }) : part('nothing', { entries });

const planGone = (known: Known): Draft => {
  const { pasts, type } = known;
  const deletes = pasts.findLast((past) => past.does === 'delete' && past.standing === 'applied');
  const made = pasts.some(
    ({ selected, does, standing: is }) => selected && does === 'create' && is === 'applied',
  );
  const chosen = pasts.filter(({ selected }) => selected);
  const entries = chosen.map(({ id }) => id);
  if (made) return standing([asItIs(known, entries), ...doubts(chosen)]);
  if (deletes?.selected === true) return planRecreation(known, deletes);
  if (isHiddenAway(known)) return planHiddenAway(known, type);
  const effective = chosen.filter(({ standing: is }) => is !== 'nothing').map(({ id }) => id);
  return standing(
    effective.length === 0
      ? [part('nothing', { entries })]
      : [refusedPart('gone', { entries: effective, by: deletes?.id ?? null })],
  );
};

const doubts = (pasts: readonly Past[]): readonly Part[] =>
  pasts.flatMap(({ standing: is, id }) =>
    is === 'in-doubt' ? [refusedPart('in-doubt', { entries: [id] })] : [],
  );

/** Of a user that is hidden away only `active` is known: what else was changed is not seen. */
const planHiddenAway = (known: Known, type: ResourceType): Draft => {
  const draft = planChange(known, { active: false });
  const wishes = draft.wishes.filter(({ unit }) => unit.key === ' active');
  const parts = draft.parts.map((one) =>
    one.attribute === null || one.attribute === 'active' || one.kind === 'refused'
      ? one
      : refusedPart('gone', one),
  );
  const [wish] = wishes;
  const back = wish !== undefined && isSame(wish.value, true, type, wish.unit);
  return { ...draft, parts, wishes, does: back ? 'change' : 'nothing' };
};

const planThere = (known: Known, current: Resource): Draft => {
  const { pasts } = known;
  const made = pasts.find(({ selected, does }) => selected && does === 'create');
  const gone = pasts.findLast(({ does, standing: is }) => does === 'delete' && is === 'applied');
  const ids = pasts.flatMap(({ selected, id }) => (selected ? [id] : []));
  if (made?.standing === 'applied') {
    return gone === undefined
      ? planRemoval(known, current)
      : standing([
          refusedPart('there-again', { entries: ids, by: gone.selected ? null : gone.id }),
        ]);
  }
  const draft = planChange(known, current);
  if (gone?.selected !== true) return draft;
  // Somebody has put it back, under its own id.
  return { ...draft, parts: [...draft.parts, asItIs(known, [gone.id])] };
};

const draftOf = (known: Known): Draft => {
  const { closed, current, pasts } = known;
  const entries = pasts.flatMap(({ selected, id }) => (selected ? [id] : []));
  if (closed !== null) return standing([refusedPart(closed, { entries })]);
  if (current === 'unreadable') return standing([refusedPart('unreadable', { entries })]);
  return current === null ? planGone(known) : planThere(known, current);
};

/** What undo does to this resource. */
export const planResource = (known: Known): Step => {
  const { subject, pasts, tagged } = known;
  const { reverted, does, ...draft } = draftOf(known);
  const entries = pasts.flatMap(({ selected, id }) => (selected ? [id] : []));
  const writes = does === 'change' || does === 'remove';
  return {
    subject,
    name: pasts.findLast((past) => past.subject !== null)?.subject ?? null,
    does,
    guard: writes ? (tagged ? 'etag' : 'unguarded') : 'none',
    ...draft,
    entries,
    reverses: entries.filter((id) => reverted.has(id)),
  };
};
