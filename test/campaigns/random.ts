/** The few ways in which campaigns ask for chance; everything comes from one seed. */
import { seededNumbers } from './campaign.ts';

export type Chance = Readonly<{
  /** Whole, in [0, below). */
  below(below: number): number;
  /** True this often. */
  often(share: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
}>;

export const makeChance = (seed: number): Chance => {
  const next = seededNumbers(seed);
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    often: (share) => next() < share,
    pick: (items) => {
      if (items.length === 0) throw new TypeError('nothing to pick from');
      return items[below(items.length)] as (typeof items)[number];
    },
  };
};
