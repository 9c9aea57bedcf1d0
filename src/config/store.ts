/** The port that keeps the last good configuration, sealed, so that a bad file at start serves it. */
import type { Sealed } from '../sealing.ts';

export interface LastGoodStore {
  /** Keeps one more; only the last ten remain. `version` is the snapshot's, `at` is in ms. */
  save(text: Sealed, version: string, at: number): Promise<void>;
  /** The newest, or null. */
  load(): Promise<Sealed | null>;
}
