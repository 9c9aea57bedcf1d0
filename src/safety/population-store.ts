/** The port through which counted populations of tenants are shared among gateways and restarts. */

export type Population = Readonly<{
  tenant: string;
  /** `users` or `groups`. */
  word: string;
  count: number;
  /** When it was counted, wall ms. */
  at: number;
}>;

export interface PopulationStore {
  /** The newest count of each tenant and word; at most 10,000. */
  list(): Promise<readonly Population[]>;
  /** Keeps a count where none newer is kept. */
  keep(population: Population): Promise<void>;
}
