/**
 * Gathers what a plan of undo is made from: the selected entries, what else the ledger knows of their
 * resources, and the resources as they are now, read by the person who undoes.
 */
import { refuse, type Refusal } from '../errors.ts';
import { rfcKnobs } from '../identity/dialects/knobs.ts';
import { isArray, isObject } from '../identity/json-value.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import { genericType } from '../identity/scim/schemas.ts';
import type { LedgerId } from '../ids.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerRow } from '../ledger/record.ts';
import type { Route, Snapshot } from '../snapshot.ts';
import { madeAgain } from './made-again.ts';
import { pastOf, seenBetween, type LeftUnits, type Past } from './past.ts';
import type { Reason, Subject } from './plan-parts.ts';
import type { Known } from './plan-resource.ts';
import {
  byPosition,
  entriesOn,
  mapBounded,
  selectEntries,
  type Selection,
} from './select-entries.ts';
import type { Found, Place, UndoDoor } from './undo-door.ts';

/** Resources that are looked at, at the same time. */
const readers = 8;

/** A resource with the facts of its plan. */
export type Fact = Readonly<{
  known: Known;
  /** Null where no route leads to it. */
  place: Place | null;
  etag: string | null;
}>;

const isRoute = (route: Route, { route: name, tenant }: LedgerRow, snapshot: Snapshot): boolean =>
  route.name === name && snapshot.targets[route.target]?.tenant === tenant;

/** Where the resource of an entry lies today; null where no SCIM route of its tenant leads there. */
const placeOf = (snapshot: Snapshot, row: LedgerRow): Place | null => {
  const route = snapshot.routes.find((one) => isRoute(one, row, snapshot));
  const target = route && snapshot.targets[route.target];
  const type = route && Object.values(route.types).find(({ name }) => name === row.resource.type);
  return route === undefined || target === undefined || type === undefined
    ? null
    : { route, target, type };
};

/** Entries on one resource; without an id each for itself. */
const grouped = (entries: readonly LedgerRow[]): readonly (readonly LedgerRow[])[] => [
  ...Map.groupBy(entries, (row) =>
    row.resource.id === null ? row.id : `${row.tenant}\n${row.resource.type}\n${row.resource.id}`,
  ).values(),
];

const newestOf = (entries: readonly LedgerRow[]): LedgerRow => entries.at(-1) as LedgerRow;

const subjectOf = (row: LedgerRow, place: Place | null): Subject => ({
  tenant: row.tenant,
  route: row.route,
  type: place?.type.word ?? row.resource.type,
  id: row.resource.id ?? '',
});

/** Everything the ledger knows of the resource from the first selected entry on. */
const pastsOf = async (
  ledger: Pick<Ledger, 'list' | 'show'>,
  selected: readonly LedgerRow[],
  { type, target: { knobs } }: Place,
): Promise<readonly Past[] | null> => {
  const newest = newestOf(selected);
  const { id } = newest.resource;
  const ids = new Set(selected.map((row) => row.id));
  const on = { tenant: newest.tenant, type: newest.resource.type, id: id ?? '' };
  const first = (selected[0] as LedgerRow).at;
  const all = id === null ? [] : await entriesOn(ledger, on, first);
  if (all === null) return null;
  const others = all.filter((row) => !ids.has(row.id));
  const pasts: Past[] = [];
  const left: LeftUnits = new Map();
  // One after the other: a body may hold a group of 10,000, and only what it changed is kept.
  for (const row of [...selected, ...others].toSorted(byPosition)) {
    const shown = await ledger.show(row.id as LedgerId);
    const entry = shown ?? { row, body: null };
    const past = pastOf(entry, { type, knobs, selected: ids.has(row.id) });
    const between = seenBetween(left, entry, past, type);
    pasts.push(...(between === null ? [past] : [between, past]));
  }
  return pasts;
};

/** Groups in which its before-image says that it stood, by its own membership. */
const groupsIn = (image: Resource | null): readonly string[] => {
  const groups = image?.['groups'];
  return (isArray(groups) ? groups : []).flatMap((group) => {
    if (!isObject(group) || group['type'] === 'indirect') return [];
    return typeof group['value'] === 'string' ? [group['value']] : [];
  });
};

const standsInOf = async (
  door: UndoDoor,
  place: Place,
  id: string,
  pasts: readonly Past[],
  found: Found,
): Promise<readonly string[] | null> => {
  const gone = pasts.findLast(({ does, standing }) => does === 'delete' && standing === 'applied');
  const made = pasts.some(({ does, selected }) => selected && does === 'create');
  if (found.resource !== null || gone?.selected !== true || made) return [];
  const dangling = await door.groupsOf(place, id);
  return dangling === null ? null : [...new Set([...dangling, ...groupsIn(gone.image)])];
};

/** Where a route says nothing of its own: how long a target has to show a change everywhere, ms. */
const settlesMs = 60_000;

const isSettling = (pasts: readonly Past[], { route }: Place, now: number): boolean => {
  const since = now - (route.verifyAgain.afterMs[0] ?? settlesMs);
  return pasts.some(({ standing, at }) => standing === 'applied' && Date.parse(at) > since);
};

/** What an earlier run made in the place of what a selected entry deleted. */
const againOf = async (
  ledger: Pick<Ledger, 'list'>,
  door: UndoDoor,
  place: Place,
  pasts: readonly Past[],
  { resource }: Found,
) => {
  const gone = pasts.findLast(({ does, standing }) => does === 'delete' && standing === 'applied');
  return resource === null && gone?.selected === true
    ? madeAgain(ledger, door, place, gone.id)
    : null;
};

const unreachable = (selected: readonly LedgerRow[], place: Place | null, closed: Reason): Fact => {
  const row = newestOf(selected);
  const type = place?.type ?? genericType(row.resource.type);
  const knobs = place?.target.knobs ?? rfcKnobs;
  const pasts = selected.map((entry) =>
    pastOf({ row: entry, body: null }, { type, knobs, selected: true }),
  );
  return {
    place,
    etag: null,
    known: {
      subject: subjectOf(row, place),
      type,
      knobs,
      softDeletes: false,
      pasts,
      current: null,
      tagged: false,
      standsIn: [],
      closed: pasts.some(({ standing }) => standing !== 'nothing') ? closed : null,
    },
  };
};

/** Gathers what is known of one resource. */
const factOf = async (
  ledger: Pick<Ledger, 'list' | 'show'>,
  door: UndoDoor,
  selected: readonly LedgerRow[],
): Promise<Fact> => {
  const row = newestOf(selected);
  const place = placeOf(door.snapshot, row);
  const { id } = row.resource;
  if (place === null) return unreachable(selected, null, 'route-gone');
  if (id === null) return unreachable(selected, place, 'in-doubt');
  const pasts = await pastsOf(ledger, selected, place);
  if (pasts === null) return unreachable(selected, place, 'too-many');
  const found = await door.read(place, id);
  return {
    place,
    etag: found.etag,
    known: {
      subject: subjectOf(row, place),
      type: place.type,
      knobs: place.target.knobs,
      softDeletes: place.route.deletes === 'deactivate',
      pasts,
      current: found.resource,
      tagged: found.etag !== null,
      standsIn: await standsInOf(door, place, id, pasts, found),
      madeAgain: await againOf(ledger, door, place, pasts, found),
      settling: isSettling(pasts, place, door.now()),
      closed: null,
    },
  };
};

/** A group that is only looked at because a deleted member stood in it. */
const bareFact = async (door: UndoDoor, place: Place, id: string): Promise<Fact> => {
  const found = await door.read(place, id);
  return {
    place,
    etag: found.etag,
    known: {
      subject: {
        tenant: place.target.tenant,
        route: place.route.name,
        type: place.type.word,
        id,
      },
      type: place.type,
      knobs: place.target.knobs,
      softDeletes: false,
      pasts: [],
      current: found.resource,
      tagged: found.etag !== null,
      standsIn: [],
      closed: null,
    },
  };
};

/** The groups in which deleted ones stood, as far as the plan does not know them yet. */
const groupsBeside = async (door: UndoDoor, facts: readonly Fact[]): Promise<readonly Fact[]> => {
  const wanted = new Map<string, Readonly<{ place: Place; id: string }>>();
  for (const { known, place } of facts) {
    const type = place?.route.types['groups'];
    if (place === null || type === undefined) continue;
    for (const id of known.standsIn ?? []) {
      wanted.set(`${known.subject.tenant}\n${id}`, { place: { ...place, type }, id });
    }
  }
  for (const { known } of facts) {
    if (known.subject.type === 'groups')
      wanted.delete(`${known.subject.tenant}\n${known.subject.id}`);
  }
  return mapBounded([...wanted.values()], readers, ({ place, id }) => bareFact(door, place, id));
};

/**
 * Facts of all resources that the selected entries changed, newest first by their newest selected entry;
 * behind them groups in which deleted ones stood.
 */
export const gatherUndo = async (
  ledger: Pick<Ledger, 'list' | 'show'>,
  door: UndoDoor,
  selection: Selection,
): Promise<readonly Fact[] | Refusal> => {
  const entries = await selectEntries(ledger, selection);
  if ('refused' in entries) return entries;
  if (entries.length === 0) return refuse('value_invalid', 'No entry of the ledger fits.');
  const groups = grouped(entries).toSorted((one, other) =>
    byPosition(newestOf(other), newestOf(one)),
  );
  const facts = await mapBounded(groups, readers, (each) => factOf(ledger, door, each));
  return [...facts, ...(await groupsBeside(door, facts))];
};

/** Reads one resource again; what the ledger says of it stays as it was gathered. */
export const readAgain = async (door: UndoDoor, fact: Fact): Promise<Fact> => {
  const { place, known } = fact;
  if (place === null) return fact;
  const found = await door.read(place, known.subject.id);
  const current = found.resource;
  return { place, etag: found.etag, known: { ...known, current, tagged: found.etag !== null } };
};
