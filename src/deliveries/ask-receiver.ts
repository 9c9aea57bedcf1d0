/**
 * Asks a receiver at once, for senders that wait for the answer (synchronous hooks): the same forward
 * as from the queue, with the deadline of the route and no second try. What is said where there is no
 * answer is the route's own business.
 */
import type { Clock } from '../clock.ts';
import { deliveryId, newSpanId, type DeliveryKey, type EventId } from '../ids.ts';
import type { LifecycleEvent } from '../identity/events/event.ts';
import { eventVariables } from '../identity/events/variables.ts';
import type { Forward, Target, WebhookRoute } from '../snapshot.ts';
import type { Sent } from '../targets/send.ts';
import type { Observer } from '../telemetry/observe.ts';
import { passOn } from './forward.ts';
import type { Arrived, Ask } from './intake.ts';
import type { KeptEvent } from './kept-event.ts';
import { outcomeOf, type OneTry, type TryDeps } from './one-try.ts';
import { keepArrived, readKept } from './read-kept.ts';
import type { Outcome } from './tried.ts';

export type AskDeps = TryDeps &
  Readonly<{
    clock: Clock;
    observer: Pick<Observer, 'deliveryAttempted' | 'note'>;
    mayStart(): boolean;
  }>;

const answering = (route: WebhookRoute): Forward | undefined =>
  route.deliver.find(
    (deliver): deliver is Forward => deliver.kind === 'forward' && deliver.answers,
  );

/** The first item, which such senders send alone; null where it cannot be read. */
const readArrived = ({ route, at }: Arrived, kept: KeptEvent): LifecycleEvent | null => {
  const read = readKept(route.reader, kept, at);
  return 'unreadable' in read ? null : (read.events[0] ?? null);
};

/** A condition that is not plainly true asks nobody. */
const isWanted = (forward: Forward, arrived: Arrived, kept: KeptEvent): boolean => {
  if (forward.when === null) return true;
  const event = readArrived(arrived, kept);
  if (event === null) return false;
  const judged = forward.when.evaluate(eventVariables(event, null));
  return 'value' in judged && judged.value === true;
};

const answerOf = (sent: Sent): Awaited<ReturnType<Ask['ask']>> => {
  if (sent.kind !== 'answered') return null;
  const { status, body } = sent.answer;
  return { status, body: body === undefined ? null : JSON.stringify(body) };
};

type Begun = Readonly<{ one: OneTry; key: DeliveryKey; startedAt: number }>;

const tell = (deps: AskDeps, arrived: Arrived, begun: Begun, outcome: Outcome): void => {
  const { one, key, startedAt } = begun;
  const delivered = outcome.kind === 'delivered';
  deps.observer.deliveryAttempted({
    traceId: one.traceId,
    spanId: newSpanId(deps.random),
    eventSpanId: arrived.spanId,
    eventId: key.event,
    deliveryId: deliveryId(key),
    route: one.route,
    lane: one.lane,
    kind: 'forward',
    attempt: 1,
    result: delivered ? 'delivered' : 'dead',
    reason: 'reason' in outcome ? outcome.reason : null,
    status: 'status' in outcome ? outcome.status : null,
    eventAt: arrived.at,
    startedAt,
    endedAt: deps.now(),
    ledgerIds: [],
    calls: one.calls,
    configVersion: arrived.snapshot.version,
  });
};

const askTarget = async (
  deps: AskDeps,
  arrived: Arrived,
  kept: KeptEvent,
  id: EventId,
  { forward, target }: Readonly<{ forward: Forward; target: Target }>,
): ReturnType<Ask['ask']> => {
  const { route, traceId, at } = arrived;
  const startedAt = deps.now();
  const passed = Math.max(0, startedAt - at);
  const one: OneTry = {
    route: route.name,
    lane: forward.lane,
    traceId,
    deadline: deps.clock.monotonic() + Math.max(0, (route.answer?.withinMs ?? 0) - passed),
    mayStart: deps.mayStart,
    calls: [],
  };
  const key = { event: id, item: 0, name: forward.name };
  const sent = await passOn(deps, one, {
    forward,
    target,
    key,
    source: route.receiver?.sender ?? route.reader.source,
    attempt: 1,
    contentType: kept.headers['content-type'],
    bytes: kept.body,
    replayed: false,
    outOfOrder: false,
    gapAfter: null,
  });
  tell(deps, arrived, { one, key, startedAt }, outcomeOf(sent, deps.now()));
  return answerOf(sent);
};

/** Makes the asker. Never rejects: a defect is no answer. */
export const makeAsk = (deps: AskDeps): Ask => ({
  ask: async (arrived, id) => {
    const { route, snapshot } = arrived;
    const forward = answering(route);
    const target = forward === undefined ? undefined : snapshot.targets[forward.target];
    if (forward === undefined || target === undefined) return null;
    try {
      const kept = keepArrived(arrived);
      if (!isWanted(forward, arrived, kept)) return null;
      return await askTarget(deps, arrived, kept, id, { forward, target });
    } catch (cause) {
      deps.observer.note('error', 'deliveries.ask.failed', { lane: forward.lane, cause });
      return null;
    }
  },
});
