/** What a row reports, and how rounds become one figure: minimum and median. */

/** One line of the table. A gate uses `least`. */
export type Figure = Readonly<{
  what: string;
  unit: 'x' | 'ms' | '%' | 'MiB' | 'us' | '/s';
  least: number;
  median: number;
  /** Null = shown, not judged. */
  target: Readonly<{ kind: 'at most' | 'at least'; value: number }> | null;
  note: string;
}>;

export const medianOf = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
};

/** Of a rate more is better, also where nothing judges it. */
const isMoreBetter = ({ unit, target }: Pick<Figure, 'unit' | 'target'>): boolean =>
  target === null ? unit === '/s' : target.kind === 'at least';

/** Of rounds; the best round counts, for a busy machine only ever makes a side look worse. */
export const figureOf = (
  values: readonly number[],
  about: Pick<Figure, 'what' | 'unit' | 'target'> & Readonly<{ note?: string }>,
): Figure => ({
  note: '',
  ...about,
  least: isMoreBetter(about) ? Math.max(...values) : Math.min(...values),
  median: medianOf(values),
});

export const holds = ({ least, target }: Figure): boolean | null =>
  target === null
    ? null
    : target.kind === 'at most'
      ? least <= target.value
      : least >= target.value;

const shown = (value: number, unit: Figure['unit']): string =>
  `${value >= 1_000 ? Math.round(value) : Number(value.toPrecision(3))} ${unit}`;

/** The table, as text. */
export const printFigures = (figures: readonly Figure[]): string => {
  const rows = figures.map((figure) => [
    figure.what,
    shown(figure.least, figure.unit),
    shown(figure.median, figure.unit),
    figure.target === null
      ? '-'
      : `${figure.target.kind} ${shown(figure.target.value, figure.unit)}`,
    holds(figure) === null ? '' : holds(figure) === true ? 'holds' : 'MISSED',
    figure.note,
  ]);
  const all = [['what', 'best', 'median', 'target', '', ''], ...rows];
  const widths = all[0]?.map((_unused, column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  );
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};
