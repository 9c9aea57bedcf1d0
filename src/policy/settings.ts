/** What the route file says about permissions and grants (interface.md §1, §2). */
import { z } from 'zod';
import { endDate, limit, name, rate } from '../scalars.ts';

export const readWriteLimits = z.strictObject({
  reads: limit.optional(),
  writes: limit.optional(),
});

const attributeList = z.array(z.string().min(1).max(300)).min(1).max(500);

const writeRule = z.strictObject({
  only: attributeList.optional(),
  except: attributeList.optional(),
  denied: z.enum(['refuse', 'drop']).default('refuse'),
});
const readRule = z.strictObject({
  only: attributeList.optional(),
  except: attributeList.optional(),
});

/** What a grant allows on one resource (`users:`, `groups:`, any declared type). */
export const resourceRule = z.strictObject({
  actions: z.array(z.string().min(1).max(64)).min(1).max(64),
  write: writeRule.optional(),
  read: readRule.optional(),
  /** groups: patterns of displayName, `*` matches any run of characters. */
  only: attributeList.optional(),
  except: attributeList.optional(),
  when: z.string().min(1).max(2_000).optional(),
});
export type ResourceRule = z.output<typeof resourceRule>;

const grantKeys = ['client', 'use', 'limits', 'mode', 'until', 'me', 'urgent'] as const;

/** An id as a path may hold it; the target gave it, so nothing else is known of it. */
const userId = z
  .string()
  .regex(/^(?!\.{1,2}$)[^\s\p{C}/\\%?#;]{1,256}$/u, 'write the id of a user at the target');

const resourceWord = /^[a-z][a-z0-9]{0,63}$/;

/** A permission: resource word -> rule. */
export const permission = z.record(
  z.string().regex(resourceWord, 'write the resource in lower case: users, groups, …'),
  resourceRule,
);
export type PermissionSettings = z.output<typeof permission>;

/** A grant: either `use: permission`, or resource rules beside `client`. */
export const grant = z
  .object({
    client: name,
    use: name.optional(),
    limits: readWriteLimits.optional(),
    mode: z.enum(['enforce', 'shadow']).default('enforce'),
    until: endDate.optional(),
    /** The user at the target whom the client is: what /Me stands for. */
    me: userId.optional(),
    /** Revocations that do not count in the tenant's guards: so many in a window of their own. */
    urgent: rate.optional(),
  })
  .catchall(resourceRule);
export type GrantSettings = z.output<typeof grant>;
export { grantKeys };
