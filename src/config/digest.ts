/**
 * Digests of configuration: canonical (the order of keys never matters) and with every secret
 * replaced by its keyed fingerprint, so that a version can be shown to anyone.
 */
import { createHash } from 'node:crypto';
import { isSecretPath } from './environment.ts';
import { plain, type Tree } from './positions.ts';
import type { Path } from './problem.ts';

/** JSON with sorted keys. Takes what `plain` and Zod give: no cycles, no dates. */
export const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const record = value as Readonly<Record<string, unknown>>;
  const parts: string[] = [];
  for (const key of Object.keys(record).sort()) {
    if (record[key] !== undefined) parts.push(`${JSON.stringify(key)}:${canonical(record[key])}`);
  }
  return `{${parts.join(',')}}`;
};

/** SHA-256 of the canonical form, hex. */
export const digestOf = (value: unknown): string =>
  createHash('sha256').update(canonical(value)).digest('hex');

/** The tree as values, each secret as `fingerprint` gives it for its reference. */
export const withFingerprints = (
  tree: Tree,
  path: Path,
  fingerprint: (reference: string) => string,
): unknown => {
  if (tree.kind === 'scalar')
    return typeof tree.value === 'string' && isSecretPath(path)
      ? fingerprint(tree.value)
      : plain(tree);
  if (tree.kind === 'list')
    return tree.items.map((item, index) => withFingerprints(item, [...path, index], fingerprint));
  const out = Object.create(null) as Record<string, unknown>;
  for (const [key, entry] of tree.entries)
    out[key] = withFingerprints(entry.value, [...path, key], fingerprint);
  return out;
};
