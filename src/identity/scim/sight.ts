/**
 * Does a caller see all of a resource? Where it does not, whatever changes with the whole (entity
 * tags, `meta.version`, the list of `schemas`) would tell of what is hidden.
 */
import type { AttributeName } from '../operation.ts';
import { seesEveryCopy } from './copies.ts';
import type { CopyScope } from './copies.ts';
import type { ResourceType } from './schema-model.ts';
import { attributeName } from './schemas.ts';

/** What a caller sees of the resources of one type. */
export type Sight = Readonly<{
  /** Its read list, asked with leaves in rule spelling. */
  mayRead(name: AttributeName): boolean;
  copies: CopyScope;
}>;

/** A name that no list can hold: read lists that name what they show do not show it. */
const unnamed = 'urn:sallyport:nobody:named:this';

const leavesKnown = new WeakMap<ResourceType, readonly AttributeName[]>();

const leavesOf = (type: ResourceType): readonly AttributeName[] => {
  const known = leavesKnown.get(type);
  if (known !== undefined) return known;
  const schemas = [type.schema, ...Object.values(type.extensions)];
  const leaves = schemas.flatMap((schema, position) =>
    Object.values(schema.attributes).flatMap(({ name: attribute, sub }) => {
      const path = position === 0 ? { attribute } : { schema: schema.id, attribute };
      return sub === undefined
        ? [attributeName(path)]
        : Object.values(sub).map(({ name }) => attributeName({ ...path, sub: name }));
    }),
  );
  leavesKnown.set(type, leaves);
  return leaves;
};

/** Does the read list cover every attribute, also those nobody gave a meaning? */
export const readsAll = (type: ResourceType, mayRead: Sight['mayRead']): boolean =>
  mayRead(unnamed) && leavesOf(type).every((name) => mayRead(name));

/** Does the caller see everything, copies of other resources' names included? */
export const seesAll = (type: ResourceType, sight: Sight): boolean =>
  seesEveryCopy(type, sight.copies) && readsAll(type, (name) => sight.mayRead(name));

/**
 * Attributes that change with what may be hidden: who does not see all may not ask by them (in a
 * filter or an order). Rule spelling.
 */
export const changesWithTheWhole: ReadonlySet<AttributeName> = new Set([
  'schemas',
  'meta',
  'meta.version',
]);
