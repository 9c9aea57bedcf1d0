/** The port through which echoes are kept: sealed, under keyed fingerprints. Losing one shows a normalised value once. */
import type { Sealed } from '../sealing.ts';

/** Echoes of one resource as one client sent them; null forgets. */
export type KeptEchoes = Readonly<{ key: Buffer; sealed: Sealed | null }>;

/** What a slice of pruning left: rows, and whether another slice has work. */
export type PrunedEchoes = Readonly<{ rows: number; more: boolean }>;

export interface EchoStore {
  /** What is kept under each of at most 1,000 keys, in their order; null where there is nothing. */
  load(keys: readonly Buffer[]): Promise<readonly (Sealed | null)[]>;
  /** Keeps or forgets at most 1,000 at once, all or none; the later of two wins. `now` in ms. */
  save(echoes: readonly KeptEchoes[], now: number): Promise<void>;
  /** Drops at most 500: what was last written before `before` (ms), then the oldest beyond `rowsMax`. */
  prune(limits: Readonly<{ before: number; rowsMax: number }>): Promise<PrunedEchoes>;
}
