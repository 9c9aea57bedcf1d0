/**
 * What an intent takes in the transaction that writes it: places in windows (guards), and a hold that is
 * released once. Both or neither: an intent on disk has them, and one without them was never written.
 * A place is given back when the entry is known as `not-sent` or `rejected`, never on a guess.
 */
import { GatewayError } from '../errors.ts';
import type { HoldId } from '../ids.ts';

/** A place in a window: `amount` of `max` in the last `ms` before the intent's time. */
export type WindowClaim = Readonly<{
  /** Stable key of the counter, at most 400 characters. */
  key: string;
  ms: number;
  /** Whole, as all numbers here. */
  max: number;
  /** At least 1. More than there is room for is not taken in part. */
  amount: number;
  /** Takes its place whatever the window holds: a person released it, or a trial only looks on. */
  force: boolean;
}>;

export type Claims = Readonly<{
  /** At most 32. */
  windows: readonly WindowClaim[];
  /** Moves the hold from `approved` at this version to `released` by this entry. */
  hold: Readonly<{ id: HoldId; version: number }> | null;
}>;

/** Why an intent was not written. */
export type Unclaimed = Readonly<
  | {
      unclaimed: 'window';
      key: string;
      /** What the window holds. */
      used: number;
      max: number;
      /** When its oldest place ends, wall ms. */
      freeAt: number;
    }
  | {
      /** Somebody else released it, or it is not approved in this version. */
      unclaimed: 'hold';
    }
>;

export const noClaims: Claims = Object.freeze({ windows: Object.freeze([]), hold: null });

/** Is there nothing to be had? */
export const claimsNothing = ({ windows, hold }: Claims): boolean =>
  windows.length === 0 && hold === null;

const keyMax = 400;
const windowsMax = 32;

const isBounded = ({ key, ms, max, amount }: WindowClaim): boolean =>
  key.length <= keyMax &&
  [ms, max, amount].every(Number.isSafeInteger) &&
  ms >= 1 &&
  max >= 0 &&
  amount >= 1;

/** Throws GatewayError `internal` where claims go beyond what their types promise. */
export const assertBounded = ({ windows }: Claims): void => {
  if (windows.length > windowsMax || !windows.every(isBounded)) {
    throw new GatewayError('internal', { cause: new TypeError('claims are out of bounds') });
  }
};
