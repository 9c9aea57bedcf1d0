/**
 * Row C5 for targets that keep to RFC 7644 §3.5.2.3: a change of `emails[type eq "work"].value` where
 * no such element is there would be answered with `noTarget`. With the current resource known it is
 * sent as what it means, one `add` of the whole element. Pure; only spelling, never another effect.
 */
import { isRefusal } from '../../errors.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import { elementFromFilter } from './elements.ts';
import { matchesElement } from './evaluate.ts';
import { applyChanges, diffResources } from './patch.ts';
import { printPath } from './path.ts';
import type { AttributePath, Change, Path, Resource, ResourceType } from './schema-model.ts';
import { lookUp } from './schemas.ts';

type Writing = Exclude<Change, { op: 'remove' }>;

const selects = (change: Change): change is Writing =>
  change.op !== 'remove' && change.path.filter !== undefined;

const topOf = ({ schema, attribute }: Path): AttributePath =>
  schema === undefined ? { attribute } : { schema, attribute };

const elementsAt = (resource: Resource, { schema, attribute }: Path): readonly Json[] => {
  const outer = schema === undefined ? resource : resource[schema];
  const value = isObject(outer) && Object.hasOwn(outer, attribute) ? outer[attribute] : undefined;
  return isArray(value) ? value : [];
};

/** The element that a selecting change makes because none is there; null where one is. */
const madeBy = (change: Writing, resource: Resource, type: ResourceType): JsonObject | null => {
  const { filter, sub } = change.path;
  const attribute = lookUp(type, topOf(change.path));
  if (filter === undefined || attribute === null) return null;
  const elements = elementsAt(resource, change.path);
  if (elements.some((element) => matchesElement(filter, element, attribute))) return null;
  const described = elementFromFilter(filter, attribute);
  if (described === null) return null;
  if (sub !== undefined) return { ...described, [sub]: change.value };
  return isObject(change.value) ? { ...described, ...change.value } : null;
};

/** Several sub-attributes of one missing element land in one `add`. */
const spelled = (
  changes: readonly Change[],
  before: Resource,
  type: ResourceType,
): readonly Change[] | null => {
  const out: Change[] = [];
  const made = new Map<string, { at: number; element: JsonObject }>();
  let resource = before;
  for (const change of changes) {
    const key = printPath({ ...topOf(change.path), ...filterOf(change.path) });
    const open = made.get(key);
    if (open !== undefined && selects(change) && change.path.sub !== undefined) {
      open.element = { ...open.element, [change.path.sub]: change.value };
      out[open.at] = { op: 'add', path: topOf(change.path), value: [open.element] };
    } else {
      const element = selects(change) ? madeBy(change, resource, type) : null;
      if (element !== null) made.set(key, { at: out.length, element });
      out.push(
        element === null ? change : { op: 'add', path: topOf(change.path), value: [element] },
      );
    }
    const applied = applyChanges(resource, [change], type);
    if (isRefusal(applied)) return null;
    resource = applied.resource;
  }
  const again = applyChanges(before, out, type);
  const same = !isRefusal(again) && diffResources(again.resource, resource, type).length === 0;
  return same ? out : null;
};

const filterOf = ({ filter }: Path): Pick<Path, 'filter'> =>
  filter === undefined ? {} : { filter };

/** The changes as a strict target takes them; the same changes where nothing needs to be said. */
export const spellUpserts = (
  changes: readonly Change[],
  before: Resource,
  type: ResourceType,
): readonly Change[] =>
  changes.some(selects) ? (spelled(changes, before, type) ?? changes) : changes;
