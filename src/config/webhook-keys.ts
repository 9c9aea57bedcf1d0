/**
 * Keys of webhook routes out of the secrets of the route file: those that verify what comes in, and
 * those that sign what is passed on. What cannot be had is told with its place, never quoted.
 */
import type { SecretReference } from '../scalars.ts';
import type { KeyMaterial } from '../signatures/receiver.ts';
import type { WebhookSettings } from '../signatures/settings.ts';
import type { WebhookRouteSettings } from './schema.ts';
import type { SecretText } from './secrets.ts';

type Resolve = (reference: SecretReference) => SecretText;
type Written = WebhookSettings['secrets'][number];

/** One entry of `webhook.secrets`: a reference, or one with its end beside it. */
export const secretOf = (
  written: Written,
): Readonly<{ reference: SecretReference; until: number }> =>
  'from' in written
    ? { reference: written, until: Number.POSITIVE_INFINITY }
    : { reference: written.value, until: written.until ?? Number.POSITIVE_INFINITY };

/** Every secret that a webhook route refers to. */
export const webhookReferences = (route: WebhookRouteSettings): readonly SecretReference[] => [
  ...route.webhook.secrets.map((written) => secretOf(written).reference),
  ...route.deliver.flatMap(({ sign }) =>
    sign === undefined || sign === 'none' ? [] : [sign.secret],
  ),
];

/** A key that a reference gave, or why there is none. */
export const keyOf = (
  id: string,
  reference: SecretReference,
  until: number,
  resolve: Resolve,
): KeyMaterial | Readonly<{ failed: string }> => {
  const secret = resolve(reference);
  return 'failed' in secret ? secret : { id, text: secret.text, notBefore: 0, until };
};
