/** What tests of receivers share: settings as they are written, keys as they are resolved, messages. */
import { compileReceiver } from '../../src/signatures/compile-receiver.ts';
import type {
  KeyMaterial,
  Received,
  Receiver,
  Unverified,
  Verdict,
  Verified,
} from '../../src/signatures/receiver.ts';
import { keySlots, webhookSettings } from '../../src/signatures/settings.ts';

/** A fetcher that has nothing. */
export const noFetcher = { fetch: () => Promise.resolve(null) };

/** Keys with the ids a route gives them. */
export const keysOf = (...texts: readonly string[]): readonly KeyMaterial[] =>
  texts.map((text, at) => ({
    id: `secrets[${at}]`,
    text,
    notBefore: -Infinity,
    until: Infinity,
  }));

type Compiled = ReturnType<typeof compileReceiver>;

/** Compiles settings with these secrets (`secrets` stand in the settings as references). */
export const compileWith = (
  given: Readonly<Record<string, unknown>>,
  ...secrets: readonly string[]
): Compiled => {
  const written = { ...given, secrets: secrets.map((_one, at) => `\${env:SECRET_${at}}`) };
  const settings = webhookSettings.parse(secrets.length > 0 ? written : given);
  const texts = new Map(secrets.map((text, at) => [`SECRET_${at}`, text]));
  const keys = keySlots(settings).map(({ id, value, notBefore, until }) => ({
    id,
    text:
      typeof value === 'string' ? value : value.from === 'env' ? (texts.get(value.name) ?? '') : '',
    notBefore,
    until,
  }));
  return compileReceiver(settings, keys, { fetcher: noFetcher });
};

/** The receiver; throws with its problems where there is none. */
export const receiverWith = (
  given: Readonly<Record<string, unknown>>,
  ...secrets: readonly string[]
): Receiver => {
  const made = compileWith(given, ...secrets);
  if ('problems' in made) throw new TypeError(JSON.stringify(made.problems));
  return made;
};

/** What is wrong with settings and secrets, as `path: message`; empty where nothing is. */
export const problemsWith = (
  given: Readonly<Record<string, unknown>>,
  ...secrets: readonly string[]
): readonly string[] => {
  const made = compileWith(given, ...secrets);
  return 'problems' in made
    ? made.problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
    : [];
};

/** A message; header names in any case. */
export const messageOf = (
  headers: Readonly<Record<string, string>>,
  body: string | Buffer,
  more: Partial<Received> = {},
): Received => ({
  method: 'POST',
  url: 'https://gateway.example/hooks/one',
  path: '/hooks/one',
  query: '',
  headers: Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  ),
  body: typeof body === 'string' ? Buffer.from(body, 'utf8') : body,
  ...more,
});

/** The verdict, of receivers that wait for nothing. */
export const verdictOf = (receiver: Receiver, message: Received, now: number): Verdict => {
  const verdict = receiver.verify(message, now);
  if (verdict instanceof Promise) throw new TypeError('this receiver waits for keys');
  return verdict;
};

/** `verified`, or the code of the refusal. */
export const outcomeOf = (
  verdict: Verified | Unverified,
): 'verified' | 'unavailable' | Extract<Unverified, { kind: 'refused' }>['code'] =>
  verdict.kind === 'refused' ? verdict.code : verdict.kind;
