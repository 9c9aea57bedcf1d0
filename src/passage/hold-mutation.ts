/**
 * A mutation that does not go out now, and what its caller is told: it waits for people, it was decided
 * by them before, there is no place for it, or what was approved is not what would go out.
 */
import { errorTable, isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import type { HoldId, LedgerId } from '../ids.ts';
import { heldOperation } from './binding-checks.ts';
import type { Outcome } from './doors.ts';
import { denied, turnAway } from './exits.ts';
import { gatherCurrent } from './facts.ts';
import { endJourney } from './journey.ts';
import type { MutationWalk } from './mutation-walk.ts';
import { prepare, standsAlready, stripped } from './prepare.ts';
import type { Held, HoldRequest } from './safeguards.ts';
import { isUnmade, settledEntry } from './settled-entry.ts';
import type { Stop, ToHold, Weighing } from './weigh.ts';

/** A caller that is told to come again does so after this at most, seconds. */
const patienceSeconds = 300;

/** 202 is told as an error still: nothing was made, and a caller that reads the body learns it. */
const statuses = { refuse: 403, retry: 503, accept: 202 } as const;

const waits = (
  { deps, journey }: MutationWalk,
  about: Readonly<{ id: HoldId; rule: string; why: string; expiresAt: number }>,
): Refusal => {
  const { id, rule, why, expiresAt } = about;
  const { whenHeld } = journey.passage.actor.client.settings;
  const leftSeconds = Math.ceil((expiresAt - deps.clock.now()) / 1_000);
  const again =
    whenHeld === 'retry' ? ' Sent again later, it is answered by what they decide.' : '';
  return refuse(
    'mutation_held',
    `${why} It waits for people under ${id}; nothing was sent to the target.${again}`,
    {
      rule,
      holdId: id,
      status: statuses[whenHeld],
      ...(whenHeld === 'retry'
        ? { retryAfterSeconds: Math.max(1, Math.min(patienceSeconds, leftSeconds)) }
        : {}),
    },
  );
};

/** The resource that people are shown beside the change; read where no rule had asked for it yet. */
const imagesOf = async ({
  walk,
  approached,
  final,
  allowed,
}: Weighing): Promise<Readonly<{ before: Resource | null; after: Resource | null }> | Refusal> => {
  const { operation } = approached;
  if (final.before !== null || operation.verb === 'create') return final;
  const current = await gatherCurrent(walk.deps, walk.journey, walk.target, operation);
  if (isRefusal(current)) return current;
  const laid = prepare(approached, current.resource);
  return isRefusal(laid) ? laid : stripped(laid, allowed.drop);
};

const requestOf = (
  { walk, approached, final }: Weighing,
  { rule, by, expiresMs, rememberMs }: ToHold,
  { before, after }: Readonly<{ before: Resource | null; after: Resource | null }>,
): HoldRequest => {
  const { journey, target } = walk;
  const { route, actor, origin, snapshot, undo } = journey.passage;
  return {
    route,
    target,
    actor,
    origin,
    configVersion: snapshot.version,
    operation: heldOperation(approached, final),
    actions: journey.actions,
    before,
    after,
    rule,
    batch: `${rule}/${actor.client.name}@${target.tenant}`,
    by,
    expiresMs,
    rememberMs,
    keepsPasswords: route.approval?.keepsPasswords ?? false,
    ...(undo === undefined ? {} : { reverses: undo.reverses }),
  };
};

const noPlace = ({ journey }: MutationWalk, { rule, why }: ToHold, because: string): Refusal =>
  refuse('guard_tripped', `${why} ${because}`, {
    rule,
    // What takes access away must not be given up by whoever sends it.
    ...(journey.revocation ? { status: 503, retryAfterSeconds: patienceSeconds } : {}),
  });

const onItsWay = (hold: HoldId, rule: string): Refusal =>
  refuse('mutation_held', 'This change was approved and is on its way. Send it again later.', {
    rule,
    holdId: hold,
    status: 503,
    retryAfterSeconds: 5,
  });

/** Why a change that would have to wait does not. */
const notKept = {
  full: 'Too many changes of this client wait already, so it was not kept: it has to come again.',
  password: 'It makes no sense without its password, which is not kept while a change waits.',
  large:
    'With the resource it is about it is larger than what is kept while a change waits (1 MiB): send it in smaller parts.',
} as const;

/** What became of the request to hold, as an answer. */
const answerOf = (weighing: Weighing, hold: ToHold, held: Held): Outcome => {
  const { walk } = weighing;
  const { deps, journey } = walk;
  const { rule, why } = hold;
  if (held.kind === 'released') {
    journey.released = held;
    journey.holdId = held.id;
    return endJourney(journey, onItsWay(held.id, rule));
  }
  if (held.kind === 'rejected') {
    const detail = `This change waited for people under ${held.id} and was rejected. Ask the client's owner why.`;
    journey.holdId = held.id;
    return turnAway(deps, journey, denied(journey, { code: 'action_denied', rule, detail }));
  }
  journey.rule = rule;
  if (held.kind === 'held') {
    const { id, expiresAt } = held;
    journey.decision = 'hold';
    journey.holdId = id;
    return turnAway(deps, journey, waits(walk, { id, rule, why, expiresAt }));
  }
  journey.decision = 'deny';
  return turnAway(
    deps,
    journey,
    noPlace(walk, hold, notKept[held.kind === 'full' ? 'full' : held.why]),
  );
};

/** On its way out another rule wants it to wait: people are asked about that one, too. */
const heldAgain = ({ walk }: Weighing, { rule, why }: ToHold, id: HoldId): Outcome => {
  const { deps, journey } = walk;
  journey.decision = 'hold';
  journey.rule = rule;
  journey.holdId = id;
  const detail = `${why} It was approved for another reason, so people are asked again.`;
  return turnAway(deps, journey, refuse('mutation_held', detail, { rule, holdId: id }));
};

/** What was released does not stand: it was undone since, or nothing was made of it. What people said was of that. */
const isGone = async ({ walk, final }: Weighing, entry: LedgerId): Promise<boolean> => {
  const { deps, target } = walk;
  if (final.operation.verb === 'delete') return true;
  if (standsAlready(final, target.knobs) === 'differs') return true;
  const shown = await deps.ledger.show(entry);
  return shown !== null && shown.row.outcome !== null && isUnmade(settledEntry(shown, ''));
};

const holdIt = async (weighing: Weighing, hold: ToHold): Promise<Outcome> => {
  const { walk } = weighing;
  const { deps, journey } = walk;
  const { release } = journey.passage;
  if (release !== undefined) return heldAgain(weighing, hold, release.hold);
  const images = await imagesOf(weighing);
  if (isRefusal(images)) return turnAway(deps, journey, images);
  const { holding } = deps.safeguards;
  const request = requestOf(weighing, hold, images);
  const held = await holding.hold(request);
  const gone =
    held.kind === 'released' && held.entry !== null && (await isGone(weighing, held.entry));
  return answerOf(weighing, hold, gone ? await holding.hold({ ...request, rememberMs: 0 }) : held);
};

/** Ends a mutation that was stopped; nothing of it was recorded but that. */
export const endStopped = async (weighing: Weighing, stop: Stop): Promise<Outcome> => {
  const { deps, journey } = weighing.walk;
  if (stop.stop === 'held') return holdIt(weighing, stop.hold);
  if (stop.stop === 'unreleased') {
    const { release } = journey.passage;
    journey.unreleased = stop.unreleased;
    journey.decision = 'hold';
    journey.rule = release?.rule ?? null;
    const detail = 'This is not what people approved any more, so they are asked again.';
    return turnAway(
      deps,
      journey,
      refuse('mutation_held', detail, {
        ...(release === undefined ? {} : { rule: release.rule, holdId: release.hold }),
        internal: `unreleased: ${stop.unreleased.why}`,
      }),
    );
  }
  const { refusal } = stop;
  if (refusal.rule !== undefined) {
    // A fault of ours is nobody's denial.
    if ((refusal.status ?? errorTable[refusal.refused].status) === 403) journey.decision = 'deny';
    journey.rule = refusal.rule;
  }
  return turnAway(deps, journey, refusal);
};
