/**
 * The generated parts of README.md: each from the table it describes, between its marker lines
 * `<!-- generated: NAME -->` and `<!-- end: NAME -->`.
 */
import type { Command } from 'commander';
import { adminOperations } from '../../src/admin/operations.ts';
import { systemClock } from '../../src/clock.ts';
import { makeProgram } from '../../src/commands/program.ts';
import { keyDescriptions } from '../../src/config/key-descriptions.ts';
import { errorTable } from '../../src/errors.ts';
import { normalisers } from '../../src/identity/attributes/table.ts';
import { knobList, rfcKnobs } from '../../src/identity/dialects/knobs.ts';
import { quirks } from '../../src/identity/dialects/table.ts';
import { targetDialects } from '../../src/identity/dialects/target-table.ts';
import { senderTable } from '../../src/signatures/sender-table.ts';
import { schemes } from '../../src/signatures/table.ts';
import { makeMetrics } from '../../src/telemetry/metrics.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const code = (text: string): string => `\`${text}\``;

const table = (heading: readonly string[], rows: readonly (readonly string[])[]): string =>
  [heading, heading.map(() => '---'), ...rows]
    .map((row) => `| ${row.map(cell).join(' | ')} |`)
    .join('\n');

const errors = (): string =>
  table(
    ['code', 'status', 'scimType', 'try again', 'what it says'],
    Object.entries(errorTable).map(([name, row]) => [
      code(name),
      row.status === 0 ? "the target's" : String(row.status),
      row.scimType ?? '',
      row.retryable ? 'yes' : 'no',
      row.title,
    ]),
  );

const normalisersTable = (): string =>
  table(
    ['rule', 'what it makes', 'where it cannot'],
    Object.values(normalisers).map(({ name, title, otherwise }) => [code(name), title, otherwise]),
  );

const dialect = (): string =>
  table(
    ['row', 'client', 'what it sends or expects', 'what is made of it'],
    quirks.map(({ row, client, title, note }) => [row, client, title, note]),
  );

const written = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const members = Object.entries(value).map(([name, each]) => `${name}: ${written(each)}`);
  return `{${members.join(', ')}}`;
};

const targets = (): string =>
  table(
    ['dialect', 'target', 'knobs', 'limits', 'rows'],
    Object.values(targetDialects).map(({ name, title, rows, knobs, limits }) => [
      code(name),
      title,
      Object.entries(knobs)
        .map(([knob, value]) => code(`${knob}: ${written(value)}`))
        .join(' '),
      Object.entries(limits)
        .map(([kind, value]) => code(`${kind}: ${written(value)}`))
        .join(' '),
      rows.join(' '),
    ]),
  );

const knobs = (): string =>
  table(
    ['knob', 'what it says', 'RFC'],
    knobList.map(({ name, title }) => [code(name), title, code(written(rfcKnobs[name]))]),
  );

const leaves = (command: Command, above: readonly string[]): readonly (readonly string[])[] => {
  const words = [...above, command.name()];
  if (command.commands.length > 0) return command.commands.flatMap((each) => leaves(each, words));
  const given = command.registeredArguments.map((each) =>
    each.required ? `<${each.name()}>` : `[${each.name()}]`,
  );
  const common = new Set(['--config', '--json', '--admin']);
  const options = command.options
    .filter(({ long }) => !common.has(long ?? ''))
    .map(({ flags }) => code(flags));
  return [
    [code([...words.slice(1), ...given].join(' ')), command.description(), options.join(' ')],
  ];
};

const nothing = Promise.resolve();
const commands = (): string => {
  const context = {
    env: {},
    version: '0',
    write: () => nothing,
    error: () => undefined,
    onSignal: () => undefined,
  };
  return table(['command', 'does', 'options'], leaves(makeProgram({ context, code: 0 }), []));
};

const admin = (): string =>
  table(
    ['call', 'role', 'does'],
    adminOperations.map(({ method, path, role, title }) => [
      code(`${method} /api/v1${path}`),
      role,
      title,
    ]),
  );

/** `defaults.*` repeats what lies under the sections it stands for; knobs have a table of their own. */
const keys = (): string =>
  table(
    ['key', 'what it is for'],
    [...keyDescriptions]
      .filter(([path]) => !/^defaults\.[a-z]+\.|\.knobs\./.test(path))
      .map(([path, text]) => [code(path), text]),
  );

const metrics = (): string =>
  table(
    ['metric', 'kind', 'unit', 'meaning'],
    makeMetrics(systemClock).instruments.map(({ name, kind, unit, description }) => [
      code(name),
      kind,
      unit,
      description,
    ]),
  );

const senders = (): string => {
  const [heading = [], ...rows] = senderTable();
  return table(heading, rows);
};

const schemesTable = (): string =>
  table(
    ['way of signing', 'what it is', 'keys'],
    Object.values(schemes).map(({ name, title, keys }) => [
      code(name),
      title,
      keys === 'fetched' ? 'fetched, or of the route' : 'of the route',
    ]),
  );

const parts: ReadonlyMap<string, () => string> = new Map([
  ['errors', errors],
  ['normalisers', normalisersTable],
  ['dialect', dialect],
  ['targets', targets],
  ['knobs', knobs],
  ['commands', commands],
  ['admin', admin],
  ['keys', keys],
  ['metrics', metrics],
  ['senders', senders],
  ['schemes', schemesTable],
]);

/** Fills every part of a text. Throws where one is missing or unknown. */
export const fillParts = (present: string): string => {
  const seen = new Set<string>();
  const filled = present.replace(
    /(<!-- generated: ([a-z]+) -->\n)[^]*?(<!-- end: \2 -->)/g,
    (_all, open: string, name: string, close: string) => {
      const make = parts.get(name);
      if (make === undefined) throw new TypeError(`nothing makes the part ${name}`);
      seen.add(name);
      return `${open}\n${make()}\n\n${close}`;
    },
  );
  for (const name of parts.keys())
    if (!seen.has(name)) throw new TypeError(`README.md has no part ${name}`);
  return filled;
};
