/**
 * Whether anything of a source is missing: it fell silent for longer than its route expects, its
 * sequence skips, or it had to try again. Pure: a state for each route goes in, a state and what is to
 * be told come out. A number counts as missed only where it did not come within a minute, for messages
 * overtake each other; what is told once is told again only when it is over.
 */

/** What is known of one source. Times are wall ms. */
export type SourceWatched = Readonly<{
  /** When it was last heard; of one never heard, when watching began. */
  lastAt: number;
  /** Highest number of its sequence; null where it has none. */
  sequence: number | null;
  /** Numbers that did not come, and since when: at most `numbersMax`. */
  absent: ReadonlyMap<number, number>;
  /** Those of them that were told. */
  toldMissed: number;
  silent: boolean;
  /** Messages that it had to send again, since the last report. */
  retried: number;
}>;

/** One finding; `count` as in telemetry's SourceNoticed. */
export type Finding = Readonly<{
  kind: 'silent' | 'returned' | 'missed' | 'complete' | 'retried';
  count: number;
}>;

/** Numbers remembered as absent for each source; a larger skip is a sequence that began anew. */
export const numbersMax = 1_000;
/** How long a number may be late, ms. */
const lateMsMax = 60_000;
/** After this nobody expects it any more, ms. */
const forgottenMs = 86_400_000;

/** A source as it is found in the store, or (both null) as nobody heard it yet. */
export const watchSource = (
  lastAt: number | null,
  sequence: number | null,
  now: number,
): SourceWatched => ({
  lastAt: lastAt ?? now,
  sequence,
  absent: new Map(),
  toldMissed: 0,
  silent: false,
  retried: 0,
});

/** Takes one number; lower ones that were expected fill their gap. */
const takeNumber = (source: SourceWatched, number: number, at: number): SourceWatched => {
  const { sequence } = source;
  if (sequence === null || Math.abs(number - sequence) > numbersMax) {
    // The first one, or a sequence that began anew: nothing is known of what lies between.
    return { ...source, sequence: number, absent: new Map(), toldMissed: 0 };
  }
  if (number <= sequence) {
    if (!source.absent.has(number)) return source;
    const absent = new Map(source.absent);
    absent.delete(number);
    return { ...source, absent };
  }
  const absent = new Map(source.absent);
  for (let one = sequence + 1; one < number && absent.size < numbersMax; one++) absent.set(one, at);
  return { ...source, sequence: number, absent };
};

/** A message came in and was stored (or was a repeat of one that was). */
export const hearSource = (
  source: SourceWatched,
  heard: Readonly<{ at: number; sequence: number | null; retry: number; repeated: boolean }>,
): SourceWatched => {
  const told = heard.sequence === null ? source : takeNumber(source, heard.sequence, heard.at);
  return {
    ...told,
    lastAt: Math.max(told.lastAt, heard.at),
    // A repeat of what is stored came twice, not late.
    retried: told.retried + (heard.retry > 0 && !heard.repeated ? 1 : 0),
  };
};

/** Looks at one source: what is to be told now, and the state after it. */
export const judgeSource = (
  source: SourceWatched,
  silentAfterMs: number | null,
  now: number,
): Readonly<{ source: SourceWatched; findings: readonly Finding[] }> => {
  const findings: Finding[] = [];
  const silent = silentAfterMs !== null && now - source.lastAt > silentAfterMs;
  if (silent !== source.silent) {
    findings.push({ kind: silent ? 'silent' : 'returned', count: 1 });
  }
  const absent = new Map([...source.absent].filter(([, since]) => now - since < forgottenMs));
  const late = [...absent.values()].filter((since) => now - since >= lateMsMax).length;
  let { toldMissed } = source;
  if (late > toldMissed) {
    findings.push({ kind: 'missed', count: late - toldMissed });
    toldMissed = late;
  } else if (late === 0 && toldMissed > 0) {
    // Numbers that were given up came never; only then nobody says complete.
    if (absent.size === source.absent.size) findings.push({ kind: 'complete', count: toldMissed });
    toldMissed = 0;
  }
  if (source.retried > 0) findings.push({ kind: 'retried', count: source.retried });
  return { source: { ...source, absent, toldMissed, silent, retried: 0 }, findings };
};
