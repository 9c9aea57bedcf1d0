/**
 * What an event owes to whom, decided at receipt: one delivery for each item and `deliver:` entry whose
 * condition may hold. Pure. Whatever cannot be judged yet (a condition over `enriched`, a kind that the
 * enriched form decides, an expression that fails) makes a delivery, for the outbox judges again; only
 * a condition that is plainly false makes none.
 *
 * A body of more than 1,000 items is kept whole and counted whole; its first 1,000 items become
 * deliveries and the rest is reported, for a batch is stored in one transaction and senders that batch
 * (Okta, Event Grid, log streams) stop at a few hundred. `beyond` says how many were left.
 */
import type { EventReader, LifecycleEvent, ReadEvents } from '../identity/events/event.ts';
import { eventVariables } from '../identity/events/variables.ts';
import type { Deliver } from '../snapshot.ts';
import type { DeliveryRow, Receiving } from './event-store.ts';
import { lineOf, subjectHash, type Fingerprint } from './lines.ts';

/** Most items of one body that become deliveries. */
export const itemsMax = 1_000;
/** Most deliveries of one body, over all entries. */
export const deliveriesMax = 10_000;

export type Planned = Readonly<{
  /** Items of the body, those beyond the limit too; 0 where it could not be read. */
  items: number;
  deliveries: readonly DeliveryRow[];
  cancels: Receiving['cancels'];
  /** Items that became no deliveries for there were too many. */
  beyond: number;
}>;

type Given = Readonly<{
  deliver: readonly Deliver[];
  reader: Pick<EventReader, 'needsEnriched'>;
  read: ReadEvents;
  /** When the message came in, wall ms. */
  at: number;
  fingerprint: Fingerprint;
}>;

type Variables = ReturnType<typeof eventVariables>;

/** May the entry want this event? Null = it wants every one. */
const mayWant = ({ when }: Deliver, needsEnriched: boolean, variables: Variables): boolean => {
  if (when === null || needsEnriched || when.mentions.has('enriched')) return true;
  const judged = when.evaluate(variables);
  return 'failed' in judged || judged.value !== false;
};

/** What deliveries of an entry go in order by; '' where it cannot be told: such share a line. */
const orderOf = ({ order }: Deliver, event: LifecycleEvent, variables: Variables): string => {
  if (order === null) return event.subject;
  const judged = order.evaluate(variables);
  if ('failed' in judged) return '';
  const { value } = judged;
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';
};

/** Announced events that this one takes back: those it names, and of its own kind where it is announced, too. */
const cancelledKinds = (event: LifecycleEvent, announced: boolean): readonly string[] =>
  announced && !event.cancels.includes(event.kind) ? [...event.cancels, event.kind] : event.cancels;

/** Nobody can say what it means: bytes go on to whoever wants everything; plans go dead visibly. */
const planUnreadable = ({ deliver, at, fingerprint }: Given): Planned => ({
  items: 0,
  deliveries: deliver
    .filter(({ kind, when }) => kind === 'plan' || when === null)
    .map(({ name, lane }) => ({
      item: 0,
      name,
      lane,
      line: lineOf(fingerprint, lane, ''),
      subject: subjectHash(fingerprint, ''),
      kind: 'other',
      observedAt: at,
      dueAt: at,
    })),
  cancels: [],
  beyond: 0,
});

/** Kinds that one event takes back: none where nobody knows whom it is about. */
const takesBack = (event: LifecycleEvent, announced: boolean): readonly string[] =>
  event.subject === '' ? [] : cancelledKinds(event, announced);

type Cancel = Receiving['cancels'][number];

/** Deliveries of one body, of which a later item can take back what an earlier one announced. */
const collect = () => {
  const rows: DeliveryRow[] = [];
  const announced = new Map<string, Set<DeliveryRow>>();
  const withdrawn = new Set<DeliveryRow>();
  const keyOf = ({ line, subject }: Pick<Cancel, 'line' | 'subject'>): string =>
    line.toString('hex') + subject.toString('hex');
  return {
    add: (row: DeliveryRow, at: number): void => {
      rows.push(row);
      if (row.dueAt <= at) return;
      const key = keyOf(row);
      const known = announced.get(key);
      if (known === undefined) announced.set(key, new Set([row]));
      else known.add(row);
    },
    cancel: (cancel: Cancel): void => {
      const known = announced.get(keyOf(cancel));
      for (const row of known ?? []) {
        if (!cancel.kinds.includes(row.kind)) continue;
        withdrawn.add(row);
        known?.delete(row);
      }
    },
    left: (): readonly DeliveryRow[] => rows.filter((row) => !withdrawn.has(row)),
  };
};

/** Plans the deliveries of one body. */
export const planDeliveries = (given: Given): Planned => {
  const { reader, read, at, fingerprint } = given;
  // A sender that waits for an answer is answered at once or by the default: nothing is sent later.
  const deliver = given.deliver.filter((entry) => entry.kind === 'plan' || !entry.answers);
  if ('unreadable' in read) return planUnreadable({ ...given, deliver });
  const { events } = read;
  // Nobody to tell: what happened is kept, and nothing has to be found by whom it is about.
  if (deliver.length === 0) return { items: events.length, deliveries: [], cancels: [], beyond: 0 };
  const most = Math.min(itemsMax, Math.floor(deliveriesMax / Math.max(1, deliver.length)));
  const collected = collect();
  const cancels: Cancel[] = [];
  for (const [item, event] of events.slice(0, most).entries()) {
    const variables = eventVariables(event, null);
    const { effectiveAt, kind } = event;
    const announced = !reader.needsEnriched && effectiveAt !== null && effectiveAt > at;
    const kinds = takesBack(event, announced);
    const subject = subjectHash(fingerprint, event.subject);
    for (const entry of deliver) {
      const { name, lane } = entry;
      const line = lineOf(fingerprint, lane, orderOf(entry, event, variables));
      // Also where this entry does not want the event itself: what was announced to it ends.
      if (kinds.length > 0) {
        const cancel = { line, subject, kinds };
        cancels.push(cancel);
        collected.cancel(cancel);
      }
      if (!mayWant(entry, reader.needsEnriched, variables)) continue;
      const observedAt = event.observedAt ?? at;
      const dueAt = announced ? effectiveAt : at;
      collected.add({ item, name, lane, line, subject, kind, observedAt, dueAt }, at);
    }
  }
  return {
    items: events.length,
    deliveries: collected.left(),
    cancels,
    beyond: Math.max(0, events.length - most),
  };
};
