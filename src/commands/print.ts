/** What the command line prints: rows as aligned columns or JSON, always free of control and bidi characters. */
import type { AdminResult } from '../admin/operation.ts';

const unsafe =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text for a terminal: control and bidi characters are shown as escapes. */
export const escaped = (text: string): string =>
  text.replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Numbers by name, as deliveries by state. */
const isCounts = (value: unknown): value is Readonly<Record<string, number>> =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((each) => typeof each === 'number');

const told = ([name, count]: readonly [string, number]): string => `${count} ${name}`;

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return '-';
  if (Array.isArray(value)) return value.map(cell).join(',');
  if (isCounts(value)) return Object.entries(value).map(told).join(', ') || '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
};

/** Rows as aligned columns under their names. */
const columns = (
  rows: readonly Readonly<Record<string, unknown>>[],
  names: readonly string[],
): string => {
  const table = [
    names,
    ...rows.map((row) => names.map((name) => escaped(cell(row[name])).replaceAll(/[\t\n]/g, ' '))),
  ];
  const widths = names.map((_, at) => Math.max(...table.map((line) => (line[at] ?? '').length)));
  return table
    .map((line) =>
      line
        .map((text, at) => text.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

const asJson = (value: unknown): string => escaped(JSON.stringify(value, null, 2));

/** Prints an answer: lists as columns (or one JSON array), everything else as JSON, lines as they come. */
export const printAnswer = async (
  answer: AdminResult,
  options: Readonly<{
    json: boolean;
    columns: readonly string[];
    write(text: string): Promise<void>;
  }>,
): Promise<void> => {
  if ('lines' in answer) {
    // Escapes are YAML, and mean the same there; exports of evidence stay byte for byte.
    const shown = answer.yaml === true ? escaped : (text: string): string => text;
    for await (const text of answer.lines) await options.write(shown(text));
    return;
  }
  const { json } = answer;
  if (Array.isArray(json) && !options.json && options.columns.length > 0) {
    await options.write(`${columns(json, options.columns)}\n`);
    return;
  }
  await options.write(`${asJson(json)}\n`);
};
