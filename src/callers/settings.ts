/** What the route file says about clients and people (interface.md §1). */
import { z } from 'zod';
import { endDate } from '../scalars.ts';
import { readWriteLimits } from '../policy/settings.ts';

/** Does an address (text, IPv4 or IPv6) lie in the pinned ranges? Compiled by `pin.ts`. */
export type AddressPin = (address: string) => boolean;

const credential = z.strictObject({ apiKey: z.strictObject({}) });

/**
 * How a client proves who it is. `internal`: it never calls from outside; plans act as it. Output:
 * a list always, of credentials or of `internal` alone.
 */
const clientAuth = z
  .union([
    z.literal('internal', 'write a list such as [{ apiKey: {} }], or internal'),
    z
      .array(z.union([credential, z.literal('internal', 'write apiKey: {}, or internal')]))
      .min(1)
      .max(4),
  ])
  .transform((auth) => (auth === 'internal' ? [auth] : auth))
  .refine(
    (auth) => auth.length === 1 || !auth.includes('internal'),
    'internal stands alone: a client that plans act as has no key',
  );

export const clientSettings = z.strictObject({
  owner: z.string().min(3).max(200),
  purpose: z.string().min(3).max(500),
  expires: endDate,
  auth: clientAuth,
  from: z.array(z.string().min(2).max(64)).min(1).max(256).optional(),
  dialect: z.enum(['entra', 'okta', 'rfc']).optional(),
  whenHeld: z.enum(['refuse', 'retry', 'accept']).default('refuse'),
  limits: readWriteLimits.optional(),
});
export type ClientSettings = z.output<typeof clientSettings>;

export const roles = ['viewer', 'operator', 'approver', 'auditor', 'admin'] as const;
export type Role = (typeof roles)[number];

export const personSettings = z.strictObject({
  name: z.string().min(1).max(200),
  roles: z.array(z.enum(roles)).min(1),
  until: endDate,
});
export type PersonSettings = z.output<typeof personSettings>;
