/**
 * A resource as expressions see it: every attribute of its schemas is there, and an absent one reads
 * as empty ('' · false · 0 · [] · an object of empties). So `after.title == ""` asks what it says, and
 * a condition does not fail because somebody has no phone. Numbers are CEL doubles.
 */
import { bareCopy, bareObject, isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { Attribute, Resource, ResourceType } from './schema-model.ts';

type View = Readonly<Record<string, unknown>>;
/** What a complex attribute or an extension looks like when empty, and which of its members nest. */
type Template = Readonly<{
  empty: View;
  /** The same with a prototype: of this a copy is made in less time. */
  mould: View;
  nested: readonly (readonly [string, Template])[];
}>;

const emptyByType = {
  string: '',
  dateTime: '',
  reference: '',
  binary: '',
  boolean: false,
  integer: 0,
  decimal: 0,
  complex: '',
} as const satisfies Record<Attribute['type'], unknown>;

const noList: readonly unknown[] = Object.freeze([]);

const asTemplate = (empty: View, nested: Template['nested']): Template => ({
  empty: Object.freeze(empty),
  mould: Object.freeze({ ...empty }),
  nested,
});

const templateOf = (attributes: Readonly<Record<string, Attribute>>): Template => {
  const empty = bareObject<unknown>();
  const nested: [string, Template][] = [];
  for (const attribute of Object.values(attributes)) {
    const inner = attribute.sub === undefined ? null : templateOf(attribute.sub);
    if (inner !== null) nested.push([attribute.name, inner]);
    const single = inner === null ? emptyByType[attribute.type] : inner.empty;
    empty[attribute.name] = attribute.multiValued ? noList : single;
  }
  return asTemplate(empty, nested);
};

const makeTemplate = (type: ResourceType): Template => {
  const core = templateOf(type.schema.attributes);
  const extensions = Object.values(type.extensions).map(
    (schema) => [schema.id, templateOf(schema.attributes)] as const,
  );
  const empty = bareCopy(core.empty);
  for (const [urn, template] of extensions) empty[urn] = template.empty;
  return asTemplate(empty, [...core.nested, ...extensions]);
};

const templates = new WeakMap<ResourceType, Template>();

const filled = (value: JsonObject, { mould, nested }: Template): View => {
  const view = bareCopy<unknown>(mould, value);
  // CEL tells maps by their `constructor`; one from outside would make the whole view unreadable.
  if ('constructor' in view) delete view['constructor'];
  for (const [name, template] of nested) {
    const member = value[name];
    if (member !== undefined) view[name] = filledMember(member, template);
  }
  return view;
};

const filledMember = (member: Json, template: Template): unknown => {
  if (isArray(member)) {
    return member.map((item) => (isObject(item) ? filled(item, template) : item));
  }
  return isObject(member) ? filled(member, template) : member;
};

/**
 * The view of a resource, or of none (`null`: all empty). Attributes outside the schemas stand as
 * they are, and read as missing where they are absent. The result has a null prototype and shares
 * frozen empties; nobody writes to it.
 */
export const emptyView = (resource: Resource | null, type: ResourceType): View => {
  let template = templates.get(type);
  if (template === undefined) {
    template = makeTemplate(type);
    templates.set(type, template);
  }
  return resource === null ? template.empty : filled(resource, template);
};
