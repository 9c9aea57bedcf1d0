/** What the route file says about targets (interface.md §1). */
import { z } from 'zod';
import { knobSettings } from '../identity/dialects/knobs.ts';
import { targetDialects } from '../identity/dialects/target-table.ts';
import {
  guardSettings,
  privilegedSettings,
  protectionSettings,
} from '../policy/safety-settings.ts';
import { duration, endDate, limit, percent, secretReference } from '../scalars.ts';

const expires = endDate.optional();

/** One credential slot; the first usable one is sent. Further kinds come with their steps. */
export const credential = z.union([
  z.strictObject({ bearer: secretReference, expires }),
  z.strictObject({
    basic: z.strictObject({ username: z.string().min(1), password: secretReference }),
    expires,
  }),
  z.strictObject({
    header: z.strictObject({
      name: z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'write a header name'),
      value: secretReference,
    }),
    expires,
  }),
]);
export type CredentialSettings = z.output<typeof credential>;

export const targetSettings = z.strictObject({
  baseUrl: z.url({ protocol: /^https?$/, error: 'write an absolute http(s) URL' }),
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$/)
    .optional(),
  /** A set of knobs under the vendor's name. */
  dialect: z.enum(Object.keys(targetDialects) as ['rfc', ...string[]]).default('rfc'),
  /** Single deviations, over those of the dialect. */
  knobs: knobSettings.optional(),
  auth: z.array(credential).min(1).max(4).optional(),
  limits: z
    .strictObject({
      reads: limit.optional(),
      writes: limit.optional(),
      concurrent: z.int().min(1).max(1_024).default(16),
      queue: z.int().min(0).max(100_000).default(512),
      wait: duration.default(20_000),
    })
    .prefault({}),
  timeout: duration.default(10_000),
  settleAfter: duration.default(120_000),
  retry: z
    .strictObject({ attempts: z.int().min(1).max(10).default(3), budget: percent.default(0.2) })
    .prefault({}),
  breaker: z
    .strictObject({
      failures: percent.default(0.5),
      minimum: z.int().min(1).max(10_000).default(10),
      window: duration.default(30_000),
      open: duration.default(15_000),
    })
    .prefault({}),
  /** CIDRs that the connect guard lets through; metadata addresses stay blocked. */
  allowPrivate: z.array(z.string()).max(64).default([]),
  /** Limits on the blast radius, of its whole tenant. */
  guards: z.array(guardSettings).max(100).optional(),
  /** Subjects that some changes never hit, of its whole tenant. */
  protected: z.array(protectionSettings).max(100).optional(),
  /** What grants privilege there: changes of it count as users:entitle. */
  privileged: privilegedSettings.optional(),
  /** Endpoints beside Users and Groups that the target serves (`Devices`); granted as `devices:`. */
  resources: z
    .array(z.string().regex(/^[A-Z][A-Za-z0-9]{0,62}$/, 'write an endpoint such as Devices'))
    .max(64)
    .optional(),
  /** File of schemas this target declares, relative to the route file (`sallyport discover`). */
  schemas: z
    .string()
    .max(500)
    .regex(/^[^/\\]./, 'write the path of a file relative to the route file')
    .optional(),
});
export type TargetSettings = z.output<typeof targetSettings>;
