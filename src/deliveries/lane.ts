/**
 * One lane at work: how many tries it may have under way now. It rests while its destination is spared
 * (the target's own breaker, queue or limit said so), begins again with one try and doubles with each
 * round that goes well (slow start), and keeps retries to a share of what is new.
 */
import type { Clock } from '../clock.ts';
import type { Deliver, WebhookRoute } from '../snapshot.ts';

/** Retries allowed per new delivery, and per second whatever is new. */
const retryShare = 0.2;
const retriesPerSecond = 5;
/** Retries that may come at once after a quiet time. */
const retryBurst = 10;
/** Shortest and longest wait of a retry that found no room, ms. */
const noRoomMs = { least: 200, most: 30_000 };

export type RetryShare = Readonly<{
  /** A new delivery is tried. */
  live(): void;
  /** May one retry go now? */
  mayRetry(): boolean;
  /** When one that may not go asks again, ms: about as long as those before it take. `draw`: 0 ≤ x < 1. */
  againMs(draw: number): number;
}>;

/** At most a fifth of live traffic, at least five a second: the larger of the two. */
export const makeRetryShare = (clock: Pick<Clock, 'monotonic'>): RetryShare => {
  let shared = 0;
  let steady = retryBurst;
  /** Those that found no room, as far as it has not come about since. */
  let turnedAway = 0;
  let at = clock.monotonic();
  return {
    live: () => {
      shared = Math.min(retryBurst, shared + retryShare);
    },
    mayRetry: () => {
      const now = clock.monotonic();
      const gained = ((now - at) / 1_000) * retriesPerSecond;
      steady = Math.min(retryBurst, steady + gained);
      turnedAway = Math.max(0, turnedAway - gained);
      at = now;
      // Five fifths must make a whole in spite of binary fractions.
      if (Math.max(shared, steady) < 1 - 1e-9) {
        turnedAway += 1;
        return false;
      }
      shared = Math.max(0, shared - 1);
      steady = Math.max(0, steady - 1);
      return true;
    },
    againMs: (draw) =>
      Math.min(noRoomMs.most, noRoomMs.least + draw * 2 * (turnedAway / retriesPerSecond) * 1_000),
  };
};

/** How a lane stands, for people. */
export type LaneStanding = Readonly<{
  lane: string;
  kind: Deliver['kind'];
  running: number;
  /** Tries it may have under way at once now. */
  width: number;
  /** Why it rests, and for how many ms yet. */
  resting: Readonly<{ reason: string; ms: number }> | null;
  /** The destination answered 410: nothing is tried until the next reload. */
  gone: boolean;
}>;

export type Lane = Readonly<{
  name: string;
  route(): WebhookRoute;
  deliver(): Deliver;
  retries: RetryShare;
  /** Free places now; 0 while it rests or is gone. */
  free(): number;
  /** When its rest ends, monotonic ms; null = it does not rest. */
  restsUntil(): number | null;
  isGone(): boolean;
  began(): void;
  /** A try ended. `well`: the destination answered, whatever it thinks of the delivery. */
  ended(well: boolean): void;
  rest(ms: number, reason: string): void;
  giveUp(): void;
  /** New settings; what made it rest may be mended. */
  renew(route: WebhookRoute, deliver: Deliver): void;
  standing(): LaneStanding;
}>;

/** Makes a lane at full width. */
export const makeLane = (
  firstRoute: WebhookRoute,
  firstDeliver: Deliver,
  clock: Pick<Clock, 'monotonic'>,
): Lane => {
  let route = firstRoute;
  let deliver = firstDeliver;
  let running = 0;
  let width = Number.POSITIVE_INFINITY;
  let wentWell = 0;
  let gone = false;
  let rest: Readonly<{ until: number; reason: string }> | null = null;
  const widthNow = (): number => Math.min(width, deliver.concurrent);
  const restNow = (): typeof rest => {
    if (rest !== null && clock.monotonic() >= rest.until) rest = null;
    return rest;
  };
  return {
    name: deliver.lane,
    route: () => route,
    deliver: () => deliver,
    retries: makeRetryShare(clock),
    free: () => (gone || restNow() !== null ? 0 : Math.max(0, widthNow() - running)),
    restsUntil: () => restNow()?.until ?? null,
    isGone: () => gone,
    began: () => {
      running += 1;
    },
    ended: (well) => {
      running -= 1;
      if (!well || width >= deliver.concurrent) return;
      wentWell += 1;
      if (wentWell < width) return;
      width *= 2;
      wentWell = 0;
    },
    rest: (ms, reason) => {
      const until = Math.max(restNow()?.until ?? 0, clock.monotonic() + ms);
      rest = { until, reason };
      width = 1;
      wentWell = 0;
    },
    giveUp: () => {
      gone = true;
    },
    renew: (newRoute, newDeliver) => {
      route = newRoute;
      deliver = newDeliver;
      gone = false;
      rest = null;
    },
    standing: () => {
      const resting = restNow();
      return {
        lane: deliver.lane,
        kind: deliver.kind,
        running,
        width: widthNow(),
        resting:
          resting === null
            ? null
            : { reason: resting.reason, ms: Math.ceil(resting.until - clock.monotonic()) },
        gone,
      };
    },
  };
};
