/**
 * What a campaign is: a claim of the product, played against the real gateway for a number of
 * rounds. It prints what it saw and says whether the claim held. `run.ts` plays them from the
 * command line; each has a short round among the tests.
 */

/** How a campaign is played. */
export type CampaignOptions = Readonly<{
  /** How much is played; what one round is, each campaign says. */
  rounds: number;
  /** Whatever is drawn comes from it: the same seed draws the same. */
  seed: number;
  /** Takes one line for people to read. */
  print(line: string): void;
}>;

/** What came of it. */
export type CampaignResult = Readonly<{
  /** Did the claim hold? */
  ok: boolean;
  /** What was counted, by name. */
  figures: Record<string, number | string>;
}>;

/** One campaign; a file each, and a line in the table of run.ts. */
export type Campaign = Readonly<{
  /** Word of the command line. */
  name: string;
  /** What must hold, in one sentence. */
  claim: string;
  /** Rounds where the command line names none. */
  roundsDefault: number;
  run(options: CampaignOptions): Promise<CampaignResult>;
}>;

/** Numbers from a seed: each call gives the next one, at least 0 and below 1. */
export const seededNumbers = (seed: number): (() => number) => {
  // Mulberry32: 32 bits of state, which is plenty for choosing moments and kinds.
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};
