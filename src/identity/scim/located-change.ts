/**
 * One operation of a PATCH whose path is resolved: may the path be used so, and what is its value in
 * canonical form? Here `null` becomes a remove, a remove with a value takes out what the value names
 * (C3), and what could take away more than was named is refused. For canonical-changes.ts only.
 */
import { readRemoval } from '../dialects/table.ts';
import { isObject } from '../json-value.ts';
import type { Json } from '../json-value.ts';
import { canonicalSingle, canonicalValue, plainValue } from './canonical-values.ts';
import { elementFromFilter } from './elements.ts';
import { quoted, refused, repaired } from './reading.ts';
import type { Reading } from './reading.ts';
import type {
  Attribute,
  AttributePath,
  Change,
  Filter,
  Path,
  ResourceType,
} from './schema-model.ts';
import { attributeName, lookUp } from './schemas.ts';

/** What an operation does. */
export type Op = Change['op'];

/** Mutable while one message is read. */
export type Context = {
  readonly type: ResourceType;
  readonly reading: Reading;
  readonly changes: Change[];
  statedId: string | null;
};

/** An operation with its path resolved. `raw` undefined = no `value` member. */
type Located = Readonly<{ op: Op; path: Path; raw: Json | undefined; explicit: boolean }>;

export const mutability = { scimType: 'mutability' } as const;

export const pathOf = (path: AttributePath, filter?: Filter): Path => ({
  ...(path.schema === undefined ? {} : { schema: path.schema }),
  attribute: path.attribute,
  ...(filter === undefined ? {} : { filter }),
  ...(path.sub === undefined ? {} : { sub: path.sub }),
});

const parentOf = ({ schema, attribute }: Path): AttributePath =>
  schema === undefined ? { attribute } : { schema, attribute };

export const nameOf = (path: Path): string => {
  const parent = attributeName(parentOf(path));
  return path.sub === undefined ? parent : `${parent}.${path.sub}`;
};

const prefixOf = (path: Path): string =>
  path.sub === undefined
    ? path.schema === undefined
      ? ''
      : `${path.schema}:`
    : `${attributeName(parentOf(path))}.`;

export const deny = (context: Context, name: string): void =>
  refused(
    context.reading,
    'attribute_denied',
    `${context.type.name} has no attribute ${quoted(name)}.`,
  );

/** Takes out of a remove what its `value` names (C3, C29), or refuses; never all of it. */
const removeNamed = (context: Context, path: Path, top: Attribute | null, raw: Json): void => {
  const removal = top === null ? null : readRemoval(raw, top);
  if (removal === null) {
    const detail = `Name the elements of ${nameOf(path)} to remove by their value; leave \`value\` out to remove all.`;
    return refused(context.reading, 'value_invalid', detail);
  }
  repaired(context.reading, removal.row, nameOf(path));
  for (const filter of removal.filters) {
    context.changes.push({ op: 'remove', path: { ...path, filter } });
  }
};

const pushRemove = (context: Context, path: Path, leaf: Attribute | null): void => {
  const whole = path.filter === undefined || path.sub !== undefined;
  if (whole && leaf !== null && (leaf.required || leaf.mutability === 'immutable')) {
    const detail = `${nameOf(path)} cannot be removed.`;
    return refused(context.reading, 'value_invalid', detail, mutability);
  }
  context.changes.push({ op: 'remove', path });
};

/** A value that turned out to be unassigned (RFC 7643 §2.5): clears, or says nothing. */
const putUnassigned = (
  context: Context,
  { op, path, raw }: Located,
  top: Attribute | null,
  leaf: Attribute | null,
): void => {
  const elements = path.sub === undefined && (top === null || top.multiValued);
  if (isObject(raw)) return;
  if (!elements) return pushRemove(context, path, leaf);
  if (op === 'add') return;
  if (raw === null || top === null || path.filter !== undefined) {
    return pushRemove(context, path, leaf);
  }
  context.changes.push({ op, path, value: [] });
};

const putValue = (
  context: Context,
  located: Located,
  top: Attribute | null,
  leaf: Attribute | null,
): void => {
  const { op, path, raw } = located;
  const { reading, changes } = context;
  if (raw === undefined) {
    const detail = `${op} of ${quoted(nameOf(path))} needs a value.`;
    return refused(reading, 'value_invalid', detail);
  }
  const cleared: Attribute[] = [];
  let partial = false;
  const place = {
    reading,
    prefix: prefixOf(path),
    wrap: true,
    cleared: (sub: Attribute) => void cleared.push(sub),
    partial: () => {
      partial = true;
    },
  };
  const element = path.filter !== undefined && path.sub === undefined;
  const value =
    leaf === null
      ? plainValue(raw, reading, 1)
      : element && raw !== null
        ? canonicalSingle(raw, leaf, place)
        : canonicalValue(raw, leaf, place);
  if (reading.refusal !== null) return;
  // C9: such a list never tells what is to go, so it only adds.
  const whole = partial && path.filter === undefined;
  if (value !== undefined) changes.push({ op: whole ? 'add' : op, path, value });
  else putUnassigned(context, located, top, leaf);
  // Sub-attributes not mentioned stay as they are (RFC 7644 §3.5.2.3), so a null must be a remove.
  // A replaced element is replaced whole: there it is gone already.
  const merges = element ? op === 'add' : leaf !== null && !leaf.multiValued;
  if (!merges || path.sub !== undefined) return;
  for (const sub of cleared) pushRemove(context, { ...path, sub: sub.name }, sub);
};

/** Judges what the path may be used for, then the value. */
export const put = (context: Context, located: Located): void => {
  const { op, path, raw, explicit } = located;
  const { type, reading } = context;
  const top = lookUp(type, parentOf(path));
  const leaf = path.sub === undefined ? top : lookUp(type, { ...parentOf(path), sub: path.sub });
  const readOnly = top?.mutability === 'readOnly' || leaf?.mutability === 'readOnly';
  const derived = path.schema === undefined && path.attribute === 'schemas';
  const fixed = path.filter !== undefined && path.sub !== undefined && leaf !== null;
  if (readOnly && !explicit) return repaired(reading, 'C27', nameOf(path));
  if (readOnly || derived || (fixed && leaf.mutability === 'immutable')) {
    const detail = `${nameOf(path)} cannot be changed.`;
    return refused(reading, 'value_invalid', detail, mutability);
  }
  if (top?.multiValued === true && path.filter === undefined && path.sub !== undefined) {
    const detail = `Say which element of ${nameOf(parentOf(path))} is meant, for example [type eq "work"].`;
    return refused(reading, 'path_malformed', detail);
  }
  if (path.filter !== undefined && (top === null || !top.multiValued || top.sub === undefined)) {
    const detail = `${quoted(nameOf(path))} has no elements to choose from.`;
    return refused(reading, 'path_malformed', detail);
  }
  if (op === 'remove') {
    const named = raw !== undefined && path.filter === undefined;
    if (named && (top === null || top.multiValued)) return removeNamed(context, path, top, raw);
    return pushRemove(context, path, leaf);
  }
  if (path.filter !== undefined && path.sub !== undefined && top !== null) {
    if (elementFromFilter(path.filter, top) !== null) repaired(reading, 'C5', nameOf(path));
  }
  putValue(context, located, top, leaf);
};
