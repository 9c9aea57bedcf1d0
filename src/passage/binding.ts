/**
 * What an approval is bound to: the mutation as it will go out, and the resource it was decided over.
 * Hashes of canonical JSON (RFC 8785); any difference makes another hash.
 */
import { createHash } from 'node:crypto';
import type { Mutation } from '../identity/operation.ts';
import type { Resource } from '../identity/scim/schema-model.ts';

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** JSON with member names in order of code units (RFC 8785 §3.2.3); absent members are left out. */
export const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
};

/** What of a mutation goes out: not its repairs, nor what its caller wants to be shown. */
const meaningOf = (operation: Mutation): unknown => {
  const { verb, type } = operation;
  if (verb === 'create') return { verb, type: type.name, resource: operation.resource };
  const { id, preconditions } = operation;
  const base = { verb, type: type.name, id, preconditions };
  if (verb === 'replace') return { ...base, resource: operation.resource };
  return verb === 'patch' ? { ...base, changes: operation.changes } : base;
};

/** 32 bytes over tenant, route, client and mutation. */
export const mutationHash = (
  operation: Mutation,
  about: Readonly<{ tenant: string; route: string; client: string }>,
): Buffer => sha256(canonicalJson({ ...about, mutation: meaningOf(operation) }));

/** `$ref` only repeats `value`, spelled for the side it is shown to. */
const withoutLinks = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutLinks);
  if (typeof value !== 'object' || value === null) return value;
  const { $ref: _ref, ...rest } = value as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(rest).map(([name, member]) => [name, withoutLinks(member)]),
  );
};

/** `meta` moves with every read at some targets, and `schemas` follows from the rest. */
const meant = (resource: Resource): unknown => {
  const { meta: _meta, schemas: _schemas, ...rest } = resource;
  return withoutLinks(rest);
};

/**
 * 32 bytes over the resource without `meta`, `schemas` and links: alike as the passage reads it and as
 * it is presented; null where none is known.
 */
export const resourceHash = (resource: Resource | null): Buffer | null =>
  resource === null ? null : sha256(canonicalJson(meant(resource)));
