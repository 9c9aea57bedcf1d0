/**
 * Watches the sources of all webhook routes (find-gaps.ts): hears what this gateway took in, looks at
 * the store for what others did, judges once a minute and tells. One state for each route of the
 * snapshot, no more. Numbers are judged only where this gateway hears all of a route.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { EventStore, SourceState } from './event-store.ts';
import { hearSource, judgeSource, watchSource, type SourceWatched } from './find-gaps.ts';
import type { Arrived, TakenIn } from './intake.ts';

export type GapWatchDeps = Readonly<{
  store: Pick<EventStore, 'sources'>;
  clock: Clock;
  observer: Pick<Observer, 'sourceNoticed' | 'note'>;
  snapshot(): Pick<Snapshot, 'webhooks'>;
  /** False where several gateways share the store: each hears a part, so a skip means nothing. */
  alone: boolean;
}>;

export type GapWatch = Readonly<{
  /** One message is on disk. */
  heard(arrived: Arrived, kind: TakenIn['kind']): void;
  /** Looks once; also what the timer does each minute. Never rejects. */
  check(): Promise<void>;
  start(): void;
  stop(): void;
}>;

const everyMs = 60_000;

export const makeGapWatch = (deps: GapWatchDeps): GapWatch => {
  const { clock, observer } = deps;
  const watched = new Map<string, SourceWatched>();
  const beganAt = clock.now();
  let timer: Timer | null = null;
  let stopped = false;

  const sourceOf = (route: string): SourceWatched =>
    watched.get(route) ?? watchSource(null, null, beganAt);

  /** What the store knows that this gateway does not: earlier runs, other gateways. */
  const learn = ({ route, lastAt, sequence }: SourceState): void => {
    const known = watched.get(route);
    const numbers = deps.alone ? sequence : null;
    watched.set(
      route,
      known === undefined
        ? watchSource(lastAt, numbers, beganAt)
        : {
            ...known,
            lastAt: Math.max(known.lastAt, lastAt),
            sequence: known.sequence ?? numbers,
          },
    );
  };

  const check = async (): Promise<void> => {
    let sources: readonly SourceState[];
    try {
      sources = await deps.store.sources();
    } catch (cause) {
      // Without the store nobody knows what the others heard: no alarm is better than a false one.
      observer.note('debug', 'webhook.sources-unread', { cause });
      return;
    }
    const { webhooks } = deps.snapshot();
    const silentAfter = new Map(webhooks.map(({ name, silentAfterMs }) => [name, silentAfterMs]));
    for (const source of sources) if (silentAfter.has(source.route)) learn(source);
    const now = clock.now();
    for (const [route, { silent, lastAt }] of watched) {
      if (silentAfter.has(route)) continue;
      watched.delete(route);
      // Nobody expects anything of a route that is gone.
      if (silent) observer.sourceNoticed({ route, kind: 'returned', count: 1, lastAt });
    }
    for (const [route, silentAfterMs] of silentAfter) {
      const { source, findings } = judgeSource(sourceOf(route), silentAfterMs, now);
      watched.set(route, source);
      for (const { kind, count } of findings) {
        observer.sourceNoticed({ route, kind, count, lastAt: source.lastAt });
      }
    }
  };

  const again = (): void => {
    if (stopped) return;
    timer = clock.after(everyMs, () => void check().finally(again));
  };

  return {
    heard: ({ route, verified, at }, kind) => {
      const { sequence, retry } = verified;
      watched.set(
        route.name,
        hearSource(sourceOf(route.name), {
          at,
          sequence: deps.alone ? sequence : null,
          retry,
          repeated: kind === 'duplicate',
        }),
      );
    },
    check,
    start: () => void check().finally(again),
    stop: () => {
      stopped = true;
      timer?.cancel();
    },
  };
};
