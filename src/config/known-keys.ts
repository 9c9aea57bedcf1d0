/**
 * Which keys may stand at a place of the route file, read off the generated JSON Schema: for "did
 * you mean" only, so it is built on the first mistake and never on a good file.
 */
import { isKeyMap, jsonSchema, type JsonSchema } from './json-schema.ts';
import type { Path } from './problem.ts';

const alternatives = (schema: JsonSchema): JsonSchema[] => [
  schema,
  ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap(alternatives),
];

const below = (schema: JsonSchema, step: string | number): JsonSchema[] =>
  alternatives(schema).flatMap((each) => {
    if (typeof step === 'number') return isKeyMap(each.items) ? [each.items] : [];
    const properties = each.properties ?? {};
    if (Object.hasOwn(properties, step)) return [properties[step]].filter(isKeyMap);
    return isKeyMap(each.additionalProperties) ? [each.additionalProperties] : [];
  });

let cached: JsonSchema | null = null;

/** Names of the keys that the map at `path` may have. */
export const knownKeys = (path: Path): readonly string[] => {
  cached ??= jsonSchema();
  let schemas: JsonSchema[] = [cached];
  for (const step of path) schemas = schemas.flatMap((schema) => below(schema, step));
  return schemas.flatMap(alternatives).flatMap((schema) => Object.keys(schema.properties ?? {}));
};
