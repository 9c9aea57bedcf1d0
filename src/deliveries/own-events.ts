/**
 * The gateway's own events on their way out: they lie in the outbox like any webhook, durable, retried
 * and signed anew at each try, in lanes of a route that no sender can reach. Its name is none that a
 * route file can write.
 */
import type { EventReader } from '../identity/events/event.ts';
import { newSpanId, newTraceId, type EventId, type Random } from '../ids.ts';
import type { KeyRing } from '../sealing.ts';
import type { Forward, HoldNotice, Snapshot, WebhookRoute } from '../snapshot.ts';
import type { EventStore, Receiving } from './event-store.ts';
import { sealEvent } from './kept-event.ts';
import { hashOf, lineOf, subjectHash } from './lines.ts';

/** Name of the route; lanes are `_sallyport/NAME`. */
export const ownRouteName = '_sallyport';
const source = 'sallyport';

/** One event of ours. */
export type OwnEvent = Readonly<{
  /** The same for the same news, so that telling it twice is telling it once. */
  id: EventId;
  /** `hold.created` */
  kind: string;
  /** What it is about: such go out in order. */
  subject: string;
  /** No values of anybody's: the body goes to whoever is configured. */
  body: Readonly<Record<string, unknown>>;
}>;

/** Reads nothing: our bodies are passed on whole. */
const reader: EventReader = Object.freeze({
  source,
  read: ({ receivedAt }: Parameters<EventReader['read']>[0]) => ({
    events: [
      {
        source,
        id: null,
        kind: 'other',
        type: '',
        subject: '',
        keys: {},
        effectiveAt: null,
        observedAt: receivedAt,
        changed: [],
        cancels: [],
        raw: null,
      },
    ],
    envelope: () => null,
  }),
  enrich: (event: Parameters<EventReader['enrich']>[0]) => event,
  needsEnriched: false,
});

const forwardOf = ({ name, target, path, signer }: HoldNotice): Forward => ({
  kind: 'forward',
  name,
  lane: `${ownRouteName}/${name}`,
  target,
  path,
  signer,
  answers: false,
  when: null,
  order: null,
  attemptsMax: 20,
  concurrent: 2,
});

/** The route of our own events under this configuration; null where nobody is told of anything. */
const ownRoute = ({ holds }: Pick<Snapshot, 'holds'>): WebhookRoute | null =>
  holds.notify.length === 0
    ? null
    : {
        name: ownRouteName,
        path: '',
        segments: [],
        receiver: null,
        unconfigured: null,
        bodyBytesMax: 0,
        limit: null,
        dedupe: { by: 'none', windowMs: 0 },
        reader,
        enrich: null,
        deliver: holds.notify.map(forwardOf),
        answer: null,
        silentAfterMs: null,
        trace: 'restart',
      };

/** Every route that has lanes: those of senders, and our own. */
export const deliveringRoutes = (
  snapshot: Pick<Snapshot, 'webhooks' | 'holds'>,
): readonly WebhookRoute[] => {
  const own = ownRoute(snapshot);
  return own === null ? snapshot.webhooks : [...snapshot.webhooks, own];
};

export type OwnEventsDeps = Readonly<{
  store: Pick<EventStore, 'receive'>;
  keyRing: KeyRing;
  random: Random;
  snapshot(): Snapshot;
  /** Something is due. */
  wake(): void;
}>;

/** Events of one commit (event-store.ts). */
const batchMax = 256;
/** How long the same news is recognised, ms. */
const rememberMs = 30 * 86_400_000;

/** Keeps events, with what they owe to those who are to be told; rejects where the store does. */
export const makeOwnEvents = (deps: OwnEventsDeps) => {
  const { keyRing, random } = deps;
  const { fingerprint } = keyRing;
  const receivingOf = (event: OwnEvent, notices: readonly HoldNotice[], at: number): Receiving => {
    const bytes = Buffer.from(JSON.stringify(event.body), 'utf8');
    return {
      event: {
        id: event.id,
        route: ownRouteName,
        at,
        sender: source,
        keyId: '',
        traceId: newTraceId(at, random),
        spanId: newSpanId(random),
        configVersion: deps.snapshot().version,
        items: 1,
        bytes: bytes.length,
        sealed: sealEvent(keyRing, event.id, {
          method: 'POST',
          url: '',
          path: '',
          query: '',
          headers: { 'content-type': 'application/json' },
          messageId: null,
          body: bytes,
          contents: null,
        }),
      },
      marks: [{ mark: hashOf(fingerprint, 'own event', [event.id]), until: at + rememberMs }],
      deliveries: notices.map(({ name }) => {
        const lane = `${ownRouteName}/${name}`;
        return {
          item: 0,
          name,
          lane,
          line: lineOf(fingerprint, lane, event.subject),
          subject: subjectHash(fingerprint, event.subject),
          kind: event.kind,
          observedAt: at,
          dueAt: at,
        };
      }),
      cancels: [],
    };
  };
  return async (events: readonly OwnEvent[], now: number): Promise<void> => {
    const { notify } = deps.snapshot().holds;
    if (notify.length === 0) return;
    for (let from = 0; from < events.length; from += batchMax) {
      const batch = events.slice(from, from + batchMax);
      await deps.store.receive(
        batch.map((event) => receivingOf(event, notify, now)),
        [],
        now,
      );
      deps.wake();
    }
  };
};
