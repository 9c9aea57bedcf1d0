/**
 * Records a mutation together with what it takes: places of guards, and the hold that it is released
 * from, in one transaction of the ledger. An urgent revocation takes the place of its grant first. A
 * window without room stops the mutation; in a trial it is noted, and the place is taken all the same.
 */
import { GatewayError } from '../errors.ts';
import type { LedgerId } from '../ids.ts';
import type { Unclaimed, WindowClaim } from '../ledger/claims.ts';
import type { IntentRecord } from '../ledger/record.ts';
import { heldOperation } from './binding-checks.ts';
import { fullWindow, type Place } from './places.ts';
import { guardRule, trippedStop, type Stop, type Weighed, type Weighing } from './weigh.ts';

/** Makes the intent anew, with the rules that a trial let pass. */
export type MakeIntent = (shadowed: readonly string[]) => IntentRecord;

const taken = ({ approached, final }: Weighing): Stop => {
  const operation = heldOperation(approached, final);
  const { before, after } = final;
  return { stop: 'unreleased', unreleased: { why: 'taken', operation, before, after } };
};

type Full = Extract<Unclaimed, { unclaimed: 'window' }>;

const placeOf = (places: readonly Place[], { key }: Full): Place => {
  const place = places.find(({ claim }) => claim.key === key);
  if (place === undefined) throw new GatewayError('internal', { detail: 'Try again later.' });
  return place;
};

const forcing = (claims: readonly WindowClaim[], { key }: Full): readonly WindowClaim[] =>
  claims.map((claim) => (claim.key === key ? { ...claim, force: true } : claim));

/** One try to record it with these places. */
const claimed = (
  { walk }: Weighing,
  intent: IntentRecord,
  windows: readonly WindowClaim[],
): Promise<LedgerId | Unclaimed> => {
  const { deps, journey } = walk;
  const { revocation } = journey;
  const { release } = journey.passage;
  const hold = release === undefined ? null : { id: release.hold, version: release.version };
  return windows.length === 0 && hold === null
    ? deps.ledger.open(intent, { revocation })
    : deps.ledger.openClaiming(intent, { revocation, claims: { windows, hold } });
};

/** The entry, which is on disk then; or what stops the mutation, of which nothing was written. */
export const openEntry = async (
  weighing: Weighing,
  { places, urgent, closed, shadowed: noted }: Weighed,
  intent: MakeIntent,
): Promise<LedgerId | Stop> => {
  const { walk, allowed } = weighing;
  if (urgent !== null && (places.length > 0 || closed !== null)) {
    const came = await claimed(weighing, intent(noted), [urgent]);
    if (typeof came === 'string') return came;
    if (came.unclaimed === 'hold') return taken(weighing);
    if (closed !== null) return trippedStop(walk, closed);
  }
  let windows: readonly WindowClaim[] = places.map(({ claim }) => claim);
  let shadowed = noted;
  // Each further round forces one more of the places.
  for (;;) {
    const came = await claimed(weighing, intent(shadowed), windows);
    if (typeof came === 'string') return came;
    if (came.unclaimed === 'hold') return taken(weighing);
    const place = placeOf(places, came);
    if (!allowed.shadowed) return trippedStop(walk, fullWindow(place, came));
    const rule = guardRule(place.guard);
    shadowed = shadowed.includes(rule) ? shadowed : [...shadowed, rule];
    windows = forcing(windows, came);
  }
};
