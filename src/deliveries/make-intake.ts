/**
 * The way in. A message that was verified is read, planned, sealed and kept by group commit: those that
 * come while a commit runs go together in the next one, without a timer. A commit that fails keeps
 * nothing of its batch, marks neither; its messages are then tried once each by themselves, so that one
 * the store cannot take fails alone. Whoever is told no is welcome to send again. What waits is bounded by number and bytes; beyond it the answer is no, at once.
 */
import type { Clock } from '../clock.ts';
import { GatewayError } from '../errors.ts';
import type { ReadEvents } from '../identity/events/event.ts';
import { newEventId, type EventId, type Random } from '../ids.ts';
import type { KeyRing } from '../sealing.ts';
import type { Receiver } from '../signatures/receiver.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { EventStore, ReceivedAs, Receiving, SourceState } from './event-store.ts';
import type { Arrived, Intake, TakenIn } from './intake.ts';
import { sealEvent, type KeptEvent } from './kept-event.ts';
import { planDeliveries } from './plan-deliveries.ts';
import { keepArrived, readKept } from './read-kept.ts';
import { marksOf } from './repeat-marks.ts';

export type IntakeDeps = Readonly<{
  store: Pick<EventStore, 'receive'>;
  keyRing: KeyRing;
  clock: Clock;
  random: Random;
  observer: Pick<Observer, 'note'>;
  /** Something is due, or will be: the outbox looks. */
  wake(): void;
  /** Told of each message once it is on disk (find-gaps.ts). */
  noticed?(arrived: Arrived, kind: TakenIn['kind']): void;
  /** For tests. */
  limits?: IntakeLimits;
}>;

export type IntakeLimits = Readonly<{
  batchEventsMax: number;
  batchBytesMax: number;
  waitingEventsMax: number;
  waitingBytesMax: number;
}>;

const usualLimits: IntakeLimits = {
  batchEventsMax: 256,
  batchBytesMax: 4 * 1_024 * 1_024,
  waitingEventsMax: 8_192,
  waitingBytesMax: 64 * 1_024 * 1_024,
};

/** An intake that can be emptied. */
export type OpenIntake = Intake &
  Readonly<{
    /** Takes nothing more, and resolves once nothing waits. */
    close(): Promise<void>;
    /** Events and bytes held now, those under way too. */
    held(): Readonly<{ events: number; bytes: number }>;
  }>;

type Pending = Readonly<{
  receiving: Receiving;
  source: SourceState;
  arrived: Arrived;
  bytes: number;
  resolve(taken: TakenIn): void;
  reject(error: GatewayError): void;
}>;

/** Bytes that one delivery counts for in a batch: about its row with its indexes. */
const deliveryBytes = 256;

/** Messages tried alone that fail one after the other, after which the rest of their batch is not tried. */
const failuresMax = 3;

/** Reads the body; a reader that fails is a defect of ours and no reason to lose the message. */
const readEvents = (deps: IntakeDeps, { route, at }: Arrived, kept: KeptEvent): ReadEvents => {
  try {
    return readKept(route.reader, kept, at);
  } catch (cause) {
    deps.observer.note('error', 'webhook.unread', { route: route.name, cause });
    return { unreadable: 'its reader failed' };
  }
};

/** The message as it goes to the store. */
const prepare = (deps: IntakeDeps, arrived: Arrived): Receiving => {
  const { snapshot, route, received, verified, at, traceId, spanId } = arrived;
  const { keyRing, random, observer } = deps;
  const receiver = route.receiver as Receiver;
  const id = newEventId(at, random);
  const kept = keepArrived(arrived);
  const read = readEvents(deps, arrived, kept);
  const { fingerprint } = keyRing;
  const { deliver, reader } = route;
  const planned = planDeliveries({ deliver, reader, read, at, fingerprint });
  if ('unreadable' in read) {
    observer.note('warn', 'webhook.unreadable', {
      route: route.name,
      event_id: id,
      reason: read.unreadable,
    });
  }
  if (planned.beyond > 0) {
    observer.note('error', 'webhook.items-beyond', {
      route: route.name,
      event_id: id,
      items: planned.items,
      beyond: planned.beyond,
    });
  }
  return {
    event: {
      id,
      route: route.name,
      at,
      sender: receiver.sender,
      keyId: verified.keyId,
      traceId,
      spanId,
      configVersion: snapshot.version,
      items: planned.items,
      bytes: received.body.length,
      sealed: sealEvent(keyRing, id, kept),
    },
    marks: marksOf(fingerprint, { route, verified, received, at }),
    deliveries: planned.deliveries,
    cancels: planned.cancels,
  };
};

/** One state for each route of a batch. */
const sourcesOf = (batch: readonly Pending[]): readonly SourceState[] => {
  const byRoute = new Map<string, SourceState>();
  for (const { source } of batch) {
    const known = byRoute.get(source.route);
    byRoute.set(
      source.route,
      known === undefined
        ? source
        : {
            route: source.route,
            lastAt: Math.max(known.lastAt, source.lastAt),
            sequence:
              source.sequence === null || known.sequence === null
                ? (source.sequence ?? known.sequence)
                : Math.max(source.sequence, known.sequence),
          },
    );
  }
  return [...byRoute.values()];
};

/** A repeat of itself: a commit that seemed to fail had kept it. */
const takenOf = (as: ReceivedAs, id: EventId): TakenIn =>
  as.kind === 'duplicate' && as.of !== id
    ? { kind: 'duplicate', id: as.of }
    : { kind: 'stored', id };

/** Makes the intake of a process. */
export const makeIntake = (deps: IntakeDeps): OpenIntake => {
  const limits = deps.limits ?? usualLimits;
  let waiting: Pending[] = [];
  const held = { events: 0, bytes: 0 };
  let busy = false;
  let closed: (() => void) | null = null;
  let closing: Promise<void> | null = null;

  /** The next batch: at least one event, in the order they came. */
  const nextBatch = (): readonly Pending[] => {
    let bytes = 0;
    let count = 0;
    for (const pending of waiting) {
      if (count === limits.batchEventsMax) break;
      if (count > 0 && bytes + pending.bytes > limits.batchBytesMax) break;
      bytes += pending.bytes;
      count += 1;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  };

  const release = (batch: readonly Pending[]): void => {
    held.events -= batch.length;
    for (const { bytes } of batch) held.bytes -= bytes;
  };

  const tell = (batch: readonly Pending[], taken: readonly TakenIn[]): void => {
    try {
      batch.forEach(({ arrived }, index) =>
        deps.noticed?.(arrived, (taken[index] as TakenIn).kind),
      );
      const owes = batch.some(
        ({ receiving }, index) =>
          taken[index]?.kind === 'stored' && receiving.deliveries.length > 0,
      );
      if (owes) deps.wake();
    } catch (cause) {
      deps.observer.note('error', 'webhook.untold', { cause });
    }
  };

  /** Null where the store took it; else why it did not. */
  const attempt = async (
    batch: readonly Pending[],
  ): Promise<Readonly<{ cause: unknown }> | null> => {
    let taken: readonly TakenIn[];
    try {
      const results = await deps.store.receive(
        batch.map(({ receiving }) => receiving),
        sourcesOf(batch),
        deps.clock.now(),
      );
      taken = batch.map(({ receiving }, index) =>
        takenOf(results[index] as ReceivedAs, receiving.event.id),
      );
    } catch (cause) {
      return { cause };
    }
    release(batch);
    batch.forEach(({ resolve }, index) => resolve(taken[index] as TakenIn));
    tell(batch, taken);
    return null;
  };

  const giveUp = (batch: readonly Pending[], cause: unknown): void => {
    if (batch.length === 0) return;
    release(batch);
    deps.observer.note('error', 'webhook.unstored', { events: batch.length, cause });
    const error = new GatewayError('ledger_unavailable', { cause });
    for (const { reject } of batch) reject(error);
  };

  const commit = async (batch: readonly Pending[]): Promise<void> => {
    const failed = await attempt(batch);
    if (failed === null) return;
    if (batch.length === 1) return giveUp(batch, failed.cause);
    let inARow = 0;
    for (const [index, pending] of batch.entries()) {
      const alone = await attempt([pending]);
      inARow = alone === null ? 0 : inARow + 1;
      if (alone !== null) giveUp([pending], alone.cause);
      // The store itself is gone: the others would only wait for the same.
      if (alone !== null && inARow === failuresMax)
        return giveUp(batch.slice(index + 1), alone.cause);
    }
  };

  const run = async (): Promise<void> => {
    while (waiting.length > 0) await commit(nextBatch());
    busy = false;
    closed?.();
  };

  const schedule = (): void => {
    if (busy) return;
    busy = true;
    // After the sockets that are readable now: what they bring shares one commit.
    setImmediate(() => void run());
  };

  const hasRoom = (bytes: number): boolean =>
    held.events < limits.waitingEventsMax && held.bytes + bytes <= limits.waitingBytesMax;

  const take = (arrived: Arrived): Promise<TakenIn> => {
    if (closing !== null) return Promise.reject(new GatewayError('shutting_down'));
    if (!hasRoom(arrived.received.body.length)) {
      return Promise.reject(new GatewayError('ledger_unavailable'));
    }
    return new Promise((resolve, reject) => {
      const receiving = prepare(deps, arrived);
      const { event, deliveries } = receiving;
      const { route, at } = event;
      const bytes = event.sealed.length + deliveries.length * deliveryBytes;
      const source = { route, lastAt: at, sequence: arrived.verified.sequence };
      held.events += 1;
      held.bytes += bytes;
      waiting.push({ receiving, source, arrived, bytes, resolve, reject });
      schedule();
    });
  };

  return Object.freeze({
    take,
    held: () => ({ ...held }),
    close: (): Promise<void> => {
      closing ??= new Promise((resolve) => {
        closed = resolve;
        if (!busy) resolve();
      });
      return closing;
    },
  });
};
