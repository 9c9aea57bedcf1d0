/**
 * `routes.*.webhook` and `deliver.sign` as they are written. What single senders take beside is merged
 * in from their descriptors; a key that is not of the chosen sender is refused where it stands.
 */
import { z } from 'zod';
import { duration, endDate, limit, secretReference, size } from '../scalars.ts';
import type { SecretReference } from '../scalars.ts';
import { headerName, place } from './places.ts';
import { schemes, senders } from './table.ts';

const dayMs = 86_400_000;
const keyId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
  error: 'an id has letters, digits, . _ and -, at most 64',
});
const validity = {
  id: keyId.optional(),
  /** First day on which it fits. */
  from: endDate.transform((end) => end - dayMs).optional(),
  /** Last day on which it fits. */
  until: endDate.optional(),
};
const secret = z.union([secretReference, z.strictObject({ value: secretReference, ...validity })], {
  error: 'a secret is a reference, ${env:NAME} or ${file:path}, or { value, id, from, until }',
});
/** Public keys are no secrets; written out they are easier to check. */
const publicKey = z.union(
  [
    secretReference,
    z.strictObject({
      key: z.union([secretReference, z.string().min(16).max(16_384)]),
      ...validity,
    }),
  ],
  { error: 'a key is a reference, or { key, id, from, until } with the public key itself' },
);

const timeUnit = z.enum(['s', 'ms', 'rfc3339', 'either']);
/** `custom`: options of one scheme under its name, and where the texts outside of it stand. */
const template = z.strictObject({
  ...Object.fromEntries(
    Object.values(schemes).map(({ name, options }) => [name, options.optional()] as const),
  ),
  id: place.optional(),
  time: z.strictObject({ at: place, unit: timeUnit }).optional(),
  sequence: place.optional(),
  retry: place.optional(),
  /** Headers to keep beside those that verifying needs. */
  keep: z.array(headerName).max(16).optional(),
});
/** The template of a custom sender; options of schemes as they parsed them, by name. */
export type CustomTemplate = Readonly<{
  id?: z.output<typeof place> | undefined;
  time?: Readonly<{ at: z.output<typeof place>; unit: z.output<typeof timeUnit> }> | undefined;
  sequence?: z.output<typeof place> | undefined;
  retry?: z.output<typeof place> | undefined;
  keep?: readonly string[] | undefined;
}> &
  Readonly<Record<string, unknown>>;

const shape = {
  scheme: z.enum(['custom', ...Object.keys(senders)]),
  secrets: z.array(secret).min(1).max(16).optional(),
  keys: z.array(publicKey).min(1).max(16).optional(),
  template: template.optional(),
  /** How far a signed time may lie from ours, either way. */
  tolerance: duration.optional(),
  dedupe: z
    .strictObject({
      window: duration.optional(),
      by: z.enum(['id', 'signature', 'body', 'none']).optional(),
    })
    .optional(),
  rate: limit.optional(),
  maxBody: size.optional(),
  silentAfter: duration.optional(),
  answer: z.strictObject({ within: duration, otherwise: z.json() }).optional(),
};

/** Settings of senders by key; where two senders use one word for two things, either form is read here. */
const senderShape = (): Readonly<Record<string, z.ZodType>> => {
  const merged: Record<string, z.ZodType> = {};
  for (const { settings } of Object.values(senders))
    for (const [key, schema] of Object.entries(settings?.shape ?? {}) as [string, z.ZodType][]) {
      const known = merged[key];
      merged[key] =
        known === undefined || known === schema
          ? schema.optional()
          : z.union([known, schema]).optional();
    }
  return merged;
};
const extras = senderShape();

const isGiven = (settings: Readonly<Record<string, unknown>>, key: string): boolean =>
  settings[key] !== undefined;

const settingsFlaws = (
  settings: Readonly<Record<string, unknown>> & Readonly<{ scheme: string }>,
): readonly Readonly<{ path: string[]; message: string }>[] => {
  const { scheme } = settings;
  const own: Readonly<Record<string, z.ZodType>> = senders[scheme]?.settings?.shape ?? {};
  const foreign = Object.keys(extras)
    .filter((key) => isGiven(settings, key) && !Object.hasOwn(own, key))
    .map((key) => ({ path: [key], message: `scheme ${scheme} does not take this key` }));
  const missing = Object.entries(own)
    .filter(([key, schema]) => !isGiven(settings, key) && !schema.safeParse(undefined).success)
    .map(([key]) => ({ path: [], message: `scheme ${scheme} needs ${key}` }));
  const custom = scheme === 'custom';
  if (custom === isGiven(settings, 'template')) return [...foreign, ...missing];
  const message = custom
    ? 'scheme custom needs a template'
    : 'a template is only for scheme custom; the senders have their own';
  return [...foreign, ...missing, { path: custom ? [] : ['template'], message }];
};

/** `routes.*.webhook`. */
export const webhookSettings = z
  .strictObject({ ...extras, ...shape })
  .superRefine((settings, context) => {
    for (const { path, message } of settingsFlaws(settings))
      context.addIssue({ code: 'custom', path, message });
  });
/** Settings of a webhook; those of single senders under their own keys beside. Durations in ms, sizes in bytes. */
export type WebhookSettings = z.output<z.ZodObject<typeof shape>> &
  Readonly<Record<string, unknown>>;

/** `deliver.sign`, unless it is `none`. */
export const signSettings = z.strictObject({
  scheme: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/)
    .default('standard-webhooks'),
  secret: secretReference,
  /** Only for scheme custom. */
  template: template.optional(),
});
export type SignSettings = z.output<typeof signSettings>;

/** A key of a route as it is written: to be resolved where it is a reference. */
export type KeySlot = Readonly<{
  /** Path below `webhook`. */
  path: readonly (string | number)[];
  /** `secrets[0]`, or the id it was given. */
  id: string;
  /** A text stands there as it is (public keys only). */
  value: SecretReference | string;
  /** Wall ms. */
  notBefore: number;
  until: number;
}>;

type Written = Readonly<{
  id?: string | undefined;
  from?: number | undefined;
  until?: number | undefined;
}>;
const slot = (list: 'secrets' | 'keys', at: number, given: Written, value: KeySlot['value']) => ({
  path: [list, at],
  id: given.id ?? `${list}[${at}]`,
  value,
  notBefore: given.from ?? -Infinity,
  until: given.until ?? Infinity,
});

/** All keys of a route in the order written: `secrets`, then `keys`. */
export const keySlots = ({ secrets = [], keys = [] }: WebhookSettings): readonly KeySlot[] => [
  ...secrets.map((one, at) =>
    'value' in one ? slot('secrets', at, one, one.value) : slot('secrets', at, {}, one),
  ),
  ...keys.map((one, at) =>
    'key' in one ? slot('keys', at, one, one.key) : slot('keys', at, {}, one),
  ),
];
