/**
 * What the route file says of safety (interface.md §1): guards, protected subjects, privileged targets,
 * approvals and the external decision point. Shapes only; compile-guards, compile-protection,
 * compile-privileged and compile-approval give them their meaning.
 */
import { z } from 'zod';
import { duration, name, percent, requestPath } from '../scalars.ts';

const dayMs = 86_400_000;

/** `users:deactivate`, or `users:*`: here it stands for every change there is, deletion included. */
const action = z
  .string()
  .regex(
    /^[a-z][a-z0-9]{0,63}:(\*|[a-z][a-z-]{0,31})$/,
    'write an action such as users:deactivate',
  );
const actions = z.array(action).min(1).max(100);

const count = z.int().min(1).max(1_000_000);
const share = percent.refine((part) => part > 0, 'write 1% to 100%');
const windowLength = duration.refine((ms) => ms >= 1_000 && ms <= 31 * dayMs, 'write 1s to 31d');
const approvals = z.int().min(1).max(10).default(1);

const patterns = z.array(z.string().trim().min(1).max(300)).min(1).max(500);
const attributePaths = z.array(z.string().min(1).max(300)).min(1).max(100);

/** One limit on the blast radius. */
export const guardSettings = z.strictObject({
  name,
  actions: actions.optional(),
  detect: z.enum(['emptied', 'replaced', 'cleared']).optional(),
  /** With `detect: cleared`. */
  attributes: attributePaths.optional(),
  /** With `detect: emptied` and `replaced`: groups with more members than this. */
  above: z.int().min(0).max(1_000_000).optional(),
  /** With `detect: replaced`: the share of members that may go. */
  share: share.optional(),
  count: count.optional(),
  percent: share.optional(),
  in: windowLength.optional(),
  /** A second, longer window, against drips. */
  slow: z
    .strictObject({ count: count.optional(), percent: share.optional(), in: windowLength })
    .optional(),
  per: z.enum(['client', 'tenant', 'group']).default('client'),
  then: z.enum(['hold', 'deny']).default('hold'),
  by: approvals,
});
export type GuardSettings = z.output<typeof guardSettings>;

/** Ids at the target, as they are. */
const ids = z.array(z.string().min(1).max(256)).min(1).max(1_000);
const condition = z.string().min(1).max(2_000);

/** Any of these protects: patterns by attribute path, ids, membership, a condition over `before`. */
const protectedUsers = z
  .object({ ids: ids.optional(), memberOf: patterns.optional(), when: condition.optional() })
  .catchall(patterns);
const protectedGroups = z
  .object({ ids: ids.optional(), when: condition.optional() })
  .catchall(patterns);

/** Subjects that some changes must never hit. */
export const protectionSettings = z.strictObject({
  name,
  users: protectedUsers.optional(),
  groups: protectedGroups.optional(),
  /** Verbs of the rule's own resource; of users also add-member and remove-member. */
  never: z.array(z.string().min(1).max(64)).min(1).max(64),
});
export type ProtectionSettings = z.output<typeof protectionSettings>;

/** What grants privilege. */
export const privilegedSettings = z
  .strictObject({
    groups: z.array(z.string().trim().min(1).max(300)).max(500).optional(),
    attributes: attributePaths.optional(),
  })
  .refine(
    ({ groups, attributes }) => groups !== undefined || attributes !== undefined,
    'write groups, attributes or both',
  );
export type PrivilegedSettings = z.output<typeof privilegedSettings>;

/** `approval:` of a route. */
export const approvalSettings = z.strictObject({
  required: actions,
  by: approvals,
  expires: duration
    .refine((ms) => ms >= 60_000 && ms <= 31 * dayMs, 'write 1m to 31d')
    .prefault('24h'),
  remember: duration.refine((ms) => ms <= 31 * dayMs, 'at most 31d').prefault('7d'),
  passwords: z.enum(['drop', 'keep']).default('drop'),
});
export type ApprovalSettings = z.output<typeof approvalSettings>;

/** `authzen:` of a route: an external decision point. */
export const authzenSettings = z.strictObject({
  target: name,
  path: requestPath.prefault('/access/v1/evaluation'),
  timeout: duration.refine((ms) => ms >= 50 && ms <= 30_000, 'write 50ms to 30s').prefault('2s'),
  actions: actions.optional(),
});
export type AuthzenSettings = z.output<typeof authzenSettings>;

/** `verify:` of a route: a list of actions, or with times at which it is looked at again. */
export const verifySettings = z.union([
  z
    .array(action)
    .max(100)
    .transform((list) => ({ actions: list, again: [] as number[], every: null, listed: true })),
  z
    .strictObject({
      actions,
      again: z
        .array(duration.refine((ms) => ms >= 1_000 && ms <= 31 * dayMs, 'write 1s to 31d'))
        .max(10)
        .default([]),
      every: duration
        .refine((ms) => ms >= 60_000 && ms <= 31 * dayMs, 'write 1m to 31d')
        .optional(),
    })
    .transform(({ every, ...rest }) => ({ ...rest, every: every ?? null, listed: false })),
]);
export type VerifySettings = z.output<typeof verifySettings>;
