/** A plan of undo, and what came of it, as people read it: every value escaped, long ones cut. */
import { reasons, type Part } from '../undo/plan-parts.ts';
import type { ShownStep, UndoPlan, UndoRun } from '../undo/make-undo.ts';
import type { StepResult } from '../undo/run-undo.ts';
import { escaped } from './print.ts';

/** Characters of one value, and parts of one step, that are printed. */
const shownMax = { value: 80, parts: 25 };

const valueText = (value: unknown): string => {
  if (value === null || value === undefined) return '(none)';
  const text = JSON.stringify(value);
  return text.length <= shownMax.value ? text : `${text.slice(0, shownMax.value)}…`;
};

const does: Readonly<Record<ShownStep['does'], string>> = {
  change: 'change',
  recreate: 'make again',
  remove: 'remove',
  nothing: 'leave',
};

const guards: Readonly<Record<ShownStep['guard'], string>> = {
  etag: '',
  unguarded: ', unguarded: a change between the last look and the write would not be seen',
  none: '',
};

const changed = ({ earlier, is, becomes }: Part): string =>
  `is ${valueText(is)}, was ${valueText(earlier)}, will be ${valueText(becomes)}`;

const byText = ({ by }: Part): string => (by === null ? '' : ` (by ${by})`);

const texts: Readonly<Record<Part['kind'], (one: Part) => string>> = {
  restore: changed,
  reactivate: (one) => `${changed(one)} (takes effect as an activation)`,
  repoint: ({ is, earlier }) => `the one made again takes its place: ${valueText(is ?? earlier)}`,
  recreate: ({ becomes }) => `with ${valueText(becomes)}`,
  remove: ({ is }) => `it goes, as it was made: ${valueText(is)}`,
  nothing: ({ is }) => (is === null ? 'nothing to do' : `nothing to do, it is ${valueText(is)}`),
  refused: (one) =>
    `stays${one.is === null ? '' : ` ${valueText(one.is)}`}: ${reasons[one.reason ?? 'unreadable']}${byText(one)}`,
};

const partLine = (one: Part): string =>
  `    ${one.kind.padEnd(10)} ${one.attribute ?? '(the resource)'}: ${texts[one.kind](one)}`;

const partLines = (parts: readonly Part[]): readonly string[] => {
  const rest = parts.length - shownMax.parts;
  const lines = parts.slice(0, shownMax.parts).map(partLine);
  return rest > 0 ? [...lines, `    … and ${rest} more parts (see --json)`] : lines;
};

const heading = ({ subject, name, does: what, guard }: ShownStep): string => {
  const called = name === null || name === subject.id ? '' : ` ${JSON.stringify(name)}`;
  const id = subject.id === '' ? '(no id)' : subject.id;
  return `  ${does[what]} ${subject.type} ${id}${called} by route ${subject.route}${guards[guard]}`;
};

const stepLines = (step: ShownStep): readonly string[] => [heading(step), ...partLines(step.parts)];

/** What a target says stays on its own line: it cannot forge another. */
const line = (text: string): string => escaped(text).replaceAll(/[\t\n]/g, ' ');

const lines = (texted: readonly string[]): string => `${texted.map(line).join('\n')}\n`;

const counted = (count: number, word: string): string =>
  `${count} ${word}${count === 1 ? '' : 's'}`;

/** Nothing of it has to be done, and nothing of it is worth a line. */
const isIdle = ({ does: what, parts }: ShownStep): boolean =>
  what === 'nothing' && parts.every(({ kind, is }) => kind === 'nothing' && is === null);

/** The plan, step by step; what needs nothing is counted. */
export const printPlan = ({ steps, whole }: UndoPlan): string => {
  const entries = new Set(steps.flatMap((step) => step.entries)).size;
  const idle = steps.filter(isIdle).length;
  if (steps.length === 0) return lines(['Nothing that was changed is selected.']);
  return lines([
    `Taking back ${counted(entries, 'entry').replace('entrys', 'entries')} on ${counted(steps.length, 'resource')}:`,
    ...steps.filter((step) => !isIdle(step)).flatMap(stepLines),
    ...(idle === 0 ? [] : [`  ${counted(idle, 'resource')} with nothing to take back`]),
    whole ? 'Everything comes back.' : 'Not everything comes back; see the parts that stay.',
  ]);
};

const resultText = ({ outcome, entry, hold, newId, code, detail }: StepResult): string =>
  [
    outcome,
    ...(entry === null ? [] : [entry]),
    ...(hold === null ? [] : [`waits in ${hold}`]),
    ...(newId === null ? [] : [`new id ${newId}`]),
    ...(code === null ? [] : [`${code}: ${detail ?? ''}`]),
  ].join(', ');

/** What came of it, a line for each step that was sent or could not be, and the sum. */
export const printRun = ({ steps, whole }: UndoRun): string => {
  const told = steps.flatMap(({ subject, result, does: what }) =>
    what === 'nothing'
      ? []
      : [`  ${subject.type} ${subject.id}: ${resultText(result)}`, ...partLines(result.refused)],
  );
  const sums = Map.groupBy(steps, ({ result }) => result.outcome);
  const sum = [...sums].map(([outcome, each]) => `${each.length} ${outcome}`).join(', ');
  return lines([
    'Results:',
    ...told,
    `${sum}. ${whole ? 'Everything selected was restored.' : 'Not everything selected was restored.'}`,
  ]);
};
