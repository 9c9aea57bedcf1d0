/**
 * One message at a webhook route, from bytes to bytes (webhooks.md §4.1; the order is the point): route
 * and snapshot once, method, the limit of strangers, capped raw bytes, unsigned handshakes, the signature,
 * the route's own limit, signed handshakes, the durable commit, and only then a yes. Before a message is
 * verified nothing of it is written or remembered but one count of its address; what the route may take
 * is counted behind the signature, so that no stranger can use it up. A sender learns that it was refused, not why;
 * faults of ours are 503, so that it tries again. Never throws.
 */
import type { Clock, ClockWatch } from '../clock.ts';
import type { Arrived, Ask, Intake } from '../deliveries/intake.ts';
import { GatewayError, isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Random } from '../ids.ts';
import type { Limiter, LimitState } from '../limits/limiter.ts';
import type { Greeting, Received, Receiver, Unverified } from '../signatures/receiver.ts';
import type { WebhookRoute } from '../snapshot.ts';
import type { Observer, WebhookResult, WebhookSettled } from '../telemetry/observe.ts';
import { asksReceiver, askReceiver } from './ask-receiver.ts';
import type { Confirmations } from './confirmations.ts';
import type { Exchange, Reply } from './exchange.ts';
import { inspectForeign } from './hygiene.ts';
import { respondPlain, respondRefusal, statusOf, type Marks, type PlainAnswer } from './respond.ts';
import { webhookRecord, type Glimpse } from './settled-record.ts';
import type { Strangers } from './strangers.ts';
import { beginTrace } from './trace-parent.ts';

/** What webhooks go through beside what every call does. */
export type WebhookDoors = Readonly<{
  intake: Intake;
  ask: Ask;
  confirmations: Confirmations;
  /** Counts the routes' own limits. */
  limiter: Limiter;
  strangers: Strangers;
}>;

export type WebhookDeps = Readonly<{
  clock: Clock;
  watch: ClockWatch;
  random: Random;
  observer: Observer;
  stopping(): boolean;
  webhooks?: WebhookDoors;
}>;

/** One message and what is found out about it. */
type Visit = Readonly<{ exchange: Exchange; seen: Glimpse; route: WebhookRoute }> & {
  keyId: string | null;
  told: Omit<WebhookSettled, 'sender'>;
  /** Told with a refusal by the route's limit. */
  limits: readonly LimitState[];
};

/** All that a sender is told of why its message was not accepted, beside the code. */
const generic = 'The message is not signed as this route expects it, or not anew.';
const later = 'Send the message again in a moment.';

/** Looks that need no body. Gives the receiver, or what answers instead. */
const admit = (deps: WebhookDeps, { exchange, seen, route }: Visit): Receiver | Refusal => {
  const { receiver } = route;
  if (deps.stopping() || deps.webhooks === undefined) return refuse('shutting_down', later);
  if (receiver === null) {
    const internal = route.unconfigured ?? undefined;
    return refuse('target_unconfigured', later, internal === undefined ? {} : { internal });
  }
  if (!receiver.methods.includes(exchange.method)) {
    const allow = receiver.methods.join(', ');
    return refuse('method_unsupported', `Use ${allow}.`, { allow });
  }
  const dirty = inspectForeign(exchange);
  if (dirty !== null) return dirty;
  if (!deps.watch.trusted()) return refuse('clock_untrusted', later);
  const wait = deps.webhooks.strangers.wait(route.name, seen.remote, deps.clock.monotonic());
  return wait === 0
    ? receiver
    : refuse('rate_limited', 'Too many messages of this address could not be verified.', {
        retryAfterSeconds: wait,
        internal: 'the limit of unverified messages of this address',
      });
};

/** Takes one verified message from the route's own limit. */
const takeLimit = async (deps: WebhookDeps, doors: WebhookDoors, visit: Visit) => {
  const { limit, name } = visit.route;
  if (limit === null) return null;
  const asked = doors.limiter.take([limit], { revocation: false, now: deps.clock.monotonic() });
  const taken = 'admitted' in asked ? asked : await asked;
  if (taken.admitted) return null;
  visit.limits = taken.states;
  deps.observer.limitRejected({ policy: limit.policy, route: name });
  return refuse('rate_limited', 'The limit of this route is used up. Wait as Retry-After says.', {
    rule: limit.policy,
    retryAfterSeconds: Math.max(1, Math.ceil(taken.retryAfterSeconds)),
  });
};

/** node:http gives `set-cookie` as a list, also where a stranger sends it in a request. */
const withoutLists = (headers: Exchange['headers']): Exchange['headers'] => {
  if (headers['set-cookie'] === undefined) return headers;
  const { 'set-cookie': _list, ...texts } = headers;
  return texts;
};

const receivedOf = ({ exchange, seen, route }: Visit, body: Buffer): Received => {
  const { method, path, query } = exchange;
  const base = seen.snapshot.server.publicUrl || `http://${exchange.headers['host']}`;
  const headers = withoutLists(exchange.headers);
  const url = `${base}${route.path}${query === '' ? '' : `?${query}`}`;
  return { method, url, path, query, headers, body };
};

/** Answers a handshake; what it asks to be confirmed is confirmed after the answer. */
const greeted = (doors: WebhookDoors, visit: Visit, greeting: Greeting): PlainAnswer => {
  visit.told = { ...visit.told, result: 'handshake', greeting: greeting.name };
  if (greeting.confirm !== null) doors.confirmations.soon(visit.route.name, greeting.confirm);
  return greeting;
};

/** The answer to what could not be verified, in the sender's own form where it has one. */
const unverified = (
  receiver: Receiver,
  visit: Visit,
  verdict: Unverified,
): Refusal | Readonly<{ refusal: Refusal; form: PlainAnswer }> => {
  if (verdict.kind === 'unavailable') {
    return refuse('key_unavailable', later, { internal: verdict.reason });
  }
  const refusal = refuse(verdict.code, generic, { internal: verdict.reason });
  const form = receiver.refusalForm?.(verdict) ?? null;
  return form === null ? refusal : { refusal, form };
};

/** Stores what was verified; the yes comes after the disk. */
const takeIn = async (
  deps: WebhookDeps,
  doors: WebhookDoors,
  visit: Visit,
  arrived: Arrived,
): Promise<PlainAnswer> => {
  const { kind, id } = await doors.intake.take(arrived);
  visit.told = { ...visit.told, result: kind, eventId: id };
  const headers: Record<string, string> = { 'sallyport-event-id': id };
  if (kind === 'duplicate') headers['sallyport-duplicate'] = 'true';
  if (asksReceiver(visit.route)) {
    const spentMs = deps.clock.monotonic() - visit.seen.startedMonotonic;
    const { body, by } = await askReceiver({ ...deps, ask: doors.ask }, arrived, id, spentMs);
    visit.told = { ...visit.told, answered: by };
    return { status: 200, contentType: 'application/json', body, headers };
  }
  const receiver = arrived.route.receiver as Receiver;
  return {
    status: receiver.ackStatus,
    contentType: receiver.ackBody?.contentType ?? null,
    body: receiver.ackBody?.body ?? null,
    headers,
  };
};

type Came = PlainAnswer | Refusal | Readonly<{ refusal: Refusal; form: PlainAnswer }>;

const walk = async (deps: WebhookDeps, visit: Visit): Promise<Came> => {
  const { exchange, seen, route } = visit;
  if (route.trace === 'continue' && seen.parent !== null) {
    seen.continued = true;
    seen.traceId = beginTrace(seen.parent, true, 0, deps.random).traceId;
  }
  const receiver = admit(deps, visit);
  if (isRefusal(receiver)) return receiver;
  const doors = deps.webhooks as WebhookDoors;
  const charge = () => doors.strangers.charge(route.name, seen.remote, deps.clock.monotonic());
  const body = await exchange.bytes(route.bodyBytesMax);
  if (isRefusal(body)) {
    if (statusOf(body) < 500) charge();
    return body;
  }
  const received = receivedOf(visit, body ?? Buffer.alloc(0));
  const greeting = receiver.greet(received);
  if (greeting !== null) {
    charge();
    return greeted(doors, visit, greeting);
  }
  const at = deps.clock.now();
  const asked = receiver.verify(received, at);
  const verdict = 'kind' in asked ? asked : await asked;
  if (verdict.kind !== 'verified') {
    // Also where a key cannot be had: whoever names keys that are not there would knock for nothing.
    charge();
    return unverified(receiver, visit, verdict);
  }
  visit.keyId = verdict.keyId;
  const limited = await takeLimit(deps, doors, visit);
  if (limited !== null) return limited;
  const answer = receiver.answer(received, verdict);
  if (answer !== null) return greeted(doors, visit, answer);
  const { snapshot, traceId, spanId } = seen;
  const arrived = { snapshot, route, received, verified: verdict, at, traceId, spanId };
  return takeIn(deps, doors, visit, arrived);
};

/** What a thrown error is answered with: always a fault of ours. */
const faultOf = (error: unknown): Refusal =>
  error instanceof GatewayError
    ? refuse(error.code, 'The message could not be kept. Send it again.')
    : refuse('internal', later);

const resultOf = (refusal: Refusal): WebhookResult => {
  if (refusal.refused === 'rate_limited') return 'rate_limited';
  return statusOf(refusal) >= 500 ? 'unavailable' : 'refused';
};

const marksOf = ({ exchange, seen, limits }: Visit): Marks => ({
  requestId: seen.requestId,
  traceId: seen.traceId,
  scim: false,
  accept: exchange.headers['accept'],
  ledgerId: null,
  outcome: null,
  replayed: false,
  limits,
});

/** Serves one message; never throws. */
export const serveWebhook = async (
  deps: WebhookDeps,
  given: Readonly<{ exchange: Exchange; seen: Glimpse; route: WebhookRoute }>,
): Promise<Reply> => {
  const visit: Visit = {
    ...given,
    keyId: null,
    told: { result: 'refused', eventId: null, greeting: null, answered: null },
    limits: [],
  };
  let came: Came;
  let cause: unknown = null;
  try {
    came = await walk(deps, visit);
  } catch (error) {
    cause = error;
    came = faultOf(error);
  }
  const marks = marksOf(visit);
  const refusal = isRefusal(came) ? came : 'refusal' in came ? came.refusal : null;
  const reply = isRefusal(came)
    ? respondRefusal(came, marks)
    : respondPlain('refusal' in came ? came.form : came, marks);
  tell(deps, visit, { refusal, cause, status: reply.status });
  return reply;
};

/** An observer that fails must not turn a message that was stored into a 500. */
const tell = (
  { observer, clock }: WebhookDeps,
  { exchange, seen, route, keyId, told }: Visit,
  end: Readonly<{ refusal: Refusal | null; cause: unknown; status: number }>,
): void => {
  const result = end.refusal === null ? told.result : resultOf(end.refusal);
  const endedAt = seen.startedAt + (clock.monotonic() - seen.startedMonotonic);
  const webhook = { ...told, result, sender: route.receiver?.sender ?? '' };
  try {
    observer.requestSettled(
      webhookRecord({ exchange, seen, endedAt, ...end }, { route, keyId, webhook }),
    );
  } catch (cause) {
    observer.note('error', 'request.untold', { requestId: seen.requestId, cause });
  }
};
