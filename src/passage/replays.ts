/**
 * Repeats. A retry joins the call in flight and gets its answer; a settled call is answered again
 * without a write only for the same Idempotency-Key, or for an identical call within two minutes
 * whose effect still holds (replay-settled.ts). Everything else goes out as new, and what takes
 * access away always does. A key outlives the process: its fingerprint stands with its intent.
 */
import { GatewayError, isRefusal, refuse, type Refusal } from '../errors.ts';
import type { LedgerId } from '../ids.ts';
import { identityOf } from './call-identity.ts';
import type { CallIdentity } from './remembered-calls.ts';
import type { Outcome, Recorded } from './doors.ts';
import { turnAway } from './exits.ts';
import { endJourney } from './journey.ts';
import { passMutation } from './mutate.ts';
import type { MutationWalk } from './mutation-walk.ts';
import { turnKey } from './normalise.ts';
import { keyMs, type Flight, type Settled } from './remembered-calls.ts';
import { replayReleased } from './replay-released.ts';
import { replaySettled } from './replay-settled.ts';
import { settledEntry } from './settled-entry.ts';

/** Entries of one key looked through: it has more than one only where nothing was sent before. */
const entriesMax = 10;

const keyReused = refuse(
  'key_reused',
  'This Idempotency-Key named another call within 24 hours. Send every call under a key of its own.',
);

const stillInFlight = refuse(
  'target_overloaded',
  'The same call is under way and takes long. Send it again later to learn its outcome.',
);

const isNotSent = ({ outcome, settledBy }: Pick<Recorded, 'outcome' | 'settledBy'>): boolean =>
  outcome === 'not-sent' && settledBy !== 'no-change';

/** Looks a key up in the ledger: after a restart, or where memory has forgotten it. */
const askLedger = async (
  { deps, journey }: MutationWalk,
  identity: CallIdentity,
): Promise<Settled | null> => {
  const { actor, route } = journey.passage;
  const rows = await deps.ledger.list({
    client: actor.client.name,
    route: route.name,
    subject: identity.id,
    since: deps.clock.now() - keyMs,
    limit: entriesMax,
  });
  const allowed = rows.filter(({ decision }) => decision === 'allow');
  const decisive = allowed.find(
    ({ outcome, settledBy }) =>
      outcome === null || !isNotSent({ outcome, settledBy: settledBy ?? 'crash' }),
  );
  const row = decisive ?? allowed[0];
  const shown = row === undefined ? null : await deps.ledger.show(row.id as LedgerId);
  return shown === null ? null : settledEntry(shown, identity.call);
};

/** The settled call of this identity. Doubt may have been settled since it was remembered. */
const settledCall = async (walk: MutationWalk, identity: CallIdentity): Promise<Settled | null> => {
  const known = walk.deps.replays.recall(identity);
  if (!identity.keyed || (known !== null && known.entry.outcome !== 'in-doubt')) return known;
  const recorded = await askLedger(walk, identity);
  // Its outcome may be on its way to disk still: what is remembered is how it is known.
  const isOlder = known !== null && recorded?.entry.outcome === 'in-doubt';
  return isOlder ? known : (recorded ?? known);
};

/**
 * Is a known call sent again? One of which nothing went out; and of a client what takes access away,
 * whatever the key. A plan's keys name one step of one delivery: a person may retry what was refused,
 * and it looks for itself whether what takes access away holds.
 */
const goesOutAgain = ({ journey }: MutationWalk, { entry, revocation }: Settled): boolean =>
  isNotSent(entry) ||
  (journey.passage.actor.kind === 'plan' ? entry.outcome === 'rejected' : revocation);

const remember = ({ deps, journey }: MutationWalk, identity: CallIdentity, came: Outcome): void => {
  if (came.ledger === null) return;
  deps.replays.remember(identity, {
    call: identity.call,
    entry: came.ledger,
    revocation: journey.revocation,
    refusal: isRefusal(came.reply) ? came.reply : null,
  });
};

/** Sends it; a call that waited for people and was released is answered by what came of that. */
const passOnce = async (walk: MutationWalk): Promise<Outcome> => {
  const came = await passMutation(walk);
  return walk.journey.released === null ? came : replayReleased(walk, came);
};

/** The first of its kind in the air: answered from what is known, or sent. */
const passFirst = async (walk: MutationWalk, identity: CallIdentity): Promise<Outcome> => {
  const { deps, journey } = walk;
  try {
    const known = await settledCall(walk, identity);
    const again = known === null || goesOutAgain(walk, known);
    const anew = again && journey.passage.actor.kind === 'plan';
    if (known !== null && known.call !== identity.call && !anew) {
      return turnAway(deps, journey, keyReused);
    }
    const replayed =
      known === null || again ? null : await replaySettled(walk, known, identity.keyed);
    if (replayed !== null) return replayed;
    // What the read took is told of the answer to the write, once.
    journey.limits = [];
  } catch (error) {
    if (error instanceof GatewayError) return turnAway(deps, journey, error.refusal);
    throw error;
  }
  if (identity.keyed) journey.repeat = { key: identity.id, call: identity.call };
  const came = await passOnce(walk);
  remember(walk, identity, came);
  return came;
};

/** The flight's outcome, null where it had none, or a refusal at the deadline. */
const wait = (
  { deps }: MutationWalk,
  flight: Flight,
  deadline: number,
): Promise<Outcome | Refusal | null> =>
  new Promise((resolve) => {
    const timer = deps.clock.after(Math.max(0, deadline - deps.clock.monotonic()), () =>
      resolve(stillInFlight),
    );
    void flight.outcome.then((outcome) => {
      timer.cancel();
      resolve(outcome);
    });
  });

const joined = ({ deps, journey }: MutationWalk, first: Outcome): Outcome => {
  journey.ledger = first.ledger;
  journey.decision = first.decision;
  journey.rule = first.rule;
  deps.observer.note('debug', 'call.joined', { ledgerId: first.ledger?.id });
  return { ...endJourney(journey, first.reply), replayed: true };
};

/**
 * A mutation that may be a repeat, from its operation to its outcome. One that waited for another
 * and learned nothing (it was turned away before the ledger) walks for itself.
 */
export const passRepeatable = async (walk: MutationWalk): Promise<Outcome> => {
  const { deps, journey, target, operation } = walk;
  const { snapshot, origin } = journey.passage;
  const { replays } = deps;
  const key = turnKey(operation, target.tenant, origin.requestId);
  const identity = identityOf(walk);
  if (identity === null) {
    replays.overtake(key);
    return passOnce(walk);
  }
  const { wait: queueMs } = target.settings.limits;
  const deadline = deps.clock.monotonic() + queueMs + target.settings.timeout;
  for (;;) {
    const flight = replays.inFlight(identity.id);
    // A change that came between is undone by this one: without a key, it is no repeat.
    if (flight === undefined || (!identity.keyed && !replays.isNewest(flight))) break;
    if (flight.call !== identity.call) return turnAway(deps, journey, keyReused);
    const came = await wait(walk, flight, deadline);
    if (isRefusal(came)) return turnAway(deps, journey, came);
    // After a reload the answer is another client's view of it: replayed as settled instead.
    const current = flight.configVersion === snapshot.version;
    if (came !== null && came.ledger !== null && current) return joined(walk, came);
  }
  const about = { configVersion: snapshot.version, turnKey: key };
  return replays.fly(identity, about, () => passFirst(walk, identity));
};
