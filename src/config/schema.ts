/**
 * The route file as one Zod schema, put together from the pieces the rooms own (interface.md §1).
 * Keys that come with later steps are not in it: see not-yet.ts.
 */
import { z } from 'zod';
import { clientSettings, personSettings } from '../callers/settings.ts';
import { deliverSettings, enrichSettings, planSettings } from '../deliveries/settings.ts';
import { profileSettings } from '../identity/attributes/settings.ts';
import { eventSettings } from '../identity/events/settings.ts';
import { holdSettings } from '../holds/settings.ts';
import { approvalSettings, authzenSettings, verifySettings } from '../policy/safety-settings.ts';
import { grant, permission } from '../policy/settings.ts';
import { address, duration, name, secretReference, size } from '../scalars.ts';
import { webhookSettings } from '../signatures/settings.ts';
import { targetSettings } from '../targets/settings.ts';
import {
  limitsUrlShape,
  limitsUrlWanted,
  readLimitsUrl,
  readStoreUrl,
  storeUrlShape,
  storeUrlWanted,
  type Read,
} from './store-url.ts';

const day = 86_400_000;

const environmentName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'write lower-case letters, digits and -, at most 32');

const cidrs = z.array(z.string().min(2).max(64)).max(256);

export const serverSettings = z.strictObject({
  listen: address.prefault('127.0.0.1:8080'),
  publicUrl: z
    .url({ protocol: /^https?$/, error: 'write an absolute http(s) URL' })
    .max(500)
    .optional(),
  maxBody: size
    .refine((bytes) => bytes >= 1_024 && bytes <= 64 * 1_048_576, 'write 1KiB to 64MiB')
    .prefault('1MiB'),
  trustedProxies: cidrs.default([]),
});

export const adminSettings = z.strictObject({
  listen: address.prefault('127.0.0.1:8081'),
  people: z.array(personSettings).max(1_000).default([]),
});

/** A URL through its reader; the rest of the shape is only for editors. */
const urlOf = <Value>(shape: RegExp, wanted: string, read: (text: string) => Read<Value>) =>
  z
    .string()
    .max(2_000)
    .regex(shape, wanted)
    .transform((text, context): Value => {
      const found = read(text);
      if ('value' in found) return found.value;
      context.addIssue({ code: 'custom', message: found.problem });
      return z.NEVER;
    });

const limitsUrl = urlOf(limitsUrlShape, limitsUrlWanted, readLimitsUrl);
const login = z.string().min(1).max(63);

export const storeSettings = z.strictObject({
  url: urlOf(storeUrlShape, storeUrlWanted, readStoreUrl),
  user: login.optional(),
  password: secretReference.optional(),
  lease: duration.refine((ms) => ms >= 2_000 && ms <= 600_000, 'write 2s to 10m').prefault('30s'),
  sharedLimits: z
    .union([
      limitsUrl.transform((url) => ({ url, user: undefined, password: undefined })),
      z.strictObject({
        url: limitsUrl,
        user: login.optional(),
        password: secretReference.optional(),
      }),
    ])
    .optional(),
  encryptionKeys: z.array(secretReference).min(1).max(8),
  checkpoints: z.strictObject({
    key: secretReference,
    every: duration.refine((ms) => ms >= 1_000 && ms <= day, 'write 1s to 1d').prefault('1m'),
    to: z
      .array(z.string().regex(/^(log|file:.{1,1000})$/, 'write log or file: and a path'))
      .min(1)
      .max(8)
      .default(['log']),
  }),
  retention: z
    .strictObject({
      ledger: duration.refine((ms) => ms >= day, 'keep at least 1d').prefault('400d'),
      bodies: duration.prefault('30d'),
      deliveries: duration.prefault('14d'),
    })
    .prefault({}),
});

const routePath = z
  .string()
  .max(200)
  .regex(/^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~-]+)+$/, 'write a path such as /scim/slack');

/** A route that serves SCIM. */
export const routeSettings = z.strictObject({
  path: routePath,
  scim: name,
  normalise: name.optional(),
  before: z.enum(['capture', 'needed']).default('needed'),
  verify: verifySettings.prefault([]),
  approval: approvalSettings.optional(),
  authzen: authzenSettings.optional(),
  deletes: z.enum(['passthrough', 'deactivate']).default('passthrough'),
  turns: z.enum(['gateway', 'shared']).default('gateway'),
  emptyLists: z
    .array(z.string().regex(/^[A-Z][A-Za-z0-9]{0,62}$/, 'write an endpoint such as Groups'))
    .max(64)
    .default([]),
  trace: z.enum(['restart', 'continue']).default('restart'),
  bulk: z
    .union([
      z.literal('off'),
      z.strictObject({ operations: z.int().min(1).max(1_000).default(100) }),
    ])
    .prefault({}),
  grants: z.array(grant).max(10_000).default([]),
});

/** A route that takes webhooks. */
export const webhookRouteSettings = z.strictObject({
  path: routePath,
  webhook: webhookSettings,
  enrich: enrichSettings.optional(),
  event: eventSettings.optional(),
  deliver: deliverSettings.default([]),
  trace: z.enum(['restart', 'continue']).default('restart'),
});

export type ServerSettings = z.output<typeof serverSettings>;
export type AdminSettings = z.output<typeof adminSettings>;
export type StoreFileSettings = z.output<typeof storeSettings>;
export type RouteSettings = z.output<typeof routeSettings>;
export type WebhookRouteSettings = z.output<typeof webhookRouteSettings>;

/** Sections that hold named entries, with the schema of one entry (of routes: of one that serves SCIM). */
export const namedSections = {
  clients: clientSettings,
  targets: targetSettings,
  profiles: profileSettings,
  permissions: permission,
  routes: routeSettings,
  plans: planSettings,
} as const;
export type NamedSection = keyof typeof namedSections;

/** Which section each key of `defaults:` lies under. */
export const defaultSections = { route: 'routes', target: 'targets', client: 'clients' } as const;

/** Keys that stand alone; each is parsed for itself so that one mistake hides no other. */
export const singleKeys = {
  version: z.literal(1, 'write version: 1'),
  environment: environmentName.default('production'),
  server: serverSettings.prefault({}),
  admin: adminSettings.prefault({}),
  store: storeSettings,
  reload: z.enum(['careful', 'auto', 'manual']).default('careful'),
  holds: holdSettings.prefault({}),
} as const;

const includeList = z.array(z.string().min(1).max(500)).max(100);

/** The whole file, for the JSON Schema and the list of known keys. */
export const routeFile = z.strictObject({
  ...singleKeys,
  include: includeList.optional(),
  defaults: z
    .strictObject({
      route: routeSettings.partial().optional(),
      target: targetSettings.partial().optional(),
      client: clientSettings.partial().optional(),
    })
    .optional(),
  clients: z.record(name, clientSettings).optional(),
  targets: z.record(name, targetSettings).optional(),
  profiles: z.record(name, profileSettings).optional(),
  permissions: z.record(name, permission).optional(),
  routes: z.record(name, z.union([routeSettings, webhookRouteSettings])).optional(),
  plans: z.record(name, planSettings).optional(),
});

/** Where secrets stand: `*` is any name or index. Nothing is put in there from the environment. */
export const secretPaths: readonly (readonly string[])[] = [
  ['store', 'password'],
  ['store', 'sharedLimits', 'password'],
  ['store', 'encryptionKeys', '*'],
  ['store', 'checkpoints', 'key'],
  ['targets', '*', 'auth', '*', 'bearer'],
  ['targets', '*', 'auth', '*', 'basic', 'password'],
  ['targets', '*', 'auth', '*', 'header', 'value'],
  ['routes', '*', 'webhook', 'secrets', '*'],
  ['routes', '*', 'webhook', 'secrets', '*', 'value'],
  ['routes', '*', 'webhook', 'keys', '*'],
  ['routes', '*', 'webhook', 'keys', '*', 'key'],
  ['routes', '*', 'deliver', '*', 'sign', 'secret'],
  ['holds', 'notify', '*', 'sign', 'secret'],
  ['defaults', 'target', 'auth', '*', 'bearer'],
  ['defaults', 'target', 'auth', '*', 'basic', 'password'],
  ['defaults', 'target', 'auth', '*', 'header', 'value'],
];
