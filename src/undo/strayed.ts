/**
 * Has somebody else written in a resource that is to be removed because it was made? What the selected
 * entries left is put together from the create on, and compared with what is there. Pure.
 */
import { isObject } from '../identity/json-value.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import type { Past } from './past.ts';
import { deltasOf, withUnits } from './units.ts';

type Made = Readonly<{ pasts: readonly Past[]; type: ResourceType }>;

/** Does the target itself say that nothing was written since it was made? */
const isUntouched = ({ meta }: Resource): boolean =>
  isObject(meta) && typeof meta['created'] === 'string' && meta['created'] === meta['lastModified'];

/** What the selected entries left, or null where that is not known. */
const leftBy = ({ pasts, type }: Made): Resource | null => {
  let left: Resource | null = null;
  for (const past of pasts) {
    if (!past.selected || past.standing === 'nothing') continue;
    if (past.does === 'create') left = past.image;
    else if (left !== null) {
      left = withUnits(
        left,
        past.deltas.map(({ unit, to }) => ({ unit, value: to })),
        type,
      );
    }
  }
  return left;
};

/** Attributes in which it is not what the selected entries left; empty where they are not known. */
export const strayed = (known: Made, current: Resource): readonly string[] => {
  const left = leftBy(known);
  const changes = known.pasts.filter(({ standing: is }) => is !== 'nothing').length;
  if (left === null || (changes === 1 && isUntouched(current))) return [];
  const secret = new Set(known.pasts.flatMap(({ opaque }) => opaque.map(({ name }) => name)));
  const names = deltasOf(left, current, known.type).flatMap(({ unit }) =>
    secret.has(unit.name) ? [] : [unit.name],
  );
  return [...new Set(names)];
};
