/** Makes the signer of what is passed on, from the same templates that verify. */
import { customSender } from './custom-sender.ts';
import type { KeyMaterial, Signer } from './receiver.ts';
import { weakness } from './secret-strength.ts';
import type { SignSettings } from './settings.ts';
import { schemes, senders } from './table.ts';

/** A sign-only compile fetches nothing. */
const noFetcher = { fetch: () => Promise.resolve(null) };

/** The signer of `deliver.sign`, or what keeps it from being one. `key`: its secret, resolved. Never throws. */
export const compileSigner = (
  settings: SignSettings,
  key: KeyMaterial,
): Signer | Readonly<{ problem: string }> => {
  const custom = settings.scheme === 'custom';
  const sender = custom ? customSender(settings.template ?? {}) : senders[settings.scheme];
  if (sender === undefined) return { problem: 'no such scheme' };
  if ('problem' in sender) return sender;
  const scheme = schemes[sender.scheme.name];
  if (scheme === undefined) return { problem: 'no such scheme' };
  if (custom === (settings.template === undefined))
    return { problem: 'a template belongs to scheme custom, and only to it' };
  const weak = weakness(key.text);
  if (weak !== null) return { problem: `the secret ${weak}` };
  const options = custom
    ? { success: true as const, data: sender.scheme.options }
    : scheme.options.safeParse(sender.scheme.options);
  if (!options.success) return { problem: `nothing can be signed as ${settings.scheme}` };
  const compiled = scheme.compile(options.data, {
    keys: [key],
    fetcher: noFetcher,
    toleranceMs: 0,
  });
  if ('problem' in compiled) return { problem: compiled.problem };
  return compiled.sign === null
    ? { problem: `nothing can be signed as ${settings.scheme}` }
    : { scheme: settings.scheme, sign: compiled.sign };
};
