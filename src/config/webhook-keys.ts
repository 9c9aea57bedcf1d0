/**
 * Keys of webhook routes out of the references of the route file: those that verify what comes in, and
 * those that sign what is passed on. What cannot be had is told with its place, never quoted.
 */
import type { SecretReference } from '../scalars.ts';
import type { KeyMaterial } from '../signatures/receiver.ts';
import { keySlots } from '../signatures/settings.ts';
import type { Path } from './problem.ts';
import type { WebhookRouteSettings } from './schema.ts';
import type { SecretText } from './secrets.ts';

/** Reads one reference. */
export type Resolve = (reference: SecretReference) => SecretText;

/** Every secret that a webhook route refers to. */
export const webhookReferences = (route: WebhookRouteSettings): readonly SecretReference[] => [
  ...keySlots(route.webhook).flatMap(({ value }) => (typeof value === 'string' ? [] : [value])),
  ...route.deliver.flatMap(({ sign }) =>
    sign === undefined || sign === 'none' ? [] : [sign.secret],
  ),
];

/** The keys that verify, or null where one of them cannot be had: each such is told, `path` below `webhook`. */
export const resolveKeys = (
  route: WebhookRouteSettings,
  resolve: Resolve,
  missing: (path: Path, reason: string) => void,
): readonly KeyMaterial[] | null => {
  const keys: KeyMaterial[] = [];
  let whole = true;
  for (const { path, id, value, notBefore, until } of keySlots(route.webhook)) {
    const found = typeof value === 'string' ? { text: value } : resolve(value);
    if ('text' in found) keys.push({ id, text: found.text, notBefore, until });
    else {
      missing(path, found.failed);
      whole = false;
    }
  }
  return whole ? keys : null;
};
