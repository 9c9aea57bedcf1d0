/** OpenAPI 3.1 of the admin API, made from the table of operations; nothing is written by hand. */
import { z } from 'zod';
import { adminOperations } from './operations.ts';
import type { AdminOperation } from './operation.ts';

type JsonSchema = Readonly<{ properties?: Record<string, unknown>; required?: string[] }>;

const schemaOf = (entry: AdminOperation): JsonSchema =>
  z.toJSONSchema(entry.input, { io: 'input', unrepresentable: 'any' });

const parametersOf = (entry: AdminOperation) => {
  const { properties = {}, required = [] } = schemaOf(entry);
  return Object.entries(properties).flatMap(([name, schema]) => {
    const inPath = entry.path.includes(`{${name}}`);
    if (!inPath && entry.method !== 'GET') return [];
    const place = inPath ? 'path' : 'query';
    return [{ name, in: place, required: inPath || required.includes(name), schema }];
  });
};

const describe = (entry: AdminOperation) => ({
  operationId: entry.name,
  summary: entry.title,
  description: `Role: ${entry.role}.`,
  security: [{ person: [] }],
  parameters: parametersOf(entry),
  ...(entry.method === 'POST'
    ? { requestBody: { content: { 'application/json': { schema: schemaOf(entry) } } } }
    : {}),
  responses: {
    200: { description: 'Done.' },
    default: {
      description: 'Refused, with a code.',
      content: { 'application/problem+json': { schema: { type: 'object' } } },
    },
  },
});

/** The document. */
export const openApi = () => {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const entry of adminOperations) {
    const path = (paths[`/api/v1${entry.path}`] ??= {});
    path[entry.method.toLowerCase()] = describe(entry);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Sallyport admin API', version: '1' },
    paths,
    components: {
      securitySchemes: {
        person: { type: 'http', scheme: 'bearer', description: "A person's token, spa_…" },
      },
    },
  };
};
