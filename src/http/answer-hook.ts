/**
 * The answer of a synchronous hook: what the receiver says within the sender's patience, or the route's
 * safe default. Whatever is wrong with an answer, the default is said; the message is stored by then.
 */
import type { Clock } from '../clock.ts';
import type { Arrived, Ask } from '../deliveries/intake.ts';
import { isRefusal } from '../errors.ts';
import { parseJson } from '../identity/json.ts';
import type { EventId } from '../ids.ts';
import type { WebhookRoute } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';

/** Most bytes of an answer. */
const answerBytesMax = 65_536;

/** Printed JSON, and whose it is. */
export type HookAnswer = Readonly<{ body: string; by: 'receiver' | 'otherwise' }>;

type AskDeps = Readonly<{ clock: Clock; ask: Ask; observer: Pick<Observer, 'note'> }>;

/** The receiver's JSON as it was read, or null. */
const readAnswer = (answer: Awaited<ReturnType<Ask['ask']>>): string | null => {
  if (answer?.status !== 200 || answer.body === null) return null;
  if (Buffer.byteLength(answer.body) > answerBytesMax) return null;
  const json = parseJson(answer.body, { names: 'any' });
  return isRefusal(json) ? null : JSON.stringify(json);
};

const within = <Value>(clock: Clock, ms: number, promise: Promise<Value>): Promise<Value | null> =>
  new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => resolve(null));
    promise.then(resolve, reject).finally(() => timer.cancel());
  });

/** Is somebody asked for an answer on this route? */
export const asksReceiver = (route: WebhookRoute): boolean => route.answer !== null;

/**
 * Never rejects. `spentMs`: how much of the sender's patience is gone already. A repeat is asked anew,
 * under the id of the event that came first.
 */
export const answerHook = async (
  deps: AskDeps,
  arrived: Arrived,
  id: EventId,
  spentMs: number,
): Promise<HookAnswer> => {
  const { route } = arrived;
  const withinMs = (route.answer?.withinMs ?? 0) - spentMs;
  const asked = route.deliver.some((deliver) => deliver.kind === 'forward' && deliver.answers);
  if (asked && withinMs > 0) {
    try {
      const body = readAnswer(await within(deps.clock, withinMs, deps.ask.ask(arrived, id)));
      if (body !== null) return { body, by: 'receiver' };
    } catch (cause) {
      deps.observer.note('error', 'webhook.unanswered', { route: route.name, cause });
    }
  }
  return { body: JSON.stringify(route.answer?.otherwise ?? null), by: 'otherwise' };
};
