/** What keeps a webhook route from being compiled: keys that guard nothing, settings that cannot be. */
import { bodyWindowMaxMs, effectiveDedupe } from './dedupe.ts';
import { readPublicKey } from './public-keys.ts';
import type { KeyMaterial } from './receiver.ts';
import type { Scheme } from './scheme.ts';
import { weakness } from './secret-strength.ts';
import type { Sender } from './sender.ts';
import { keySlots, type WebhookSettings } from './settings.ts';

/** `path` below `webhook`; `message` names keys by their ids and holds nothing of them. */
export type ReceiverProblem = Readonly<{
  path: readonly (string | number)[];
  message: string;
}>;

const keysMax = 16;
const dayMs = 86_400_000;

const at = (path: readonly (string | number)[], message: string): ReceiverProblem => ({
  path,
  message,
});

/** Schemes whose keys are secrets in every case. */
const secretOnly: ReadonlySet<string> = new Set(['hmac', 'static', 'body-token']);

/** May this text stand in the route file as it is? Where nobody can tell, it may not. */
const isPublic = (text: string, scheme: Scheme): boolean => {
  if (secretOnly.has(scheme.name)) return false;
  if (/^\s*(?:whpk_|-----BEGIN (?:PUBLIC KEY|CERTIFICATE)-----)/.test(text)) return true;
  // A JWK or a set of them, without the members that are private or symmetric.
  if (/^\s*\{/.test(text)) return !/"(?:d|p|q|dp|dq|qi|oth|k)"\s*:/.test(text);
  return (
    readPublicKey(text) !== null || (scheme.name === 'ed25519' && /^[0-9a-f]{64}$/i.test(text))
  );
};

/** Of the resolved keys. */
export const keyProblems = (
  settings: WebhookSettings,
  keys: readonly KeyMaterial[],
  scheme: Scheme,
): readonly ReceiverProblem[] => {
  if (keys.length > keysMax) return [at(['secrets'], `a route has at most ${keysMax} keys`)];
  if (scheme.keys !== 'fetched' && keys.length === 0)
    return [at([], 'without a secret or key anyone could send: give secrets (or keys)')];
  if (new Set(keys.map(({ id }) => id)).size < keys.length)
    return [at(['secrets'], 'two keys have one id')];
  const slots = new Map(keySlots(settings).map((slot) => [slot.id, slot]));
  return keys.flatMap(({ id, text, notBefore, until }) => {
    const slot = slots.get(id);
    const path = slot?.path ?? ['secrets'];
    if (typeof slot?.value === 'string' && !isPublic(text, scheme))
      return [at(path, `${id} is no public key: a secret is given as a reference`)];
    const weak = weakness(text);
    if (weak !== null) return [at(path, `${id} ${weak}`)];
    return notBefore < until ? [] : [at(path, `${id} ends before it begins`)];
  });
};

/** Of what the route says about window, repeats and answers. */
export const settingsProblems = (
  { tolerance, dedupe, answer }: WebhookSettings,
  sender: Sender,
): readonly ReceiverProblem[] => {
  const { by, windowMs } = effectiveDedupe({ dedupe }, sender.dedupe);
  const known = sender.id !== null || sender.time !== null;
  const waits = sender.answersWithinMs;
  const checks: readonly (readonly [boolean, ReceiverProblem])[] = [
    [
      tolerance !== undefined && sender.toleranceMs === null,
      at(['tolerance'], 'this sender signs no time, so there is nothing to tolerate'),
    ],
    [
      tolerance !== undefined && (tolerance < 1_000 || tolerance > dayMs),
      at(['tolerance'], 'a tolerance is between 1s and 24h'),
    ],
    [
      by === 'body' && known,
      at(['dedupe', 'by'], 'body is only for senders that have neither an id nor a time'),
    ],
    [
      by === 'body' && windowMs > bodyWindowMaxMs,
      at(['dedupe', 'window'], 'by the body alone repeats are told for at most 10m'),
    ],
    [
      windowMs < 1_000 || windowMs > 400 * dayMs,
      at(['dedupe', 'window'], 'repeats are told for between 1s and 400d'),
    ],
    [
      answer !== undefined && waits !== null && answer.within > waits,
      at(['answer', 'within'], `this sender waits for at most ${String(waits)} ms`),
    ],
  ];
  return checks.filter(([wrong]) => wrong).map(([, problem]) => problem);
};
