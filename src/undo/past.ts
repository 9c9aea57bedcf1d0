/**
 * What an entry of the ledger did to its resource, as far as the record tells: the units it changed,
 * from what to what, and what of it cannot be known. Images are not kept beyond this. Pure.
 */
import { isRefusal } from '../errors.ts';
import type { Knobs } from '../identity/dialects/knobs.ts';
import type { AttributeName } from '../identity/operation.ts';
import { applyChanges } from '../identity/scim/patch.ts';
import { replaceChanges, writablePart } from '../identity/scim/replace.ts';
import type { Change, Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { attributeName, lookUp } from '../identity/scim/schemas.ts';
import { hidesMembers } from '../identity/scim/write-knobs.ts';
import type { LedgerId } from '../ids.ts';
import type { IntentBody, LedgerRow } from '../ledger/record.ts';
import { deltasOf, isSame, readerOf, topKey, topKeyOf, type Delta } from './units.ts';

/** An entry that was shown: its row, and its body unless that was pruned. */
export type Shown = Readonly<{ row: LedgerRow; body: IntentBody | null }>;

/** Attributes of which the record does not tell what they were before. */
export type Opaque = Readonly<{
  key: string;
  name: AttributeName;
  why: 'secret' | 'no-before-image';
}>;

/** An entry, and what it did. */
export type Past = Readonly<{
  id: LedgerId;
  at: string;
  client: string;
  /** To be taken back. */
  selected: boolean;
  /** No entry: what others wrote past the gateway before this entry, as its before-image shows. */
  outside: boolean;
  reverses: readonly string[];
  /** `nothing`: it changed nothing (rejected, not sent, denied, held). */
  standing: 'applied' | 'in-doubt' | 'nothing';
  does: 'create' | 'change' | 'delete';
  deltas: readonly Delta[];
  opaque: readonly Opaque[];
  /** Why nothing at all is known of it: its body was pruned, or no before-image was kept. */
  unknown: 'pruned' | 'no-before-image' | null;
  /** Of a create what was sent, of a delete what was there; else null. */
  image: Resource | null;
  /** What people call the resource. */
  subject: string | null;
}>;

/** Records of what was denied or held have a code, and changed nothing. */
const standingOf = ({ row: { code, outcome } }: Shown): Past['standing'] => {
  if (code !== null || outcome === 'rejected' || outcome === 'not-sent') return 'nothing';
  return outcome === 'applied' ? 'applied' : 'in-doubt';
};

const isChanges = (value: unknown): value is readonly Change[] =>
  Array.isArray(value) &&
  value.every((change) => typeof change === 'object' && change !== null && 'path' in change);

const isResource = (value: unknown): value is Resource =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const deactivation: readonly Change[] = [
  { op: 'replace', path: { attribute: 'active' }, value: false },
];

/** What it wrote, in one shape: an entry says it by its operation, or by what that came to be. */
type Wrote =
  | Readonly<{ does: 'create'; resource: Resource }>
  | Readonly<{ does: 'change'; changes: readonly Change[] }>
  | Readonly<{ does: 'delete' }>;

const wroteOf = (row: LedgerRow, body: IntentBody, type: ResourceType): Wrote | null => {
  const { changes, before } = body;
  // The action names the effect: here `active: false` destroys, there a DELETE deactivates.
  if (row.actions.includes(`${type.word}:delete`)) return { does: 'delete' };
  if (isChanges(changes)) return { does: 'change', changes };
  if (row.operation === 'delete') return { does: 'change', changes: deactivation };
  if (!isResource(changes)) return null;
  if (row.operation === 'create') return { does: 'create', resource: changes };
  const { password: _secret, ...resource } = changes;
  return {
    does: 'change',
    changes: replaceChanges({ resource, type }, isResource(before) ? before : {}),
  };
};

const topOf = ({ path: { schema, attribute } }: Change) =>
  schema === undefined ? { attribute } : { schema, attribute };

const isHidden = (type: ResourceType, knobs: Knobs, change: Change): boolean => {
  const top = topOf(change);
  const found = lookUp(type, top);
  return (
    found?.returned === 'never' ||
    found?.returned === 'request' ||
    found?.mutability === 'writeOnly' ||
    (top.attribute === 'members' && hidesMembers(knobs, type))
  );
};

const opaqueOf = (change: Change, why: Opaque['why']): Opaque => {
  const top = topOf(change);
  return { key: topKey(top), name: attributeName(top), why };
};

const changed = (
  changes: readonly Change[],
  before: Resource | null,
  type: ResourceType,
  knobs: Knobs,
): Pick<Past, 'deltas' | 'opaque'> => {
  const hidden = changes.filter((change) => isHidden(type, knobs, change));
  const opaque = hidden.map((change) => opaqueOf(change, 'secret'));
  const told = changes.filter((change) => !isHidden(type, knobs, change));
  const applied = before === null ? null : applyChanges(before, told, type);
  if (before === null || applied === null || isRefusal(applied)) {
    const unknown = told.map((change) => opaqueOf(change, 'no-before-image'));
    return { deltas: [], opaque: [...opaque, ...unknown] };
  }
  const closed = new Set(opaque.map(({ key }) => key));
  const deltas = deltasOf(before, applied.resource, type);
  return { deltas: deltas.filter(({ unit }) => !closed.has(topKeyOf(unit))), opaque };
};

const secretOf = (row: LedgerRow): readonly Opaque[] =>
  row.actions.some((action) => action.endsWith(':password'))
    ? [{ key: topKey({ attribute: 'password' }), name: 'password', why: 'secret' }]
    : [];

const nothingKnown = { deltas: [], opaque: [], image: null } as const;

const did = (
  { row, body }: Shown,
  type: ResourceType,
  knobs: Knobs,
): Pick<Past, 'does' | 'deltas' | 'opaque' | 'unknown' | 'image'> => {
  const does = row.operation === 'create' || row.operation === 'delete' ? row.operation : 'change';
  if (body === null) return { does, ...nothingKnown, unknown: 'pruned' };
  const wrote = wroteOf(row, body, type);
  const before = isResource(body.before) ? body.before : null;
  if (wrote === null) return { does, ...nothingKnown, unknown: 'no-before-image' };
  if (wrote.does === 'create') {
    const image = writablePart(wrote.resource, type);
    const deltas = deltasOf({}, image, type);
    return { does: 'create', deltas, opaque: [], unknown: null, image };
  }
  if (wrote.does === 'delete') {
    const unknown = before === null ? 'no-before-image' : null;
    return { does: 'delete', deltas: [], opaque: [], unknown, image: before };
  }
  const { deltas, opaque } = changed(wrote.changes, before, type, knobs);
  const secrets = opaque.some(({ name }) => name === 'password') ? [] : secretOf(row);
  return { does: 'change', deltas, opaque: [...opaque, ...secrets], unknown: null, image: null };
};

/** What the entry did; `type` is that of its resource, `knobs` those of its target. */
export const pastOf = (
  shown: Shown,
  about: Readonly<{ type: ResourceType; knobs: Knobs; selected: boolean }>,
): Past => {
  const { row, body } = shown;
  const standing = standingOf(shown);
  const none = { does: 'change', ...nothingKnown, unknown: null } as const;
  return {
    id: row.id as LedgerId,
    at: row.at,
    client: row.client,
    selected: about.selected,
    outside: false,
    reverses: row.reverses,
    standing,
    ...(standing === 'nothing' ? none : did(shown, about.type, about.knobs)),
    subject: body?.subject ?? null,
  };
};

/** What units held when entries last wrote them, by key. */
export type LeftUnits = Map<string, Delta>;

/**
 * What others wrote between an entry and the ones before it: its before-image shows another value than
 * the last of them left. Null = nothing that can be seen. Learns what the entry itself leaves.
 */
export const seenBetween = (
  left: LeftUnits,
  { body }: Shown,
  past: Past,
  type: ResourceType,
): Past | null => {
  const before = isResource(body?.before) ? readerOf(body.before, type) : null;
  const deltas: Delta[] = [];
  if (past.standing !== 'nothing' && before !== null) {
    for (const { unit, to } of left.values()) {
      if (!before.tells(unit)) continue;
      const seen = before.read(unit);
      if (!isSame(seen, to, type, unit)) deltas.push({ unit, from: to, to: seen });
    }
  }
  if (past.standing === 'applied') {
    for (const delta of [...deltas, ...past.deltas]) left.set(delta.unit.key, delta);
  }
  const nobody = {
    client: '',
    reverses: [],
    opaque: [],
    unknown: null,
    image: null,
    subject: null,
  };
  return deltas.length === 0
    ? null
    : {
        ...past,
        ...nobody,
        selected: false,
        outside: true,
        standing: 'applied',
        does: 'change',
        deltas,
      };
};
