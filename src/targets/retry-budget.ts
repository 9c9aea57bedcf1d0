/**
 * Retries as a share of live traffic: each call earns a fraction of a token, each retry costs a
 * whole one. When a target fails for everybody, retries add at most that share to its load.
 */

export type RetryBudget = Readonly<{
  /** A call came in. */
  earn(): void;
  /** May one retry be made now? Takes its token. */
  spend(): boolean;
}>;

/** Tokens kept at most, also there at the start so that a quiet target may be retried. */
const tokensMax = 10;

/** `share` is 0 to 1; 0 means no retries at all. */
export const makeRetryBudget = (share: number): RetryBudget => {
  let tokens = share > 0 ? tokensMax : 0;
  return {
    earn: () => {
      tokens = Math.min(share > 0 ? tokensMax : 0, tokens + share);
    },
    spend: () => {
      // Ten earnings of a tenth must make a whole token in spite of binary fractions.
      if (tokens < 1 - 1e-9) return false;
      tokens = Math.max(0, tokens - 1);
      return true;
    },
  };
};
