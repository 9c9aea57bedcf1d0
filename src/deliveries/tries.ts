/**
 * Tries under way: from a claim to what is settled of it. Each try tells telemetry once and teaches
 * its lane; outcomes go to the settler with the end of their lease.
 */
import type { Clock } from '../clock.ts';
import { deliveryId, newSpanId, type Random, type SpanId } from '../ids.ts';
import type { Snapshot } from '../snapshot.ts';
import type { DeliveryAttempted, Observer } from '../telemetry/observe.ts';
import type { Lane } from './lane.ts';
import { leaseMarginMs, type Lanes } from './lanes.ts';
import type { Claimed, Settling } from './outbox-store.ts';
import type { Settler } from './settler.ts';
import { attemptRow, nextOf, restOf, resultOf } from './settling.ts';
import type { TryOrder } from './try-delivery.ts';
import { dead, type Outcome, type Tried } from './tried.ts';

export type TriesDeps = Readonly<{
  clock: Clock;
  /** Wall ms that does not jump. */
  now(): number;
  random: Random;
  /** 0 ≤ x < 1. */
  jitter(): number;
  snapshot(): Snapshot;
  tryOnce(order: TryOrder): Promise<Tried>;
  observer: Pick<Observer, 'deliveryAttempted' | 'note'>;
  lanes: Lanes;
  settler: Settler;
  /** False: nothing begins any more. */
  mayStart(): boolean;
  /** A place of the lane is free again. */
  ended(lane: Lane): void;
}>;

export type Tries = Readonly<{
  /** Begins what was claimed, or gives it back. `leaseEnd`: monotonic ms. */
  take(claimed: Claimed, leaseEnd: number): void;
  running(): number;
}>;

type Begun = Readonly<{ lane: Lane; order: TryOrder; spanId: SpanId; startedAt: number }>;

const defect: Outcome = Object.freeze({
  kind: 'again',
  reason: 'internal',
  status: null,
  detail: null,
  retryAfterMs: null,
  counted: true,
});

const told = (
  { order, spanId, startedAt }: Begun,
  { outcome, ledgerIds }: Tried,
  next: Settling['next'],
  endedAt: number,
): DeliveryAttempted => {
  const { claimed, deliver, snapshot, one } = order;
  return {
    traceId: claimed.event.traceId,
    spanId,
    eventSpanId: claimed.event.spanId,
    eventId: claimed.key.event,
    deliveryId: deliveryId(claimed.key),
    route: claimed.route,
    lane: claimed.lane,
    kind: deliver.kind,
    attempt: claimed.attempt,
    result: resultOf(next),
    reason: 'reason' in outcome ? outcome.reason : null,
    status: 'status' in outcome ? outcome.status : null,
    eventAt: claimed.event.at,
    startedAt,
    endedAt,
    ledgerIds,
    calls: one.calls,
    configVersion: snapshot.version,
  };
};

/** Makes the tries of one dispatcher; none is under way. */
export const makeTries = (deps: TriesDeps): Tries => {
  const { now, observer, settler, lanes } = deps;
  let running = 0;

  const giveBack = ({ key, token }: Claimed, leaseEnd: number, waitMs: number): void => {
    const next = { state: 'ready', dueAt: Math.ceil(now() + waitMs), counted: false } as const;
    settler.add({ key, token, next, attempt: null }, leaseEnd);
  };

  const teach = (lane: Lane, { outcome }: Tried): void => {
    lane.ended(outcome.kind !== 'again');
    const rest = restOf(outcome);
    if (rest !== null && 'reason' in outcome) lane.rest(rest, outcome.reason);
    if (outcome.kind !== 'dead' || !outcome.gone || lane.isGone()) return;
    lane.giveUp();
    observer.note('error', 'deliveries.lane.gone', { lane: lane.name });
  };

  const finish = (begun: Begun, tried: Tried, leaseEnd: number): void => {
    const { lane, order, spanId, startedAt } = begun;
    const { claimed, deliver } = order;
    const at = now();
    const terms = { now: at, attemptsMax: deliver.attemptsMax, draw: deps.jitter() };
    const next = nextOf(claimed, tried.outcome, terms);
    observer.deliveryAttempted(told(begun, tried, next, at));
    running -= 1;
    teach(lane, tried);
    const ms = Math.max(0, Math.round(at - startedAt));
    const attempt = attemptRow(tried, { at: startedAt, ms, spanId });
    settler.add({ key: claimed.key, token: claimed.token, next, attempt }, leaseEnd);
    deps.ended(lane);
  };

  const begin = async (lane: Lane, claimed: Claimed, leaseEnd: number): Promise<void> => {
    const order: TryOrder = {
      claimed,
      snapshot: deps.snapshot(),
      route: lane.route(),
      deliver: lane.deliver(),
      one: {
        route: claimed.route,
        lane: lane.name,
        traceId: claimed.event.traceId,
        deadline: leaseEnd - leaseMarginMs,
        mayStart: deps.mayStart,
        calls: [],
      },
    };
    const begun = { lane, order, spanId: newSpanId(deps.random), startedAt: now() };
    let tried: Tried;
    try {
      // The last one took its gateway down, or lost its lease: it is not let at this one.
      const spent = claimed.attempt > lane.deliver().attemptsMax;
      tried = spent ? { outcome: dead('tries_spent'), ledgerIds: [] } : await deps.tryOnce(order);
    } catch (cause) {
      observer.note('error', 'deliveries.try.failed', { lane: lane.name, cause });
      // The next version may know better: it is tried again as far as tries go.
      tried = { outcome: defect, ledgerIds: [] };
    }
    finish(begun, tried, leaseEnd);
  };

  return {
    running: () => running,
    take: (claimed, leaseEnd) => {
      const lane = lanes.of(claimed.lane);
      if (lane === undefined || !deps.mayStart()) return giveBack(claimed, leaseEnd, 0);
      if (claimed.attempt === 1) lane.retries.live();
      else if (!lane.retries.mayRetry()) {
        return giveBack(claimed, leaseEnd, lane.retries.againMs(deps.jitter()));
      }
      lane.began();
      running += 1;
      void begin(lane, claimed, leaseEnd);
    },
  };
};
