/**
 * `attributes` and `excludedAttributes` (RFC 7644 §3.9): read from a query, and asked while an
 * answer is presented. Names are canonical rule spelling; a name covers all that stands below it.
 */
import { isRefusal, refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import type { AttributeName, Projection } from '../operation.ts';
import type { Query } from './query.ts';
import type { ResourceType } from './schema-model.ts';
import { attributeName, resolveExtension, resolveName } from './schemas.ts';

/** Most names in one list. */
const projectionNamesMax = 100;

const readList = (type: ResourceType, text: string): readonly AttributeName[] | Refusal => {
  const parts = text.split(',');
  if (parts.length > projectionNamesMax) {
    return refuse('value_invalid', `Name at most ${projectionNamesMax} attributes.`);
  }
  const names = new Set<AttributeName>();
  for (const part of parts) {
    const name = part.trim();
    const extension = resolveExtension(type, name);
    const path = extension === null ? resolveName(type, name) : null;
    if (extension !== null) names.add(extension);
    else if (path !== null) names.add(attributeName(path));
  }
  return [...names];
};

/**
 * The projection a query asks for. Unknown names are dropped; a list of nothing but unknown names
 * asks for the minimum, `id`. Both lists at once exclude each other and are refused.
 */
export const readProjection = (type: ResourceType, query: Query): Projection | Refusal => {
  const { attributes = '', excludedAttributes = '' } = query;
  const wanted = attributes.trim() !== '';
  const unwanted = excludedAttributes.trim() !== '';
  if (wanted && unwanted) {
    return refuse('value_invalid', 'Send either attributes or excludedAttributes, not both.');
  }
  if (!wanted && !unwanted) return {};
  const names = readList(type, wanted ? attributes : excludedAttributes);
  if (isRefusal(names)) return names;
  if (wanted) return { attributes: names.length === 0 ? ['id'] : names };
  return names.length === 0 ? {} : { excluded: names };
};

/** Does a name cover another: itself, `name` all of `name.…`, a URN all of `urn:…`? */
const coversName = (outer: AttributeName, inner: AttributeName): boolean =>
  inner.startsWith(outer) &&
  (inner.length === outer.length || inner[outer.length] === '.' || inner[outer.length] === ':');

/** Is a leaf shown under a projection, its `returned` rule aside? */
export const isProjected = (projection: Projection, leaf: AttributeName): boolean => {
  const { attributes, excluded } = projection;
  if (attributes !== undefined) return attributes.some((name) => coversName(name, leaf));
  return excluded === undefined || !excluded.some((name) => coversName(name, leaf));
};
