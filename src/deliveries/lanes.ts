/** The lanes of the configuration in force, and how long one of their tries may take. */
import type { Clock } from '../clock.ts';
import type { Deliver, Snapshot, WebhookRoute } from '../snapshot.ts';
import { makeLane, type Lane } from './lane.ts';
import { deliveringRoutes } from './own-events.ts';

/**
 * How long a claim lasts at most, ms; a plan may take an hour. Nobody waits for that after a crash, for
 * claims end with their process, too (outbox-store.ts).
 */
const leaseMsMax = 2 * 3_600_000;
/** A try ends so long before its lease, ms. */
export const leaseMarginMs = 5_000;

/** Longest time one try of a lane may take, ms. */
const tryMs = (snapshot: Snapshot, route: WebhookRoute, deliver: Deliver): number => {
  const ofTarget = (name: string | undefined): number => {
    const settings = name === undefined ? undefined : snapshot.targets[name]?.settings;
    return settings === undefined ? 0 : settings.limits.wait + settings.timeout;
  };
  const own =
    deliver.kind === 'forward'
      ? ofTarget(deliver.target)
      : (snapshot.plans[deliver.plan]?.deadlineMs ?? 0);
  return own + ofTarget(route.enrich?.target);
};

/**
 * How long claims under this configuration last, ms: as long as a gateway may be silent (`store.lease`)
 * before another does its work, and longer where a try may take longer.
 */
export const leaseMsOf = (snapshot: Snapshot): number => {
  const all = deliveringRoutes(snapshot).flatMap((route) =>
    route.deliver.map((deliver) => tryMs(snapshot, route, deliver) + 2 * leaseMarginMs),
  );
  return Math.min(leaseMsMax, Math.max(snapshot.store.leaseMs, ...all));
};

export type Lanes = Readonly<{
  all(): readonly Lane[];
  of(name: string): Lane | undefined;
  /** Exactly the lanes of this snapshot; those that stay keep what is under way. */
  reconcile(snapshot: Snapshot): void;
}>;

/** Starts without lanes. */
export const makeLanes = (clock: Pick<Clock, 'monotonic'>): Lanes => {
  let lanes = new Map<string, Lane>();
  return {
    all: () => [...lanes.values()],
    of: (name) => lanes.get(name),
    reconcile: (snapshot) => {
      const next = new Map<string, Lane>();
      for (const route of deliveringRoutes(snapshot)) {
        for (const deliver of route.deliver) {
          const lane = lanes.get(deliver.lane) ?? makeLane(route, deliver, clock);
          lane.renew(route, deliver);
          next.set(deliver.lane, lane);
        }
      }
      lanes = next;
    },
  };
};
