/**
 * What a changed schemas file lets through that the old one did not: attributes that are new, or mean
 * something less strict. Conservative, as all of widening.ts.
 */
import type { TypesByEndpoint } from '../identity/scim/address.ts';
import type { Attribute, ResourceType, Schema } from '../identity/scim/schema-model.ts';

/** Names told in one line; a whole new schema has hundreds. */
const namesMax = 5;

const into = (out: Map<string, Attribute>, prefix: string, schema: Schema): void => {
  for (const attribute of Object.values(schema.attributes)) {
    out.set(`${prefix}${attribute.name}`, attribute);
    for (const sub of Object.values(attribute.sub ?? {}))
      out.set(`${prefix}${attribute.name}.${sub.name}`, sub);
  }
};

const attributesOf = (type: ResourceType): ReadonlyMap<string, Attribute> => {
  const out = new Map<string, Attribute>();
  into(out, '', type.schema);
  for (const schema of Object.values(type.extensions)) into(out, `${schema.id}:`, schema);
  return out;
};

const isFixed = ({ mutability, returned }: Attribute): boolean =>
  mutability !== 'readWrite' || returned === 'never';

/** Is the new meaning the same, or nothing but stricter? */
const isNoWider = (old: Attribute, next: Attribute): boolean =>
  old.type === next.type &&
  old.multiValued === next.multiValued &&
  old.caseExact === next.caseExact &&
  old.beyond === next.beyond &&
  (next.required || !old.required) &&
  (old.mutability === next.mutability ||
    (old.mutability === 'readWrite' && next.mutability !== 'writeOnly') ||
    (old.mutability === 'immutable' && next.mutability === 'readOnly')) &&
  (old.returned === next.returned || next.returned === 'never');

const told = (names: readonly string[], word: string, what: string): string[] =>
  names.length === 0
    ? []
    : [
        `${word}: ${what} ${names.slice(0, namesMax).join(', ')}${
          names.length > namesMax ? ` and ${names.length - namesMax} more` : ''
        }`,
      ];

const widerType = (old: ResourceType, next: ResourceType): string[] => {
  const before = attributesOf(old);
  const after = attributesOf(next);
  const added = [...after.keys()].filter((name) => !before.has(name));
  const changed = [...after].flatMap(([name, attribute]) => {
    const known = before.get(name);
    return known === undefined || isNoWider(known, attribute) ? [] : [name];
  });
  const freed = [...before].flatMap(([name, attribute]) =>
    after.has(name) || !isFixed(attribute) ? [] : [name],
  );
  return [
    ...(old.schema.id === next.schema.id ? [] : [`${next.word}: another schema`]),
    ...told(added, next.word, 'attributes declared:'),
    ...told(changed, next.word, 'another meaning of'),
    ...told(freed, next.word, 'nothing said any more of'),
  ];
};

/** In words what `next` lets through beyond `old`; a type that is new needs grants of its own. */
export const widerTypes = (old: TypesByEndpoint, next: TypesByEndpoint): readonly string[] =>
  old === next
    ? []
    : Object.entries(next).flatMap(([word, type]) => {
        const before = Object.hasOwn(old, word) ? old[word] : undefined;
        return before === undefined || before === type ? [] : widerType(before, type);
      });
