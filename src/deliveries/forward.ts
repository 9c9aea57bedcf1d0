/**
 * One try of passing a webhook on: the bytes as they came in (or one item in the sender's own
 * envelope), signed anew with the time of this try, under an id that stays over tries and replays.
 * Nothing here makes a body. Sends through the target's pool, with its guard, breaker and credential.
 */
import { deliveryId, type DeliveryId, type DeliveryKey } from '../ids.ts';
import type { Call } from '../identity/call.ts';
import type { Forward, Target } from '../snapshot.ts';
import type { Sent } from '../targets/send.ts';
import { callOptions, type OneTry, type TryDeps } from './one-try.ts';

/** Bytes read of a receiver's answer; only a short excerpt is kept. */
const receiverAnswerBytesMax = 64 * 1_024;

/** What is passed on. */
export type Passing = Readonly<{
  forward: Forward;
  target: Target;
  key: DeliveryKey;
  /** Name of the sender's descriptor. */
  source: string;
  attempt: number;
  /** As the sender wrote it. */
  contentType: string | undefined;
  bytes: Buffer;
  replayed: boolean;
  outOfOrder: boolean;
  gapAfter: DeliveryId | null;
}>;

const contentTypePattern = /^[\t\x20-\x7e]{1,256}$/;
const unknownType = 'application/octet-stream';

const urlOf = (target: Target, path: string): string =>
  target.settings.baseUrl.replace(/\/+$/, '') + path;

const headersOf = (passing: Passing, at: number): Record<string, string> => {
  const { forward, target, key } = passing;
  const id = deliveryId(key);
  const headers: Record<string, string> = {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at / 1_000)),
    'sallyport-event-id': key.event,
    'sallyport-source': passing.source,
    'sallyport-attempt': String(passing.attempt),
  };
  if (passing.outOfOrder) headers['sallyport-out-of-order'] = 'true';
  if (passing.replayed) headers['sallyport-replayed'] = 'true';
  if (passing.gapAfter !== null) headers['sallyport-order-gap'] = passing.gapAfter;
  if (forward.signer === null) return headers;
  const url = urlOf(target, forward.path);
  const message = { id, at, body: passing.bytes, url, method: 'POST' };
  return { ...headers, ...forward.signer.sign(message) };
};

/** Passes it on once. Never rejects but for a signer's defect. */
export const passOn = (deps: TryDeps, one: OneTry, passing: Passing): Promise<Sent> => {
  const { forward, target, contentType } = passing;
  const readable = contentType !== undefined && contentTypePattern.test(contentType);
  const call: Call = {
    method: 'POST',
    path: forward.path,
    query: '',
    template: forward.path,
    body: null,
    raw: { contentType: readable ? contentType : unknownType, bytes: passing.bytes },
    // The outbox tries again, after a wait; a second try at once would hide the first.
    repeatable: false,
    mutation: true,
    answerBytesMax: receiverAnswerBytesMax,
  };
  const options = callOptions(deps, one, target, call, headersOf(passing, deps.now()));
  return deps.targets.send(target.name, call, options);
};
