/**
 * What to do with an event that arrives after one that the source saw later: a late `leaver` must not
 * undo the `rehire` that followed it. Sources of HR events promise no order, only times.
 *
 * Status (joiner, leaver, rehire, suspend, resume) is one value: the latest event says it. Membership is
 * one value per group. A mover is spared only where all that it changed was changed again; it is never
 * spared for a change of status, and status never for a mover, so the twins created and updated that
 * some sources fire at a hire are both kept: they are idempotent. A joiner that comes after its own
 * leaver is not made up for: nobody gets an account they should not have.
 */
import type { LifecycleEvent } from './event.ts';

const statusKinds: ReadonlySet<string> = new Set([
  'joiner',
  'leaver',
  'rehire',
  'suspend',
  'resume',
]);
const groupKinds: ReadonlySet<string> = new Set(['group-add', 'group-remove']);

/** `changed` of an event that carries the whole record, whatever it was that changed. */
export const wholeRecord = '*';

/** What an event sets: events that set the same thing supersede each other. Null = nothing that lasts. */
const thingOf = ({ kind, keys }: LifecycleEvent): string | null => {
  if (statusKinds.has(kind)) return 'status';
  if (!groupKinds.has(kind)) return null;
  const group = keys['groupId'] ?? keys['group'];
  return group === undefined ? null : `group ${group}`;
};

/** When it counts: seen, or later where it takes effect later. Null where the source does not say. */
const countsAt = ({ observedAt, effectiveAt }: LifecycleEvent): number | null =>
  observedAt === null ? null : Math.max(observedAt, effectiveAt ?? observedAt);

/**
 * Is `older` void because of what the source saw after it? `others` are events that have taken effect
 * already, in any order, of any subject; those that were not seen later do not count. Where times are
 * unknown or equal, order of arrival stands and nothing is void.
 */
export const isSuperseded = (older: LifecycleEvent, others: readonly LifecycleEvent[]): boolean => {
  const at = countsAt(older);
  if (at === null || older.subject === '') return false;
  const later = others.filter(
    (other) =>
      other.subject === older.subject &&
      other.source === older.source &&
      (countsAt(other) ?? Number.NEGATIVE_INFINITY) > at,
  );
  const thing = thingOf(older);
  if (thing !== null) return later.some((other) => thingOf(other) === thing);
  if (older.kind !== 'mover') return false;
  const again = new Set(
    later.filter(({ kind }) => kind === 'mover').flatMap(({ changed }) => changed),
  );
  if (again.has(wholeRecord)) return true;
  return older.changed.length > 0 && older.changed.every((path) => again.has(path));
};
