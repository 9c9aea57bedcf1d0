/**
 * Denials are evidence, but a caller in a loop must not fill the ledger with them: up to 60 a minute
 * per client and rule are recorded one by one, what comes beyond is counted into one record at the
 * end of that minute. A mutation that is held is no repeat of another: each is recorded.
 */
import type { Clock, Timer } from '../clock.ts';
import type { DenialRecord } from './record.ts';

/** Denials of one client by one rule that are recorded one by one within a minute. */
const denialsPerMinute = 60;
const windowMs = 60_000;
/** Pairs of client and rule watched at once; beyond, pairs share one counter. */
const pairsMax = 10_000;

type Window = { recorded: number; counted: number; last: DenialRecord };

export type Denials = Readonly<{
  /** Records or counts one denial. */
  take(denial: DenialRecord): void;
  /** Records everything that was only counted. */
  flush(): void;
}>;

/** `record` gets each record to write; the minute begins with the first denial after a quiet one. */
export const makeDenials = (
  clock: Pick<Clock, 'after'>,
  record: (denial: DenialRecord) => void,
): Denials => {
  const windows = new Map<string, Window>();
  let timer: Timer | null = null;
  const flush = (): void => {
    timer?.cancel();
    timer = null;
    for (const { counted, last } of windows.values()) {
      if (counted > 0) record({ ...last, count: counted });
    }
    windows.clear();
  };
  return Object.freeze({
    take: (denial: DenialRecord): void => {
      if (denial.hold !== undefined) return record(denial);
      timer ??= clock.after(windowMs, flush);
      const pair = `${denial.client}\n${denial.rule}`;
      const key = windows.size < pairsMax || windows.has(pair) ? pair : '';
      const window = windows.get(key) ?? { recorded: 0, counted: 0, last: denial };
      windows.set(key, window);
      window.last = denial;
      if (window.recorded < denialsPerMinute) {
        window.recorded += 1;
        record(denial);
      } else {
        window.counted += denial.count;
      }
    },
    flush,
  });
};
