/** What keeps a webhook route from being compiled: keys that guard nothing, settings that cannot be. */
import { bodyWindowMaxMs, effectiveDedupe } from './dedupe.ts';
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
  const paths = new Map(keySlots(settings).map(({ id, path }) => [id, path]));
  return keys.flatMap(({ id, text, notBefore, until }) => {
    const path = paths.get(id) ?? ['secrets'];
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
