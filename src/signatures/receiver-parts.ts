/** Puts together what a receiver is made of, or says everything that keeps it from being one. */
import { z } from 'zod';
import { customSender } from './custom-sender.ts';
import type { KeyFetcher, KeyMaterial } from './receiver.ts';
import { keyProblems, settingsProblems, type ReceiverProblem } from './receiver-problems.ts';
import type { CompiledScheme, Scheme } from './scheme.ts';
import type { Sender } from './sender.ts';
import { keySlots, type WebhookSettings } from './settings.ts';
import { schemes, senders } from './table.ts';

/** What keeps a route's receiver from being compiled. */
export type Problems = Readonly<{ problems: readonly ReceiverProblem[] }>;

/** Descriptor, scheme and keys of one route. */
export type ReceiverParts = Readonly<{
  sender: Sender;
  scheme: Scheme;
  options: unknown;
  /** What the sender's own settings say, for handshakes. */
  extras: Readonly<Record<string, unknown>>;
  compiled: CompiledScheme;
  keys: readonly KeyMaterial[];
  toleranceMs: number;
}>;

/** One problem. */
export const problemAt = (path: readonly (string | number)[], message: string): Problems => ({
  problems: [{ path, message }],
});

/** What the route says under the sender's own keys. */
const extrasOf = (settings: WebhookSettings, { settings: own }: Sender) =>
  Object.fromEntries(
    Object.keys(own?.shape ?? {})
      .filter((key) => settings[key] !== undefined)
      .map((key) => [key, settings[key]]),
  );

/** Those of a sender's own settings that are options of its scheme; others are for its handshake. */
const optionsAmong = (
  extras: ReceiverParts['extras'],
  { options }: Scheme,
): ReceiverParts['extras'] => {
  const shape = options instanceof z.ZodObject ? options.shape : {};
  return Object.fromEntries(Object.entries(extras).filter(([key]) => Object.hasOwn(shape, key)));
};

/** Where a scheme's problem stands: at the key that it names, else at the template or the whole. */
const placeOf = (message: string, settings: WebhookSettings): readonly (string | number)[] =>
  keySlots(settings).find(({ id }) => message.startsWith(`${id} `))?.path ??
  (settings.scheme === 'custom' ? ['template'] : []);

const isStep = (step: PropertyKey): step is string | number => typeof step !== 'symbol';

/** The parts of a route's receiver. `keys` as they were resolved. */
export const assembleParts = (
  settings: WebhookSettings,
  keys: readonly KeyMaterial[],
  fetcher: KeyFetcher,
): ReceiverParts | Problems => {
  const custom = settings.scheme === 'custom';
  const sender = custom ? customSender(settings.template ?? {}) : senders[settings.scheme];
  if (sender === undefined) return problemAt(['scheme'], 'no such sender');
  if ('problem' in sender) return problemAt(['template'], sender.problem);
  const scheme = schemes[sender.scheme.name];
  if (scheme === undefined) return problemAt(['scheme'], 'no such scheme');
  const extras = extrasOf(settings, sender);
  // Options of a custom template were parsed with the route file.
  const parsed = custom
    ? { success: true as const, data: sender.scheme.options }
    : scheme.options.safeParse({ ...sender.scheme.options, ...optionsAmong(extras, scheme) });
  const problems = [
    ...keyProblems(settings, keys, scheme),
    ...settingsProblems(settings, sender),
    ...(parsed.error?.issues ?? []).map(({ path, message }) => ({
      path: path.filter(isStep),
      message,
    })),
  ];
  if (problems.length > 0 || !parsed.success) return { problems };
  const toleranceMs = settings.tolerance ?? sender.toleranceMs ?? 0;
  const compiled = scheme.compile(parsed.data, { keys, fetcher, toleranceMs });
  return 'problem' in compiled
    ? problemAt(placeOf(compiled.problem, settings), compiled.problem)
    : { sender, scheme, options: parsed.data, extras, compiled, keys, toleranceMs };
};
