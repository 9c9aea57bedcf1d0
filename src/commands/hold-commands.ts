/** Commands on what waits for people: look, approve, reject; one by one or a batch at once. */
import { printHold } from './hold-text.ts';
import { pick, type StateCommand } from './state-command.ts';

const batchOptions = [
  ['--batch <batch>', 'instead of ids: those that wait together, oldest first'],
  ['--limit <count>', 'at most so many of the batch'],
] as const;
const decidedColumns = ['id', 'ok', 'state', 'outcome', 'entry', 'note'];

/** Ids where some are given: commander hands a list of them. */
const idsOf = (ids: unknown): Record<string, unknown> =>
  Array.isArray(ids) && ids.length > 0 ? { ids } : {};

const numbered = (picked: Record<string, unknown>): Record<string, unknown> =>
  picked['limit'] === undefined ? picked : { ...picked, limit: Number(picked['limit']) };
/** In the order of the help. */
export const holdCommands: readonly StateCommand[] = Object.freeze([
  {
    usage: 'holds list',
    operation: 'holds.list',
    options: [
      ['--state <state>', 'pending (default), approved, released, rejected, expired … or all'],
      ['--client <name>', 'only of this client'],
      ['--batch <batch>', 'only of this batch'],
      ['--before <id>', 'older than this hold: the next page'],
      ['--limit <count>', 'at most this many (default 50)'],
      ['--subjects', 'with whom each is about; for operators and approvers'],
    ],
    columns: [
      'id',
      'at',
      'state',
      'client',
      'route',
      'actions',
      'rule',
      'calls',
      'expiresAt',
      'about',
    ],
    input: (_args, options) => ({
      ...pick(options, ['state', 'client', 'batch', 'before', 'limit']),
      ...(options['subjects'] === true ? { subjects: 'true' } : {}),
    }),
  },
  {
    usage: 'holds batches',
    operation: 'holds.batches',
    options: [],
    columns: ['batch', 'client', 'rule', 'actions', 'pending', 'oldestAt', 'expiresAt'],
    input: () => ({}),
  },
  {
    usage: 'holds show <id>',
    operation: 'holds.show',
    options: [],
    columns: [],
    text: printHold,
    input: ([id]) => ({ id }),
  },
  {
    usage: 'holds approve [ids...]',
    operation: 'holds.approve',
    options: [
      ...batchOptions,
      ['--version <version>', 'as `holds show` said; anything else is not approved'],
    ],
    columns: decidedColumns,
    verdict: true,
    input: ([ids], options) =>
      numbered({ ...idsOf(ids), ...pick(options, ['batch', 'limit', 'version']) }),
  },
  {
    usage: 'holds reject [ids...]',
    operation: 'holds.reject',
    options: [...batchOptions, ['--reason <text>', 'why; required']],
    columns: decidedColumns,
    verdict: true,
    input: ([ids], options) =>
      numbered({ ...idsOf(ids), ...pick(options, ['batch', 'limit', 'reason']) }),
  },
]);
