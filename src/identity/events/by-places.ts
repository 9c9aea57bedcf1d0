/**
 * Mappings written as places: most sources say everything at a fixed path. Places begin at the item;
 * `^` begins at the whole body, `#` names a header. Where several stand, the first that holds
 * something counts.
 */
import { isArray, isObject, type Json } from '../json-value.ts';
import type { EventKind } from './event.ts';
import { readInstant } from './instants.ts';
import type { Item, Mapping, Reading } from './mapping.ts';
import { compilePlace, opaque } from './places.ts';

/** Where an instant stands; as a bare place it has an offset, or is in the route's zone. */
export type When = string | Readonly<{ at: string; unit?: 's' | 'ms'; zone?: string }>;

/** What a type of event means. `dated`: it announces, and means nothing without its date. */
export type KindRow =
  | EventKind
  | Readonly<{ kind: EventKind; cancels?: readonly EventKind[]; dated?: boolean }>;

export type Places = Readonly<{
  id?: readonly string[];
  type?: readonly string[];
  subject?: readonly string[];
  keys?: Readonly<Record<string, readonly string[]>>;
  observedAt?: readonly When[];
  effectiveAt?: readonly When[];
  /** Lists of names, or objects whose names changed. */
  changed?: readonly string[];
  /** By type; `prefix*` where no row has the whole type, the longest first. */
  kinds: Readonly<Record<string, KindRow>>;
}>;

type Find = (item: Item) => Json | undefined;

const finder = (place: string): Find => {
  if (place.startsWith('#')) return ({ headers }) => headers[place.slice(1)];
  if (!place.startsWith('^')) {
    const find = compilePlace(place);
    return ({ item }) => find(item);
  }
  const find = compilePlace(place.slice(1));
  return ({ body }) => find(body);
};

/** The first text at one of the places, as an opaque identifier. */
const textFinder = (places: readonly string[] = []): ((item: Item) => string | null) => {
  const finders = places.map(finder);
  return (item) => {
    for (const find of finders) {
      const text = opaque(find(item));
      if (text !== null) return text;
    }
    return null;
  };
};

const instantFinder = (places: readonly When[] = []): ((item: Item) => number | null) => {
  const finders = places.map((when) => {
    const { at, ...rule } = typeof when === 'string' ? { at: when } : when;
    const find = finder(at);
    return (item: Item) => readInstant(find(item), { zone: item.zone, ...rule });
  });
  return (item) => {
    for (const find of finders) {
      const at = find(item);
      if (at !== null) return at;
    }
    return null;
  };
};

const namesOf = (value: Json | undefined): readonly string[] =>
  (isArray(value) ? value : isObject(value) ? Object.keys(value) : []).flatMap((one) => {
    const name = opaque(one);
    return name === null ? [] : [name];
  });

/** Finds the row of a type. */
export const kindFinder = (
  kinds: Readonly<Record<string, KindRow>>,
): ((type: string) => Exclude<KindRow, string>) => {
  const rows = new Map(
    Object.entries(kinds).map(([type, row]) => [
      type,
      typeof row === 'string' ? { kind: row } : row,
    ]),
  );
  const prefixes = [...rows.keys()]
    .filter((type) => type.endsWith('*'))
    .sort((a, b) => b.length - a.length);
  return (type) => {
    const whole = rows.get(type);
    if (whole !== undefined) return whole;
    const prefix = prefixes.find((one) => type.startsWith(one.slice(0, -1)));
    return (prefix === undefined ? undefined : rows.get(prefix)) ?? { kind: 'other' };
  };
};

/** Compiles places to a reading function. */
const readPlaces = (places: Places): ((item: Item) => Reading) => {
  const [id, type, subject] = [places.id, places.type, places.subject].map((one) =>
    textFinder(one),
  ) as [
    ReturnType<typeof textFinder>,
    ReturnType<typeof textFinder>,
    ReturnType<typeof textFinder>,
  ];
  const keys = Object.entries(places.keys ?? {}).map(
    ([name, at]) => [name, textFinder(at)] as const,
  );
  const [observedAt, effectiveAt] = [
    instantFinder(places.observedAt),
    instantFinder(places.effectiveAt),
  ];
  const changed = (places.changed ?? []).map(finder);
  const row = kindFinder(places.kinds);
  return (item) => {
    const word = type(item) ?? '';
    const { kind, cancels } = row(word);
    return {
      id: id(item),
      kind,
      type: word,
      subject: subject(item) ?? '',
      keys: Object.fromEntries(
        keys.flatMap(([name, find]) => {
          const text = find(item);
          return text === null ? [] : [[name, text]];
        }),
      ),
      observedAt: observedAt(item),
      effectiveAt: effectiveAt(item),
      changed: [...new Set(changed.flatMap((find) => namesOf(find(item))))],
      ...(cancels === undefined ? {} : { cancels }),
    };
  };
};

/** A mapping that is places alone, or places and a function that has the last word. */
export const mapping = ({
  name,
  senders,
  confidence,
  source,
  forms,
  lists,
  note,
  refine,
  announces,
  ...places
}: Places &
  Omit<Mapping, 'read' | 'announces'> &
  Readonly<{
    refine?: (reading: Reading, item: Item) => Reading;
    announces?: Mapping['announces'];
  }>): Mapping => {
  const read = readPlaces(places);
  const row = kindFinder(places.kinds);
  return Object.freeze({
    name,
    senders,
    confidence,
    source,
    forms,
    lists,
    note,
    announces: announces ?? (({ type }) => row(type).dated === true),
    read: refine === undefined ? read : (item: Item) => refine(read(item), item),
  });
};
