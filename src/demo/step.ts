/** One step of the demo's session as data, and what its bodies are made of. */
import type { DemoClient } from './route-file.ts';

/** What a step must come to. */
export type Expected = Readonly<{
  status: number;
  /** Error code of the answer; absent where it is a success. */
  code?: string;
  /** Actions the call means, as observed; absent where it was refused before it was understood. */
  actions?: readonly string[];
  /** `path rule` of every value brought into form, in the ledger's order. */
  normalised?: readonly string[];
  /** Rows of the client dialect table that were repaired. */
  repairs?: readonly string[];
  /** The target's resource afterwards has at least this; arrays are compared whole. */
  holds?: Readonly<Record<string, unknown>>;
}>;

export type Step = Readonly<{
  /** In words, for the table. */
  says: string;
  /** `stranger` sends a key nobody issued. */
  client: DemoClient | 'stranger';
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the route. */
  path: string;
  body?: unknown;
  /** The body as text, where it must not be valid JSON of ours. */
  raw?: string;
  keeps?: string;
  expect: Expected;
}>;

export const user = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
export const group = 'urn:ietf:params:scim:schemas:core:2.0:Group';
export const patch = (...Operations: readonly unknown[]) => ({
  schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
  Operations,
});
