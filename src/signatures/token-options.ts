/** Options that schemes with tokens share, and how they become rules. */
import { z } from 'zod';
import type { TokenRules } from './token.ts';

const text = z.string().min(1).max(1_024);
/** One text or a list of them; output: the list. */
export const oneOrMore = z
  .union([text, z.array(text).min(1).max(64)])
  .transform((value) => (typeof value === 'string' ? [value] : value));
/** An address of public keys, https. */
export const httpsUrl = z
  .string()
  .max(2_048)
  .refine((value) => /^https:\/\/[^/?#@\s]+/.test(value) && URL.canParse(value), {
    error: 'write an https address',
  });
/** A tenant of Entra ID: its id. */
const tenantId = z
  .string()
  .regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, { error: 'write the id of a tenant' })
  .transform((id) => id.toLowerCase());
export const tenantList = z.array(tenantId).min(1).max(64);

/** Leeway where the route has no tolerance, and the longest there is, ms: messages may have more. */
const leewayMs = 60_000;
const leewayMsMax = 300_000;
/** Leeway of a token's ends, ms; `toleranceMs` 0 = the route has none. */
export const leewayOf = (toleranceMs: number): number =>
  toleranceMs === 0 ? leewayMs : Math.min(toleranceMs, leewayMsMax);

/** All issuers: those given, and the templates with each tenant in them. */
export const issuersOf = (
  issuer: readonly string[] | undefined,
  templates: readonly string[],
  tenants: readonly string[],
): TokenRules['issuers'] => {
  const all = [
    ...(issuer ?? []),
    ...templates.flatMap((template) =>
      tenants.map((tenant) => template.replace('{tenant}', () => tenant)),
    ),
  ];
  return all.length === 0 ? null : all;
};
