/** What the tests of this folder share: a view with users, groups and devices, and short requests. */
import assert from 'node:assert/strict';
import { isRefusal } from '../../../src/errors.ts';
import type { ErrorCode } from '../../../src/errors.ts';
import type { Answer } from '../../../src/identity/call.ts';
import type { Json } from '../../../src/identity/json-value.ts';
import type { Operation } from '../../../src/identity/operation.ts';
import { coreTypes, genericType } from '../../../src/identity/scim/schemas.ts';
import { understand } from '../../../src/identity/scim/understand.ts';
import type { ScimRequest, ScimView } from '../../../src/identity/scim/understand.ts';

export const publicBase = 'https://gw.example.com/scim/slack';
export const targetBase = 'https://api.slack.example/scim/v2';
export const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const groupUrn = 'urn:ietf:params:scim:schemas:core:2.0:Group';
export const enterpriseUrn = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
export const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
export const scimErrorUrn = 'urn:ietf:params:scim:api:messages:2.0:Error';

export const types: ScimView['types'] = Object.assign(
  Object.create(null) as Record<string, never>,
  coreTypes,
  { devices: genericType('Devices') },
);

export const scimView: ScimView = {
  types,
  publicBase,
  hints: { client: null },
  keepPassword: true,
};

/** `requestOf('GET', '/Users/1?count=1')`; a string body is sent as it is. */
export const requestOf = (
  method: string,
  target: string,
  body: unknown = null,
  more: Partial<ScimRequest> = {},
): ScimRequest => {
  const at = target.indexOf('?');
  const path = at === -1 ? target : target.slice(0, at);
  return {
    method,
    segments: path.split('/').slice(1),
    query: at === -1 ? '' : target.slice(at + 1).replaceAll('"', '%22'),
    body: body === null ? null : typeof body === 'string' ? body : JSON.stringify(body),
    ifMatch: null,
    ifNoneMatch: null,
    ...more,
  };
};

/** Understood, or the test fails. */
export const meant = (
  method: string,
  target: string,
  body: unknown = null,
  more: Partial<ScimRequest> = {},
  view: ScimView = scimView,
): Operation => {
  const operation = understand(requestOf(method, target, body, more), view);
  if (isRefusal(operation)) assert.fail(`${operation.refused}: ${operation.detail}`);
  return operation;
};

/** Code of the refusal, or null where it was understood. */
export const refusalOf = (
  method: string,
  target: string,
  body: unknown = null,
  more: Partial<ScimRequest> = {},
): ErrorCode | null => {
  const operation = understand(requestOf(method, target, body, more), scimView);
  return isRefusal(operation) ? operation.refused : null;
};

export const answerOf = (
  status: number,
  body?: Json,
  headers: Record<string, string> = {},
  more: Partial<Answer> = {},
): Answer => ({ status, headers, body, readable: true, excerpt: '', ...more });

/** A value as JSON would carry it: prototypes and absent members do not count. */
export const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;

/** What is not a refusal, or the test fails. */
export const accepted = <T>(value: T): Exclude<T, { refused: ErrorCode }> => {
  if (isRefusal(value)) assert.fail(`${value.refused}: ${value.detail}`);
  return value as Exclude<T, { refused: ErrorCode }>;
};
