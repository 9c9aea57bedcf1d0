/**
 * Moves links between the two addresses of one resource: the gateway's and the target's. `$ref` and
 * `meta.location` name the side they are shown to, never the other (T37: internal host names).
 */
import { bareCopy, isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';

/** From where to where; bases without a trailing slash. */
export type Bases = Readonly<{ from: string; to: string }>;

/** The link below `to` if it stands below `from`, else null. */
const rebaseLink = (link: string, { from, to }: Bases): string | null => {
  if (!link.startsWith(from)) return null;
  const rest = link.slice(from.length);
  return rest === '' || rest.startsWith('/') ? to + rest : null;
};

const absolute = /^[A-Za-z][A-Za-z0-9+.-]*:|^\/\//;
const lastTwo = /\/([A-Za-z][A-Za-z0-9]{0,63})\/([^/?#]{1,768})\/?$/;

/**
 * A link of a target's answer as the caller may see it: below the gateway where it names a resource
 * of the target (also under an internal host, recognised by its last two segments and the `value`
 * beside it), unchanged where it is relative, null where it leads elsewhere.
 */
const outward = (link: string, value: Json | undefined, bases: Bases): string | null => {
  const moved = rebaseLink(link, bases);
  if (moved !== null || !absolute.test(link)) return moved ?? link;
  if (rebaseLink(link, { from: bases.to, to: bases.to }) !== null) return link;
  const match = lastTwo.exec(link);
  return match !== null && match[2] === value ? `${bases.to}/${match[1]}/${match[2]}` : null;
};

type Mover = (link: string, value: Json | undefined) => string | null;

const moveAll = (value: Json, move: Mover): Json => {
  if (isArray(value)) {
    let changed = false;
    const out = value.map((item) => {
      const moved = moveAll(item, move);
      changed ||= moved !== item;
      return moved;
    });
    return changed ? out : value;
  }
  return isObject(value) ? moveObject(value, move) : value;
};

const moveObject = (value: JsonObject, move: Mover): JsonObject => {
  let out: Record<string, Json | undefined> | null = null;
  for (const name of Object.keys(value)) {
    const member = value[name];
    if (member === undefined) continue;
    const moved =
      name === '$ref' && typeof member === 'string'
        ? move(member, value['value'])
        : moveAll(member, move);
    if (moved === member) continue;
    out ??= bareCopy(value);
    if (moved === null) delete out[name];
    else out[name] = moved;
  }
  return out ?? value;
};

/**
 * Every `$ref` inside what goes to the target: moved below the target's base where it stood below
 * the gateway's, unchanged otherwise. Gives the same object back where nothing moved.
 */
export const linksToTarget = <T extends Json>(value: T, bases: Bases): T =>
  moveAll(value, (link) => rebaseLink(link, bases) ?? link) as T;

/** Every `$ref` inside what goes to the caller; one that leads elsewhere is dropped. */
export const linksToCaller = <T extends Json>(value: T, bases: Bases): T =>
  moveAll(value, (link, sibling) => outward(link, sibling, bases)) as T;

/** Address of one resource below a base. */
export const resourceLink = (base: string, endpoint: string, id: string): string =>
  `${base}/${endpoint}/${encodeURIComponent(id)}`;
