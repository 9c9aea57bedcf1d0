/**
 * What one claim means: the event is opened and read again, enriched where that is needed, judged by
 * `when`, put off to its date, dropped where later news of the same subject overtook it, and then
 * passed on or run as a plan. Every end is a value; what throws here is a defect.
 */
import type { Clock } from '../clock.ts';
import type { LifecycleEvent } from '../identity/events/event.ts';
import { isSuperseded } from '../identity/events/order-of-events.ts';
import { eventVariables } from '../identity/events/variables.ts';
import type { Json } from '../identity/json-value.ts';
import type { Deliver, Forward, PlanRun, Snapshot, WebhookRoute } from '../snapshot.ts';
import { isCounted } from './backoff.ts';
import type { Enriched, Enricher } from './enrich.ts';
import { passOn } from './forward.ts';
import type { KeptEvent } from './kept-event.ts';
import { bytesOfItem } from './read-kept.ts';
import { noTarget, outcomeOf, type OneTry, type TryDeps } from './one-try.ts';
import type { OpenAndRead, Reading } from './open-event.ts';
import type { Claimed, OutboxStore } from './outbox-store.ts';
import type { PlanResult, RunPlan } from './plan-runner.ts';
import { dead, type Outcome, type Tried } from './tried.ts';

export type DeliveryDeps = TryDeps &
  Readonly<{
    clock: Clock;
    openAndRead: OpenAndRead;
    outbox: Pick<OutboxStore, 'newer'>;
    enricher: Enricher;
    runPlan: RunPlan;
  }>;

/** One claim with the lane's present meaning. */
export type TryOrder = Readonly<{
  claimed: Claimed;
  snapshot: Snapshot;
  route: WebhookRoute;
  deliver: Deliver;
  one: OneTry;
}>;

/** An event that was opened. `item` is null where nobody can say what it means; `unreadable` says why. */
type Opened = Readonly<{ kept: KeptEvent; bytes: Buffer }> &
  (
    | Readonly<{ item: LifecycleEvent; unreadable: null }>
    | Readonly<{ item: null; unreadable: string }>
  );

const without = (outcome: Outcome): Tried => ({ outcome, ledgerIds: [] });

/** The item of a kept event with its bytes; null where the mapping does not find it (any more). */
const openItem = (
  { reader }: WebhookRoute,
  { kept, read }: Reading,
  { item, at }: Readonly<{ item: number; at: number }>,
): Opened | null => {
  if ('unreadable' in read) {
    return item === 0 ? { kept, item: null, bytes: kept.body, unreadable: read.unreadable } : null;
  }
  const event = read.events[item];
  if (event === undefined) return null;
  const bytes = bytesOfItem(reader, kept, read, { item, at });
  return { kept, item: event, bytes, unreadable: null };
};

/** A webhook that cannot be read, as conditions see it. */
const unreadEvent = (claimed: Claimed): LifecycleEvent => ({
  source: claimed.event.sender,
  id: null,
  kind: claimed.kind,
  type: '',
  subject: '',
  keys: {},
  effectiveAt: null,
  observedAt: null,
  changed: [],
  cancels: [],
  raw: null,
});

/** Plans see the source's present state; a forward only where its date or condition asks for it. */
const needsEnriched = ({ route, deliver }: TryOrder): boolean =>
  deliver.kind === 'plan' ||
  route.reader.needsEnriched ||
  deliver.when?.mentions.has('enriched') === true;

const enrichItem = async (
  deps: DeliveryDeps,
  order: TryOrder,
  item: LifecycleEvent | null,
): Promise<Enriched> => {
  const { route, snapshot, claimed, one } = order;
  const { enrich } = route;
  if (enrich === null || item === null || !needsEnriched(order)) {
    return { kind: 'read', value: null, reason: null };
  }
  const key = `${snapshot.version}\n${route.name}\n${claimed.key.event}\n${claimed.key.item}`;
  const variables = eventVariables(item, null);
  return deps.enricher.read(one, enrich, snapshot.targets[enrich.target], variables, key);
};

/** Null = it goes on. */
const judge = ({ deliver }: TryOrder, event: LifecycleEvent, enriched: Json): Outcome | null => {
  if (deliver.when === null) return null;
  const judged = deliver.when.evaluate(eventVariables(event, enriched));
  if ('failed' in judged) return dead('when_failed', judged.failed.slice(0, 300));
  if (judged.value === true) return null;
  return judged.value === false
    ? { kind: 'ended', state: 'skipped', reason: 'when' }
    : dead('when_failed', 'the condition is neither true nor false');
};

/** Did later news of the same subject go out already, so that this plan would undo them? */
const isOvertaken = async (
  deps: DeliveryDeps,
  { claimed, route, snapshot }: TryOrder,
  event: LifecycleEvent,
): Promise<boolean> => {
  if (!claimed.outOfOrder) return false;
  const newer = await deps.outbox.newer(claimed);
  const events = newer.flatMap((one): readonly LifecycleEvent[] => {
    if (one.sealed === null) return [];
    const { event: id, sealed } = one;
    const at = claimed.event.at;
    const reading = deps.openAndRead({ id, sealed, at }, route, snapshot.version);
    const opened = reading && openItem(route, reading, { item: one.item, at });
    // The kind as it was known when it went out, which may have taken a read of the source.
    return opened === null || opened.item === null ? [] : [{ ...opened.item, kind: one.kind }];
  });
  return isSuperseded(event, events);
};

const planOutcome = (result: PlanResult): Outcome => {
  if (result.kind === 'done') return { kind: 'delivered', status: null };
  if (result.kind === 'failed') return dead(result.reason, result.detail);
  const { reason, retryAfterMs } = result;
  const counted = isCounted(reason);
  return { kind: 'again', reason, status: null, detail: null, retryAfterMs, counted };
};

const runPlanOf = async (
  deps: DeliveryDeps,
  order: TryOrder,
  deliver: PlanRun,
  event: LifecycleEvent,
  enriched: Json,
): Promise<Tried> => {
  const { snapshot, claimed, one } = order;
  if (await isOvertaken(deps, order, event)) {
    return without({ kind: 'ended', state: 'superseded', reason: 'newer_delivered' });
  }
  const plan = snapshot.plans[deliver.plan];
  if (plan === undefined) return without(dead('plan_unknown'));
  const deadline = Math.min(one.deadline, deps.clock.monotonic() + plan.deadlineMs);
  const result = await deps.runPlan({
    snapshot,
    plan,
    event,
    enriched,
    delivery: claimed,
    mayStart: one.mayStart,
    calls: one.calls,
    deadline,
  });
  return { outcome: planOutcome(result), ledgerIds: result.ledgerIds };
};

const forwardOf = async (
  deps: DeliveryDeps,
  { snapshot, claimed, one, route }: TryOrder,
  forward: Forward,
  { kept, bytes }: Opened,
): Promise<Tried> => {
  const target = snapshot.targets[forward.target];
  // Of a closed route, the key that signs may be what is missing: nothing goes out unsigned.
  if (target === undefined || route.unconfigured !== null) return without(noTarget);
  const sent = await passOn(deps, one, {
    forward,
    target,
    key: claimed.key,
    source: claimed.event.sender,
    attempt: claimed.attempt,
    contentType: kept.headers['content-type'],
    bytes,
    replayed: claimed.replayed,
    outOfOrder: claimed.outOfOrder,
    gapAfter: claimed.gapAfter,
  });
  return without(outcomeOf(sent, deps.now()));
};

/** Tries one claim once. */
export const tryDelivery = async (deps: DeliveryDeps, order: TryOrder): Promise<Tried> => {
  const { claimed, route, deliver } = order;
  const { sealed, at } = claimed.event;
  if (sealed === null) return without(dead('pruned'));
  const { event: id, item: place } = claimed.key;
  const reading = deps.openAndRead({ id, sealed, at }, route, order.snapshot.version);
  if (reading === null) return without(dead('event_unopenable'));
  const opened = openItem(route, reading, { item: place, at });
  if (opened === null) return without(dead('item_unknown'));
  const { item } = opened;
  if (item === null && deliver.kind === 'plan') {
    return without(dead('event_unreadable', opened.unreadable));
  }
  const enriched = await enrichItem(deps, order, item);
  if (enriched.kind === 'failed') return without(enriched.outcome);
  const { value } = enriched;
  const event = item === null ? unreadEvent(claimed) : route.reader.enrich(item, value, at);
  const judged = judge(order, event, value);
  if (judged !== null) return without(judged);
  // A date that was known at receipt has come by now; this one only the source knew.
  const { effectiveAt } = event;
  if (effectiveAt !== null && effectiveAt > deps.now()) {
    return without({ kind: 'scheduled', dueAt: effectiveAt });
  }
  return deliver.kind === 'plan'
    ? runPlanOf(deps, order, deliver, event, value)
    : forwardOf(deps, order, deliver, opened);
};
