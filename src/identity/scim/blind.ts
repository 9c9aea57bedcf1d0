/**
 * Changes whose outcome would tell what the client may not read. A PUT that states a hidden attribute
 * changes it or not depending on what it holds; judged by its difference alone, its answer (403, or
 * nothing sent) would tell. So it is judged by what the client sees, and by all it states unseen.
 */
import { isArray, isObject } from '../json-value.ts';
import type { Json } from '../json-value.ts';
import type { AttributeName } from '../operation.ts';
import { refersToResources } from './equality.ts';
import { diffResources } from './patch.ts';
import { writablePart } from './replace.ts';
import type { Attribute, AttributePath, Change, Resource, ResourceType } from './schema-model.ts';
import { attributeName, lookUp } from './schemas.ts';
import { stripResource, touchedBy } from './strip.ts';

/** May the client read the attribute of that rule-spelled name? */
export type Sees = (name: AttributeName) => boolean;

/** Do changes write what the client may not read, so that whether they change anything would tell? */
export const isBlindPatch = (changes: readonly Change[], sees: Sees): boolean =>
  touchedBy(changes).some((name) => !sees(name));

/** An attribute that a resource states, with its value. */
type Stated = Readonly<{ path: AttributePath; value: Json }>;

const statedIn = (resource: Resource): readonly Stated[] =>
  Object.keys(resource).flatMap((name): readonly Stated[] => {
    const value = resource[name];
    if (value === undefined) return [];
    if (!name.includes(':') || !isObject(value)) return [{ path: { attribute: name }, value }];
    return Object.keys(value).map((attribute) => ({
      path: { schema: name, attribute },
      value: value[attribute] ?? null,
    }));
  });

const subName = (path: AttributePath, sub: string): AttributeName =>
  attributeName({ ...path, sub });

/** Are elements told apart by a `value` that is stated and seen? Hidden parts then stay beside it. */
const isMatched = (value: Json, path: AttributePath, sees: Sees): boolean =>
  sees(subName(path, 'value')) &&
  (isArray(value) ? value : [value]).every(
    (element) => isObject(element) && element['value'] !== undefined,
  );

const statesUnseen = (value: Json, path: AttributePath, attribute: Attribute, sees: Sees) =>
  (isArray(value) ? value : [value]).some(
    (element) =>
      !isObject(element) ||
      Object.keys(element).some(
        (sub) =>
          attribute.sub?.[sub.toLowerCase()]?.mutability !== 'readOnly' &&
          !sees(subName(path, sub)),
      ),
  );

/** Would the difference that a stated attribute makes tell of hidden values? */
const isBlind = ({ path, value }: Stated, type: ResourceType, sees: Sees): boolean => {
  const attribute = lookUp(type, path);
  if (attribute?.mutability === 'readOnly') return false;
  const subs = attribute?.sub;
  if (attribute === null || subs === undefined) return !sees(attributeName(path));
  const seesParts = Object.values(subs).every(({ name }) => sees(subName(path, name)));
  if (seesParts) return false;
  // What refers to a resource is compared by its `value` alone (C25).
  if (attribute.multiValued && refersToResources(attribute)) return !isMatched(value, path, sees);
  if (statesUnseen(value, path, attribute, sees)) return true;
  return attribute.multiValued && !isMatched(value, path, sees);
};

const keyOf = ({ schema, attribute }: AttributePath): string =>
  `${schema?.toLowerCase() ?? ''} ${attribute.toLowerCase()}`;

/** Removals of one complex value, part by part as far as `before` holds them. */
const byParts = (change: Change, before: Resource, type: ResourceType): readonly Change[] => {
  const { path, op } = change;
  const { schema, attribute, sub, filter } = path;
  const definition = lookUp(type, schema === undefined ? { attribute } : { schema, attribute });
  if (op !== 'remove' || sub !== undefined || filter !== undefined) return [change];
  if (definition?.sub === undefined || definition.multiValued) return [change];
  const outer = schema === undefined ? before : before[schema];
  const held = isObject(outer) ? outer[attribute] : undefined;
  if (!isObject(held)) return [change];
  return Object.keys(held).map((name): Change => ({ op, path: { ...path, sub: name } }));
};

/** A PUT as it is judged. */
export type JudgedReplace = Readonly<{
  /** By these it is judged; they are the same whatever hidden attributes hold. */
  judged: readonly Change[];
  /** It states what the client may not read: it goes out also where it would change nothing. */
  blind: boolean;
}>;

/**
 * The changes by which a PUT is judged. `stated`: what the client wrote; `before`, `after`: the whole
 * resource as it is and as it will be, with what is carried over; `changes`: the difference.
 */
export const judgeReplace = (
  put: Readonly<{
    stated: Resource;
    before: Resource;
    after: Resource;
    changes: readonly Change[];
  }>,
  type: ResourceType,
  sees: Sees,
): JudgedReplace => {
  const stated = statedIn(writablePart(put.stated, type));
  const unseen = stated.filter((each) => isBlind(each, type, sees));
  const unseenKeys = new Set(unseen.map(({ path }) => keyOf(path)));
  const isSeen = ({ path }: Change): boolean => !unseenKeys.has(keyOf(path));
  const before = writablePart(put.before, type);
  const [seenBefore, seenAfter] = [before, writablePart(put.after, type)].map((resource) =>
    stripResource(resource, type, sees),
  ) as [Resource, Resource];
  const visible = diffResources(seenBefore, seenAfter, type).filter(isSeen);
  const written = unseen.map(({ path, value }): Change => ({ op: 'replace', path, value }));
  // The difference itself adds nothing to these; it is here so that nothing ever goes out unjudged.
  const whole = put.changes.filter(isSeen);
  return {
    judged: [
      ...visible.flatMap((change) => byParts(change, seenBefore, type)),
      ...written,
      ...whole.flatMap((change) => byParts(change, before, type)),
    ],
    blind: unseen.length > 0,
  };
};
