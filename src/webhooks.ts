/**
 * Webhooks put together: the way in (intake, gaps), the outbox behind it and the plans it runs, on the
 * parts a gateway has already. One life: started after recovery, stopped before the doors.
 */
import { makeDeliveries } from './deliveries/make-deliveries.ts';
import { makeGapWatch } from './deliveries/gap-watch.ts';
import { makeIntake } from './deliveries/make-intake.ts';
import { makeRunPlan } from './deliveries/run-plan.ts';
import type { Clock } from './clock.ts';
import type { Foundation } from './foundation.ts';
import { makeBodyRoom } from './http/body-room.ts';
import { makeConfirmations } from './http/confirmations.ts';
import type { WebhookDoors } from './http/serve-webhook.ts';
import { makeStrangers } from './http/strangers.ts';
import type { Random } from './ids.ts';
import type { Limiter } from './limits/limiter.ts';
import type { Doors } from './passage/doors.ts';
import type { KeyFetcher } from './signatures/receiver.ts';
import type { Snapshot } from './snapshot.ts';
import type { Targets } from './targets/send.ts';
import type { Observer } from './telemetry/observe.ts';

export type WebhooksDeps = Readonly<{
  clock: Clock;
  random: Random;
  observer: Observer;
  foundation: Foundation;
  targets: Targets;
  limiter: Limiter;
  doors: Pick<Doors, 'pass'>;
  keyFetcher: KeyFetcher;
  snapshot(): Snapshot;
}>;

export type Webhooks = Readonly<{
  doors: WebhookDoors;
  /** Something in the outbox may be due. */
  wake(): void;
  start(): void;
  /** After a snapshot was swapped in. */
  reconcile(snapshot: Snapshot): void;
  /**
   * At once no try begins any more; those under way end or are given up, to be tried again. Once the
   * doors are shut all that was taken in is on disk.
   */
  stop(deadlineMs: number, doorsShut: Promise<void>): Promise<void>;
}>;

/** Makes them; nothing runs until `start`. */
export const makeWebhooks = (deps: WebhooksDeps): Webhooks => {
  const { observer, foundation, keyFetcher } = deps;
  const { stores, keyRing, watch, freezes } = foundation;
  const deliveries = makeDeliveries({
    ...deps,
    watch,
    keyRing,
    events: stores.events,
    outbox: stores.outbox,
    feed: stores.feed,
    standing: { frozen: (scope) => freezes.frozenBy(scope)?.scope ?? false },
    runPlan: makeRunPlan(deps),
  });
  const gaps = makeGapWatch({
    ...deps,
    store: stores.events,
    alone: stores.shared === null,
  });
  const intake = makeIntake({
    ...deps,
    store: stores.events,
    keyRing,
    wake: deliveries.wake,
    noticed: gaps.heard,
  });
  const confirm = async (url: string): Promise<void> => {
    if ((await keyFetcher.fetch(url)) === null) {
      throw new TypeError('the sender did not confirm');
    }
  };
  return {
    doors: {
      intake,
      ask: deliveries.ask,
      confirmations: makeConfirmations(confirm, observer),
      limiter: deps.limiter,
      strangers: makeStrangers(),
      bodies: makeBodyRoom(),
    },
    wake: deliveries.wake,
    start: () => {
      deliveries.start();
      gaps.start();
    },
    reconcile: deliveries.reconcile,
    stop: async (deadlineMs, doorsShut) => {
      gaps.stop();
      const stopped = deliveries.stop(deadlineMs, doorsShut);
      await doorsShut;
      await intake.close();
      await stopped;
    },
  };
};
