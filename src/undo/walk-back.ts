/**
 * Walks one unit of a resource back through the ledger, newest entry first: what the unit holds now is
 * taken back as long as it is what a selected entry left there. Whatever another wrote ends the walk:
 * it is not written over, and neither is what lies below it. Pure.
 */
import type { Json } from '../identity/json-value.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import type { LedgerId } from '../ids.ts';
import type { Past } from './past.ts';
import type { Reason } from './plan-parts.ts';
import { isSame, topKeyOf, type Delta, type Unit } from './units.ts';

/** What an entry did to one unit; `delta` null = to its attribute, but what is not known. */
type Touch = Readonly<{ past: Past; delta: Delta | null; why: Reason }>;

/** Deltas of one entry by unit, and how each attribute was cut: a group may have 10,000 members. */
type Index = Readonly<{
  byKey: ReadonlyMap<string, Delta>;
  cut: ReadonlyMap<string, 'whole' | 'parts'>;
}>;

const indexes = new WeakMap<Past, Index>();

const indexOf = (past: Past): Index => {
  const known = indexes.get(past);
  if (known !== undefined) return known;
  const byKey = new Map<string, Delta>();
  const cut = new Map<string, 'whole' | 'parts'>();
  for (const delta of past.deltas) {
    const top = topKeyOf(delta.unit);
    byKey.set(delta.unit.key, delta);
    cut.set(top, delta.unit.key === top ? 'whole' : 'parts');
  }
  const index = { byKey, cut };
  indexes.set(past, index);
  return index;
};

const touchOf = (past: Past, unit: Unit): Touch | null => {
  if (past.standing === 'nothing') return null;
  if (past.unknown !== null) return { past, delta: null, why: past.unknown };
  const top = topKeyOf(unit);
  const opaque = past.opaque.find(({ key }) => key === top);
  if (opaque !== undefined) return { past, delta: null, why: opaque.why };
  const { byKey, cut } = indexOf(past);
  const delta = byKey.get(unit.key);
  if (delta !== undefined) return { past, delta, why: 'changed-since' };
  // The same attribute, cut into other units: one of its lists had elements that look alike.
  const crosses = cut.get(top) === (unit.key === top ? 'parts' : 'whole');
  return crosses ? { past, delta: null, why: 'indistinct' } : null;
};

/** Entries outside the selection that took one another back again say nothing. */
const withoutUndone = (
  touches: readonly Touch[],
  unit: Unit,
  type: ResourceType,
): readonly Touch[] => {
  const out: Touch[] = [];
  for (const touch of touches) {
    const { past, delta } = touch;
    const last = out.at(-1);
    const undoes =
      last !== undefined &&
      !past.selected &&
      !last.past.selected &&
      past.standing === 'applied' &&
      last.past.standing === 'applied' &&
      past.reverses.includes(last.past.id) &&
      delta !== null &&
      last.delta !== null &&
      isSame(delta.to, last.delta.from, type, unit) &&
      isSame(delta.from, last.delta.to, type, unit);
    if (undoes) out.pop();
    else out.push(touch);
  }
  return out;
};

/** How far a unit goes back. */
export type Walk = Readonly<{
  /** What it holds now. */
  is: Json | undefined;
  /** What it is to hold; the same where nothing is to be done. */
  becomes: Json | undefined;
  /** What it held before the first selected entry, as far as that is known. */
  earlier: Json | undefined;
  /** Entries taken back, oldest first. */
  reverted: readonly LedgerId[];
  /** Selected entries whose mark is not there any more. */
  nothing: readonly LedgerId[];
  /** Why the walk ended before the first selected entry, with the entries that are not taken back. */
  blocked: Readonly<{
    reason: Reason;
    by: LedgerId | null;
    entries: readonly LedgerId[];
  }> | null;
}>;

/** Why the walk ends at this touch, or null where it goes on. */
const blockAt = (
  { past, delta, why }: Touch,
  now: Json | undefined,
  unit: Unit,
  type: ResourceType,
): Readonly<{ reason: Reason; by: LedgerId | null }> | null => {
  const by = past.selected || past.outside ? null : past.id;
  if (delta === null) return { reason: past.selected ? why : 'changed-since', by };
  if (past.standing === 'in-doubt') {
    const showsNothing = !past.selected && !isSame(now, delta.to, type, unit);
    return showsNothing ? null : { reason: 'in-doubt', by };
  }
  if (!past.selected) return { reason: 'changed-since', by };
  const itsOwn = isSame(now, delta.to, type, unit) || isSame(now, delta.from, type, unit);
  return itsOwn ? null : { reason: 'changed-since', by: null };
};

/** Walks a unit back; `pasts` oldest first, `now` what it holds. */
export const walkBack = (
  unit: Unit,
  now: Json | undefined,
  pasts: readonly Past[],
  type: ResourceType,
): Walk => {
  const all = pasts.flatMap((past) => touchOf(past, unit) ?? []);
  const from = all.findIndex(({ past }) => past.selected);
  const touches = withoutUndone(from < 0 ? [] : all.slice(from), unit, type);
  const first = touches[0]?.delta;
  const selected = touches.flatMap(({ past }) => (past.selected ? [past.id] : []));
  const base = { is: now, earlier: first?.from };
  const isEarlier = first !== undefined && first !== null && isSame(now, first.from, type, unit);
  const settled = touches.every(({ past }) => !past.selected || past.standing === 'applied');
  if (isEarlier && settled) {
    return { ...base, becomes: now, reverted: [], nothing: selected, blocked: null };
  }
  const selectedUpTo = (end: number): readonly LedgerId[] =>
    touches.slice(0, end).flatMap(({ past }) => (past.selected ? [past.id] : []));
  let at = now;
  const reverted: LedgerId[] = [];
  const nothing: LedgerId[] = [];
  for (let index = touches.length - 1; index >= 0; index -= 1) {
    const touch = touches[index] as Touch;
    const { past, delta } = touch;
    const block = blockAt(touch, at, unit, type);
    if (block !== null) {
      const entries = selectedUpTo(index + 1);
      return { ...base, becomes: at, reverted, nothing, blocked: { ...block, entries } };
    }
    if (delta === null || past.standing !== 'applied') continue;
    if (isSame(at, delta.to, type, unit)) {
      at = delta.from;
      reverted.unshift(past.id);
      continue;
    }
    // Another hand has written here what was there before: that is its own, and stays.
    nothing.unshift(past.id);
    const entries = selectedUpTo(index);
    const blocked = { reason: 'changed-since', by: null, entries } as const;
    return {
      ...base,
      becomes: at,
      reverted,
      nothing,
      blocked: entries.length > 0 ? blocked : null,
    };
  }
  return { ...base, becomes: at, reverted, nothing, blocked: null };
};
