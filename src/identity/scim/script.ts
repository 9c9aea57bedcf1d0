/**
 * A mutation as the ordered calls that carry it out at one target, and the state machine that walks
 * them: `step` says what is sent next, or how it ended. RFC 7644 §3.5.2 makes a PATCH atomic, so when
 * a later part is refused, what was made is taken back in reverse order. What took access away is
 * never given back: leaving someone without access is the safe side. Pure; passage/walk.ts sends.
 */
import type { Call } from '../call.ts';
import type { Mutation } from '../operation.ts';

/** A call with the operation by which its answer is read. */
export type Sendable = Readonly<{ operation: Mutation; call: Call }>;

/** One part of a mutation. */
export type Part = Sendable &
  Readonly<{
    /** Calls that take it back, in order; empty where nothing can or needs to be. */
    inverse: readonly Sendable[];
    /**
     * What of it stays after `inverse`, and why: it took access away, or what stood before is not
     * known; null = nothing.
     */
    kept: 'revocation' | 'unknown' | null;
  }>;

/** In the order in which they are sent; empty = the target holds all of it. */
export type Script = readonly Part[];

/** Stands in a printed path for the id that the answer to a create tells. */
const idPlace = '{id}';

/** What became of one call, as far as it is known. */
export type Result = Readonly<{
  outcome: 'applied' | 'rejected' | 'not-sent' | 'in-doubt';
  /** Id that the answer to a create told. */
  resourceId: string | null;
}>;

/**
 * `failed`: the first part was not made, or may have been, and its own outcome is that of the whole.
 * `taken-back`: parts were made, a later one was not, and all is as it was. `partial`: `made` parts
 * stand, or may, and the rest does not.
 */
export type Ended = Readonly<{
  kind: 'applied' | 'failed' | 'taken-back' | 'partial';
  /** Parts that were made, taken back or not. */
  made: number;
  /** Why something stands; null where nothing does. */
  kept: 'revocation' | 'unknown' | 'not-taken-back' | 'in-doubt' | null;
}>;

/** What `step` says. */
export type Next =
  | Readonly<{ kind: 'send'; sendable: Sendable; taking: 'forward' | 'back' }>
  | Readonly<{ kind: 'ended'; ended: Ended }>;

const ended = (kind: Ended['kind'], made: number, kept: Ended['kept'] = null): Next => ({
  kind: 'ended',
  ended: { kind, made, kept },
});

/** The call with the id of what was created, or null where that is not known. */
const addressed = (sendable: Sendable, id: string | null): Sendable | null => {
  const { call } = sendable;
  if (call.path !== call.template || !call.path.includes(idPlace)) return sendable;
  if (id === null) return null;
  return {
    ...sendable,
    call: { ...call, path: call.path.replace(idPlace, encodeURIComponent(id)) },
  };
};

const send = (
  sendable: Sendable,
  id: string | null,
  taking: 'forward' | 'back',
  made: number,
): Next => {
  const call = addressed(sendable, id);
  return call === null
    ? ended('partial', made, 'unknown')
    : { kind: 'send', sendable: call, taking };
};

/** The way back: `results` are those of the inverse calls sent so far. */
const stepBack = (made: readonly Part[], results: readonly Result[], id: string | null): Next => {
  if (results.some(({ outcome }) => outcome !== 'applied')) {
    return ended('partial', made.length, 'not-taken-back');
  }
  const way = made.toReversed().flatMap((part) => part.inverse);
  const next = way[results.length];
  if (next !== undefined) return send(next, id, 'back', made.length);
  const kept = made.find((part) => part.kept !== null)?.kept ?? null;
  return kept === null ? ended('taken-back', made.length) : ended('partial', made.length, kept);
};

/**
 * What comes after these results, one for each call that `step` had sent so far, in order. A call in
 * doubt ends the walk: to take back what may still arrive would make it worse.
 */
export const step = (script: Script, results: readonly Result[]): Next => {
  const id = results.find(({ resourceId }) => resourceId !== null)?.resourceId ?? null;
  const forward = results.slice(0, script.length);
  const failedAt = forward.findIndex(({ outcome }) => outcome !== 'applied');
  if (failedAt === -1) {
    const next = script[forward.length];
    return next === undefined
      ? ended('applied', script.length)
      : send(next, id, 'forward', forward.length);
  }
  if (failedAt === 0) return ended('failed', 0);
  if (forward[failedAt]?.outcome === 'in-doubt') return ended('partial', failedAt, 'in-doubt');
  return stepBack(script.slice(0, failedAt), results.slice(failedAt + 1), id);
};
