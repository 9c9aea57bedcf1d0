/**
 * The release of an approved hold: through the doors like any mutation, once. That it goes out once is
 * the ledger's promise (the intent takes the hold from `approved` to `released` in its own
 * transaction); here is what becomes of a hold that did not go out: asked about anew, tried again
 * later, or ended. Whoever dies in between leaves it `approved`, and any gateway takes it up. One of which
 * the target certainly heard nothing, or had no time for, waits anew: its caller may never come again.
 */
import type { Clock } from '../clock.ts';
import { errorTable, GatewayError, isRefusal, type Refusal } from '../errors.ts';
import {
  newHoldId,
  newRequestId,
  newSpanId,
  type HoldId,
  type LedgerId,
  type Random,
} from '../ids.ts';
import type { EntryOutcome } from '../ledger/record.ts';
import type { Doors, Outcome, Unreleased } from '../passage/doors.ts';
import { changeMade } from '../passage/tell-change.ts';
import type { KeyRing } from '../sealing.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { HoldRow, HoldState, HoldStore } from './hold-store.ts';
import {
  bindingOf,
  keepMutation,
  openHold,
  sealHold,
  voidApprovals,
  type KeptHold,
} from './kept-hold.ts';
import { toldOf } from './make-holding.ts';
import { isApproved, passageOf } from './rebuild.ts';

export type ReleaseDeps = Readonly<{
  store: Pick<HoldStore, 'read' | 'change' | 'put' | 'binding'>;
  doors: Pick<Doors, 'pass'>;
  keyRing: Pick<KeyRing, 'seal' | 'open'>;
  clock: Pick<Clock, 'now'>;
  random: Random;
  snapshot(): Snapshot;
  observer: Pick<Observer, 'note' | 'changeMade'>;
  /** True once the gateway stops: asked before anything is recorded. */
  stopping(): boolean;
  /** A hold is new. Never waits, never throws. */
  created(row: HoldRow): void;
}>;

/** What came of one try. */
export type Released =
  | Readonly<{
      kind: 'released';
      entry: LedgerId;
      outcome: EntryOutcome;
      /** Nothing was made of it, and why; the hold in which the same change waits now, where it does. */
      unmade?: Readonly<{ why: string; hold: HoldId | null }>;
    }>
  /** Decided anew: it waits for people again, or it ended. */
  | Readonly<{ kind: 'back'; state: 'pending' | 'rejected'; why: string }>
  /** It stays approved and is tried again. */
  | Readonly<{ kind: 'later'; why: string }>
  /** Somebody else did something with it; how it stands. */
  | Readonly<{ kind: 'taken'; state: HoldState | null; entry: LedgerId | null }>;

/** Puts it into another state; where it moved meanwhile, says how it stands. */
const move = async (
  deps: ReleaseDeps,
  row: HoldRow,
  kept: KeptHold,
  to: Readonly<{ state: 'pending' | 'rejected'; why: string; mutation?: Buffer }>,
): Promise<Released> => {
  const now = deps.clock.now();
  const sealed = sealHold(deps.keyRing, row.id, kept);
  // What grew beyond its bounds cannot be asked about.
  const state = sealed === null ? 'rejected' : to.state;
  const moved = await deps.store.change(row.id, row.version, {
    state,
    now,
    ...(sealed === null ? {} : { sealed }),
    ...(to.mutation === undefined ? {} : { mutation: to.mutation }),
  });
  if (moved === null) return standing(deps, row.id);
  const event = state === 'pending' ? 'hold.back' : 'hold.rejected';
  deps.observer.note('warn', event, { ...toldOf(moved), why: to.why });
  return { kind: 'back', state, why: to.why };
};

const standing = async (deps: ReleaseDeps, id: HoldId): Promise<Released> => {
  const row = await deps.store.read(id);
  return { kind: 'taken', state: row?.state ?? null, entry: row?.entry ?? null };
};

const end = (deps: ReleaseDeps, row: HoldRow, kept: KeptHold, why: string): Promise<Released> => {
  const at = deps.clock.now();
  const ended = { ...voidApprovals(kept, 'rejected', at), end: { by: 'policy', at, reason: why } };
  return move(deps, row, ended, { state: 'rejected', why });
};

/** People are asked anew, about what is there now. */
const askAgain = (
  deps: ReleaseDeps,
  row: HoldRow,
  kept: KeptHold,
  { why, before, after, operation }: Unreleased,
): Promise<Released> => {
  const snapshot = deps.snapshot();
  const binding = bindingOf(operation, before, row);
  const anew: KeptHold = {
    ...voidApprovals(kept, why, deps.clock.now()),
    operation: keepMutation(operation),
    before,
    after,
    mutation: binding.mutation.toString('hex'),
    beforeHash: binding.beforeHash,
    configVersion: snapshot.version,
  };
  return move(deps, row, anew, { state: 'pending', why, mutation: binding.mutation });
};

/** Another rule wants it to wait: people are asked about that one, too. */
const heldAgain = (
  deps: ReleaseDeps,
  row: HoldRow,
  kept: KeptHold,
  rule: string | null,
): Promise<Released> => {
  const anew = voidApprovals(kept, 'held-again', deps.clock.now());
  const rules = rule === null ? anew.rules : [...new Set([...anew.rules, rule])];
  return move(deps, row, { ...anew, rules }, { state: 'pending', why: 'held-again' });
};

const refused = (
  deps: ReleaseDeps,
  row: HoldRow,
  kept: KeptHold,
  { refused: code, rule, status }: Refusal,
): Promise<Released> | Released => {
  // A thaw must not let out what nobody looks at any more.
  if (code === 'target_frozen') {
    const anew = voidApprovals(kept, code, deps.clock.now());
    return move(deps, row, anew, { state: 'pending', why: code });
  }
  // A fault of ours or of the target is nobody's decision.
  if (errorTable[code].retryable || (status ?? errorTable[code].status) >= 500) {
    return { kind: 'later', why: code };
  }
  return end(deps, row, kept, rule === undefined || rule === '' ? code : `${code} (${rule})`);
};

/**
 * It waits anew: the approvals are used up, and the change is not made. Where the client holds something
 * else of that subject by now, or it was rejected, that stands.
 */
const holdAnew = async (
  deps: ReleaseDeps,
  row: HoldRow,
  kept: KeptHold,
  why: string,
): Promise<HoldId | null> => {
  const now = deps.clock.now();
  const { pendingMax, expiresMs: rememberMs } = deps.snapshot().holds;
  if ((await deps.store.binding(row, { rememberMs, now })) !== null) return null;
  const id = newHoldId(now, deps.random);
  const sealed = sealHold(deps.keyRing, id, voidApprovals(kept, why, now));
  if (sealed === null) return null;
  const { state: _state, version: _version, changedAt: _changed, calls: _calls, ...rest } = row;
  const { entry: _entry, ...same } = rest;
  const put = await deps.store.put(
    { ...same, id, at: now, expiresAt: now + (row.expiresAt - row.at), sealed },
    { pendingMax, rememberMs: 0, now },
  );
  if (put.kind === 'full') {
    const { client, route, rule } = row;
    deps.observer.note('error', 'hold.full', { client, route, rule, pending_max: pendingMax });
    return null;
  }
  if (put.kind !== 'joined') deps.created(put.row);
  return put.row.id;
};

/** Why nothing was made of it, where that is proven and was not the change's own fault; else null. */
const whyUnmade = ({ ledger, reply }: Outcome): string | null => {
  if (ledger === null || !isRefusal(reply) || reply.refused === 'target_refused') return null;
  return ledger.outcome === 'not-sent' || ledger.outcome === 'rejected' ? reply.refused : null;
};

const concluded = async (
  deps: ReleaseDeps,
  row: HoldRow,
  kept: KeptHold,
  outcome: Outcome,
): Promise<Released> => {
  const { ledger, unreleased, reply } = outcome;
  if (ledger !== null) {
    const { id: entry, outcome: result } = ledger;
    deps.observer.note(result === 'applied' ? 'info' : 'warn', 'hold.released', {
      ...toldOf(row),
      ledger_id: entry,
      outcome: result,
    });
    const why = whyUnmade(outcome);
    if (why === null) return { kind: 'released', entry, outcome: result };
    const hold = await holdAnew(deps, row, kept, why).catch(() => null);
    deps.observer.note('warn', 'hold.unmade', { ...toldOf(row), why, anew: hold });
    return { kind: 'released', entry, outcome: result, unmade: { why, hold } };
  }
  if (unreleased?.why === 'taken') return standing(deps, row.id);
  if (unreleased !== undefined) return askAgain(deps, row, kept, unreleased);
  if (outcome.decision === 'hold') {
    return outcome.holdId === undefined || outcome.holdId === row.id
      ? heldAgain(deps, row, kept, outcome.rule)
      : standing(deps, row.id);
  }
  if (isRefusal(reply)) return refused(deps, row, kept, reply);
  // Answered without an entry: nothing was written, nothing can be claimed.
  return { kind: 'later', why: 'internal' };
};

/** Releases a hold that was read as `approved`. Rejects only on a defect. */
export const releaseHold = async (deps: ReleaseDeps, row: HoldRow): Promise<Released> => {
  if (row.state !== 'approved') return standing(deps, row.id);
  const { clock, random } = deps;
  try {
    const kept = openHold(deps.keyRing, row.id, row.sealed);
    // Another gateway may have the key that this one lacks; else it expires.
    if (kept === null) return { kind: 'later', why: 'unopenable' };
    if (row.expiresAt <= clock.now()) return { kind: 'later', why: 'expired' };
    const snapshot = deps.snapshot();
    if (!isApproved(row, kept, snapshot)) {
      const anew = voidApprovals(kept, 'config-changed', clock.now());
      return await move(deps, row, anew, { state: 'pending', why: 'config-changed' });
    }
    const passage = passageOf(row, kept, snapshot, {
      now: clock.now(),
      requestId: newRequestId(random),
      spanId: newSpanId(random),
      abandoned: deps.stopping,
    });
    if ('ended' in passage) return await end(deps, row, kept, passage.ended);
    const startedAt = clock.now();
    const outcome = await deps.doors.pass(passage);
    deps.observer.changeMade(changeMade(passage, outcome, { startedAt, endedAt: clock.now() }));
    return await concluded(deps, row, kept, outcome);
  } catch (error) {
    if (error instanceof GatewayError) return { kind: 'later', why: error.code };
    throw error;
  }
};
