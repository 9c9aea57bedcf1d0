/** The table that the demo prints: one call a row, in columns that fit their widest entry. */
import type { LedgerRow, Played } from './play-session.ts';

/** Lines of aligned columns; the first row is the heading. */
const aligned = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => (row[at] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
};

const heading = ['', 'call', 'actions', 'decision', 'put right', 'status', 'ledger', 'trace'];

/** Schema URNs are long; the last part says enough. */
const short = (path: string): string => path.replace(/^urn:.*:(?=[^:]+$)/, '');

const putRight = (played: Played, row: LedgerRow | undefined): string => {
  const paths = [...new Set((row?.normalised ?? []).map(({ path }) => short(path)))];
  const repairs = played.repairs.length === 0 ? [] : [`(${played.repairs.join(' ')})`];
  const shown = paths.length > 3 ? [...paths.slice(0, 3), `+${paths.length - 3}`] : paths;
  return [...shown, ...repairs].join(' ') || '-';
};

/** One line for each call, with its ledger row by trace id; `wrong` says which rows differ from what was expected. */
export const sessionTable = (
  played: readonly Played[],
  rows: ReadonlyMap<string, LedgerRow>,
  wrong: ReadonlySet<Played>,
): string =>
  aligned([
    heading,
    ...played.map((call) => {
      const row = rows.get(call.traceId);
      return [
        wrong.has(call) ? 'DIFF' : 'ok',
        call.step.says,
        call.actions.join(' ') || '-',
        call.code ?? call.decision ?? '-',
        putRight(call, row),
        String(call.status),
        row?.id ?? '-',
        call.traceId,
      ];
    }),
  ]).join('\n');
