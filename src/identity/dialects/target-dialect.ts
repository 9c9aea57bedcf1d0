/** The shape of one target dialect: a documented set of knobs under the vendor's name. Types only. */
import type { Knobs } from './knobs.ts';

/** One target dialect; one file under `targets/`, one line in `target-table.ts`. */
export type TargetDialect = Readonly<{
  /** The name a route file uses: `aws-identity-center`. */
  name: string;
  /** Product, as its vendor writes it. */
  title: string;
  /** Rows of the list of target deviations that it covers: `T1`. */
  rows: readonly string[];
  /** Public sources: vendor pages, issue threads. */
  sources: readonly string[];
  /** Where it departs from the RFC; every other knob stands as in `rfcKnobs`. */
  knobs: Partial<Knobs>;
  /** The vendor's published limits in the spelling of the route file; used where a target names none. */
  limits: Readonly<{
    reads?: string;
    writes?: string | Readonly<{ rate: string; burst: number }>;
  }>;
}>;
