/**
 * Does a change leave an attribute without a value that had one? By omission in a PUT, a removal, null or
 * an empty list alike. Told by the resource before and after; where it is not known, by the changes, as if
 * there had been a value.
 */
import type { AttributeName } from '../identity/operation.ts';
import type {
  Attribute,
  AttributePath,
  Change,
  Resource,
  ResourceType,
} from '../identity/scim/schema-model.ts';
import type { AttributeSet } from './decision.ts';
import { hasValue } from './values.ts';
import { namesIn, nameOfPath } from './written-names.ts';

const subsOf = (type: ResourceType, { schema, attribute }: AttributePath): readonly Attribute[] => {
  const found = schema === undefined ? type.schema : ownOf(type.extensions, schema.toLowerCase());
  return Object.values(ownOf(found?.attributes ?? {}, attribute.toLowerCase())?.sub ?? {});
};

const ownOf = <Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** Names that a change without a filter leaves empty. */
const emptiedBy = (change: Change, type: ResourceType): readonly AttributeName[] => {
  const { path } = change;
  if (path.filter !== undefined) return [];
  if (change.op !== 'remove' && hasValue(change.value)) return [];
  if (change.op === 'add') return [];
  const subs = path.sub === undefined ? subsOf(type, path) : [];
  return [nameOfPath(path), ...subs.map(({ name }) => nameOfPath({ ...path, sub: name }))];
};

/** Is one of the attributes cleared? Neither a creation nor a deletion clears anything. */
export const clearsAttribute = (
  attributes: AttributeSet,
  facts: Readonly<{
    type: ResourceType;
    before: Resource | null;
    after: Resource | null;
    changes: readonly Change[] | null;
  }>,
): boolean => {
  const { type, before, after, changes } = facts;
  if (changes === null) return false;
  if (before === null || after === null) {
    return changes.some((change) =>
      emptiedBy(change, type).some((name) => attributes.covers(name)),
    );
  }
  const left = new Set(namesIn(after).map((name) => name.toLowerCase()));
  return namesIn(before).some((name) => {
    if (left.has(name.toLowerCase()) || !attributes.covers(name)) return false;
    // Of elements that stay, a part that goes (`emails.display`) clears nothing that was named whole.
    const whole = wholeOf(name);
    return whole === null || !left.has(whole) || !attributes.covers(whole);
  });
};

/** The attribute of a sub-attribute, lower-cased; null where the name has none. */
const wholeOf = (name: AttributeName): string | null => {
  const folded = name.toLowerCase();
  const dot = folded.indexOf('.', folded.startsWith('urn:') ? folded.lastIndexOf(':') : 0);
  return dot < 0 ? null : folded.slice(0, dot);
};
