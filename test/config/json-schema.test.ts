import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import {
  isKeyMap,
  jsonSchema,
  printJsonSchema,
  type JsonSchema,
} from '../../src/config/json-schema.ts';
import { keyDescriptions } from '../../src/config/key-descriptions.ts';

test('config/gateway.schema.json is what the code says (npm run generate)', async () => {
  const file = new URL('../../config/gateway.schema.json', import.meta.url);
  assert.equal(await readFile(file, 'utf8'), printJsonSchema());
});

const used = new Set<string>();
const bare: string[] = [];

const visit = (schema: JsonSchema, path: string): void => {
  used.add(path);
  for (const [key, value] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? key : `${path}.${key}`;
    if (value.description === undefined) bare.push(at);
    visit(value, at);
  }
  if (isKeyMap(schema.additionalProperties)) visit(schema.additionalProperties, `${path}.*`);
  if (isKeyMap(schema.items)) visit(schema.items, `${path}.*`);
  for (const each of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) visit(each, path);
};

test('every key is described, and every description has its key', () => {
  visit(jsonSchema(), '');
  assert.deepEqual(bare, []);
  assert.deepEqual(
    [...keyDescriptions.keys()].filter((path) => !used.has(path)),
    [],
  );
});

test('maps of keys are closed, names are restricted, the environment may fill tight scalars', () => {
  const schema = jsonSchema();
  assert.equal(schema.additionalProperties, false);
  const client = (schema.properties?.['clients']?.additionalProperties ?? {}) as JsonSchema;
  assert.equal(client.additionalProperties, false);
  assert.deepEqual(schema.required, ['version', 'store']);
  const target = schema.properties?.['targets']?.additionalProperties as JsonSchema;
  const concurrent = target.properties?.['limits']?.properties?.['concurrent'];
  assert.deepEqual(concurrent?.anyOf?.[1], { $ref: '#/$defs/fromEnvironment' });
  const key = schema.properties?.['store']?.properties?.['encryptionKeys']?.items as JsonSchema;
  assert.equal(key.anyOf, undefined);
});

test('what is written once in the file says the same as where it is written out', () => {
  const printed = JSON.parse(printJsonSchema()) as JsonSchema;
  const { $defs, ...whole } = printed;
  const defs = Object.entries($defs as object) as [string, unknown][];
  const shared = Object.fromEntries(defs.filter(([name]) => /^shared\d+$/.test(name)));
  const others = Object.fromEntries(defs.filter(([name]) => !Object.hasOwn(shared, name)));
  assert.ok(Object.keys(shared).length > 0);
  const inPlace = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(inPlace);
    const [, name] = /^#\/\$defs\/(.+)$/.exec(String((value as JsonSchema)['$ref'])) ?? [];
    if (name !== undefined && Object.hasOwn(shared, name)) return inPlace(shared[name]);
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inPlace(each)]));
  };
  assert.deepEqual({ ...(inPlace(whole) as object), $defs: others }, jsonSchema());
});
