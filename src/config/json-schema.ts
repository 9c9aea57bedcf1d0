/**
 * The JSON Schema that editors use, generated from the Zod schema and checked in as
 * config/gateway.schema.json (`npm run generate`). Adds what Zod cannot know: what each key is for,
 * and that a value may come from the environment.
 */
import { z } from 'zod';
import { keyDescriptions } from './key-descriptions.ts';
import { routeFile } from './schema.ts';
import { describeOption } from './webhook-descriptions.ts';

/** The parts of JSON Schema (2020-12) that occur here. */
export type JsonSchema = {
  type?: string;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  propertyNames?: JsonSchema;
  items?: JsonSchema | boolean;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  enum?: unknown[];
  const?: unknown;
  pattern?: string;
  format?: string;
  description?: string;
  default?: unknown;
  [other: string]: unknown;
};

/** Is this a schema, and not `true`, `false` or absent? */
export const isKeyMap = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Does it stand where a schema does, and is no map of properties? */
const isSchema = (part: object): boolean =>
  ['type', 'anyOf', 'oneOf'].some(
    (key) =>
      typeof (part as JsonSchema)[key] === 'string' || Array.isArray((part as JsonSchema)[key]),
  );

const fromEnvironment = {
  type: 'string',
  pattern: '\\$\\{env:[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}',
  description: 'A value from the environment: ${env:NAME} or ${env:NAME:-default}.',
} as const;

const isReferenceOnly = (schema: JsonSchema): boolean =>
  typeof schema.pattern === 'string' && schema.pattern.startsWith('^\\$\\{');

/** A scalar whose written form leaves no room for `${env:NAME}`. */
const isTightScalar = (schema: JsonSchema): boolean =>
  !isReferenceOnly(schema) &&
  (['number', 'integer', 'boolean'].includes(schema.type ?? '') ||
    schema.enum !== undefined ||
    schema.const !== undefined ||
    (schema.type === 'string' && (schema.pattern !== undefined || schema.format !== undefined)));

const loosen = (schema: JsonSchema): JsonSchema => {
  const { description, default: preset, ...rest } = schema;
  return {
    ...(description === undefined ? {} : { description }),
    ...(preset === undefined ? {} : { default: preset }),
    anyOf: [rest, { $ref: '#/$defs/fromEnvironment' }],
  };
};

/** Descends with the dotted path of names; `*` stands for any name and for list entries. */
const finish = (schema: JsonSchema, path: string): JsonSchema => {
  const out: JsonSchema = { ...schema };
  const hint = keyDescriptions.get(path) ?? out.description ?? describeOption(path);
  if (hint !== undefined) out.description = hint;
  const join = (step: string): string => (path === '' ? step : `${path}.${step}`);
  if (out.properties !== undefined) {
    out.properties = Object.fromEntries(
      Object.entries(out.properties).map(([key, value]) => [key, finish(value, join(key))]),
    );
  }
  if (isKeyMap(out.additionalProperties))
    out.additionalProperties = finish(out.additionalProperties, join('*'));
  if (isKeyMap(out.items)) out.items = finish(out.items, join('*'));
  if (out.anyOf !== undefined) out.anyOf = out.anyOf.map((each) => finish(each, path));
  if (out.oneOf !== undefined) out.oneOf = out.oneOf.map((each) => finish(each, path));
  if (out.anyOf !== undefined) for (const each of out.anyOf) delete each.description;
  return isTightScalar(out) ? loosen(out) : out;
};

/** The schema as plain data; a new object each time. */
export const jsonSchema = (): JsonSchema => {
  const raw = z.toJSONSchema(routeFile, {
    io: 'input',
    target: 'draft-2020-12',
    unrepresentable: 'any',
  }) as JsonSchema;
  const { $schema, ...rest } = raw;
  return {
    $schema,
    $id: 'urn:sallyport:schema:gateway:1',
    title: 'Sallyport route file',
    ...finish(rest, ''),
    $defs: { ...(rest.$defs as Record<string, unknown> | undefined), fromEnvironment },
  };
};

/** Shortest text of a part that is written once, characters: less than that is easier to read in place. */
const sharedCharsMin = 250;

/** Every object of a value with its text, the outer ones first. */
const partsOf = function* (value: unknown): Generator<readonly [string, object]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [JSON.stringify(value), value];
  for (const each of Object.values(value)) yield* partsOf(each);
};

/** The same schema with parts that occur more than once under `$defs`: schemes stand in two places. */
const withSharedParts = ({ $defs, ...whole }: JsonSchema): JsonSchema => {
  const counts = new Map<string, number>();
  for (const [text, part] of partsOf(whole))
    if (text.length >= sharedCharsMin && isSchema(part))
      counts.set(text, (counts.get(text) ?? 0) + 1);
  const names = new Map<string, string>();
  const defs: Record<string, unknown> = { ...($defs as Record<string, unknown> | undefined) };
  const written = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(written);
    const text = JSON.stringify(value);
    const inside = () =>
      Object.fromEntries(Object.entries(value).map(([key, each]) => [key, written(each)]));
    if ((counts.get(text) ?? 0) < 2) return inside();
    const known = names.get(text);
    const name = known ?? `shared${names.size + 1}`;
    if (known === undefined) {
      names.set(text, name);
      defs[name] = inside();
    }
    return { $ref: `#/$defs/${name}` };
  };
  return { ...(written(whole) as JsonSchema), $defs: defs };
};

/** The text of config/gateway.schema.json. */
export const printJsonSchema = (): string =>
  `${JSON.stringify(withSharedParts(jsonSchema()), null, 2)}\n`;
