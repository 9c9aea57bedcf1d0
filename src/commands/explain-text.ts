/**
 * What is told of a call as text for people: labelled, aligned, without colour, lines short enough
 * for a terminal at night. Pure.
 */
import type { Facts, ShownCall } from './explain.ts';

/** One labelled part: the label stands before its first line only. */
export type Section = Readonly<{ label: string; lines: readonly string[] }>;

const labelWidth = 12;
const textWidth = 84;

/** Rows as columns, each as wide as its widest cell. */
export const aligned = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
};

/** Text broken at spaces into lines of at most `width`; a longer word stands alone. */
export const wrapped = (text: string, width = textWidth): readonly string[] => {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
};

/** A value as indented JSON. */
export const prettyJson = (value: unknown): readonly string[] =>
  JSON.stringify(value, null, 2).split('\n');

/** Sections as text; those without lines are left out. */
export const printSections = (sections: readonly Section[]): string =>
  sections
    .flatMap(({ label, lines }) =>
      lines.map((line, at) => `${(at === 0 ? label : '').padEnd(labelWidth)}${line}`.trimEnd()),
    )
    .join('\n');

/** Each call to the target in order: method, path, body. */
export const callSections = (calls: readonly ShownCall[]): readonly Section[] =>
  calls.map(({ method, path, body }, at) => ({
    label: calls.length === 1 ? 'call' : `call ${at + 1}`,
    lines: [`${method} ${path}`, ...(body === null ? [] : prettyJson(body))],
  }));

type ShownChange = Readonly<{ op: string; path: string; value?: unknown }>;

/** Canonical changes, one a line: `replace title = "Engineer"`. */
export const changeLines = (changes: readonly ShownChange[]): readonly string[] =>
  changes.map(({ op, path, value }) =>
    value === undefined ? `${op} ${path}` : `${op} ${path} = ${JSON.stringify(value)}`,
  );

const operationLine = ({ operation, resource }: Facts): string =>
  [operation, resource.type, resource.id].filter((part) => part !== null).join(' ');

const meaning = ({ canonical, calls }: Facts): readonly Section[] => {
  if (canonical === null) return [];
  const { changes, filter, resource } = canonical;
  if (Array.isArray(changes)) {
    const lines = changes.length === 0 ? ['none'] : changeLines(changes as ShownChange[]);
    return [{ label: 'changes', lines }];
  }
  if (typeof filter === 'string') return [{ label: 'filter', lines: wrapped(filter) }];
  // A resource that goes out is shown as it goes out.
  const shown = resource !== undefined && calls.length === 0;
  return shown ? [{ label: 'resource', lines: prettyJson(resource) }] : [];
};

const effectRows = ({ effects }: Facts): readonly string[] => {
  const width = Math.max(0, ...effects.map(({ action }) => action.length)) + 2;
  return effects.flatMap(({ action, attributes }) => {
    const lines = wrapped(attributes.join(', '), textWidth - width);
    return lines.map((line, at) => `${(at === 0 ? action : '').padEnd(width)}${line}`.trimEnd());
  });
};

/** The decision with its rule and, on a denial, what is missing. */
export const decisionSections = (
  facts: Pick<Facts, 'decision' | 'code' | 'rule' | 'detail'>,
): readonly Section[] => [
  {
    label: 'decision',
    lines: [facts.code === null ? facts.decision : `${facts.decision} (${facts.code})`],
  },
  { label: 'rule', lines: facts.rule === null ? [] : [facts.rule] },
  { label: 'detail', lines: facts.detail === null ? [] : wrapped(facts.detail) },
];

const limitRows = ({ limits }: Facts): readonly string[] =>
  aligned(
    limits.map(({ policy, count, seconds, burst }) => [
      policy,
      `${count} per ${seconds} s`,
      `burst ${burst}`,
    ]),
  );

/** Rules that have a say after the grants, and how much each lets pass. */
const watchingRows = ({ watching }: Facts): readonly string[] =>
  aligned(watching.map(({ rule, does, limit }) => [rule, does, limit ?? '']));

const sending = ({ calls, unchanged }: Facts): readonly Section[] => {
  if (calls.length > 0) return callSections(calls);
  const why = unchanged ? 'none: the target holds all of it already' : 'none';
  return [{ label: 'calls', lines: [why] }];
};

/** The operations of a Bulk, one a line; their calls follow in the same order. */
const bulkRows = ({ operations = [] }: Facts): readonly string[] =>
  aligned(
    operations.map((each) => [
      `${each.position}`,
      each.bulkId ?? '-',
      operationLine(each),
      each.decision,
      each.rule ?? each.code ?? '',
      each.addedLater.length === 0 ? '' : `members added later: ${each.addedLater.join(', ')}`,
    ]),
  );

/** The text of `explain` for one call. */
export const printFacts = (facts: Facts): string =>
  printSections([
    { label: 'client', lines: [facts.client] },
    {
      label: 'route',
      lines: facts.route === null ? [] : [`${facts.route}, to the target ${facts.target}`],
    },
    { label: 'operation', lines: facts.operation === null ? [] : [operationLine(facts)] },
    { label: 'operations', lines: bulkRows(facts) },
    ...meaning(facts),
    { label: 'actions', lines: effectRows(facts) },
    {
      label: 'repairs',
      lines: aligned(facts.repairs.map(({ row, path, note }) => [row, path, note])),
    },
    {
      label: 'normalised',
      lines: aligned(facts.normalised.map(({ path, rule }) => [path, rule])),
    },
    ...decisionSections(facts),
    { label: 'dropped', lines: facts.dropped },
    { label: 'shadowed', lines: facts.shadowed },
    { label: 'limits', lines: limitRows(facts) },
    { label: 'watched by', lines: watchingRows(facts) },
    ...sending(facts),
  ]);
