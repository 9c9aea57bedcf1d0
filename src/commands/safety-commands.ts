/** Commands on guards, protection and break-glass overrides: entries of the table of state commands. */
import { pick, type StateCommand } from './state-command.ts';

const reason = ['--reason <text>', 'why; required'] as const;
const ofTenant = ['--tenant <name>', 'of this tenant'] as const;
const ofRule = ['--rule <name>', 'of this rule of protection'] as const;

export const safetyCommands: readonly StateCommand[] = Object.freeze([
  {
    usage: 'guards list',
    operation: 'guards.list',
    options: [
      ofTenant,
      ['--guard <name>', 'only of this guard'],
      ['--client <name>', 'only what this client fills'],
      ['--group <id>', 'also windows per group, of this one'],
    ],
    columns: ['tenant', 'rule', 'window', 'in', 'who', 'used', 'limit', 'then', 'freesAt'],
    input: (_args, options) => pick(options, ['tenant', 'guard', 'client', 'group']),
  },
  {
    usage: 'protection rules',
    operation: 'protection.rules',
    options: [ofTenant],
    columns: ['tenant', 'rule', 'word', 'resolved', 'at', 'failed', 'marks'],
    input: (_args, options) => pick(options, ['tenant']),
  },
  {
    usage: 'protection list',
    operation: 'protection.list',
    options: [ofTenant, ofRule, ['--limit <count>', 'at most this many (default 200)']],
    columns: ['tenant', 'rule', 'word', 'id', 'since', 'resolved'],
    input: (_args, options) => pick(options, ['tenant', 'rule', 'limit']),
  },
  {
    usage: 'protection forget <id>',
    operation: 'protection.forget',
    options: [ofTenant, ofRule, ['--type <word>', 'users (default) or groups'], reason],
    columns: [],
    input: ([id], options) => ({
      id,
      word: options['type'] ?? 'users',
      ...pick(options, ['tenant', 'rule', 'reason']),
    }),
  },
  {
    usage: 'protection resolve',
    operation: 'protection.resolve',
    options: [],
    columns: ['tenant', 'rule', 'word', 'resolved', 'at', 'failed', 'marks'],
    input: () => ({}),
  },
  {
    usage: 'overrides ask <client>',
    operation: 'overrides.ask',
    options: [
      ofTenant,
      ofRule,
      ['--subject <id>', 'only for this id at the target (default: every subject of the rule)'],
      ['--until <end>', 'a duration such as 2h, or an RFC 3339 instant; at most 24 h'],
      reason,
    ],
    columns: [],
    input: ([client], options) => ({
      client,
      ...pick(options, ['tenant', 'rule', 'subject', 'until', 'reason']),
    }),
  },
  {
    usage: 'overrides approve <id>',
    operation: 'overrides.approve',
    options: [],
    columns: [],
    input: ([id]) => ({ id }),
  },
  {
    usage: 'overrides end <id>',
    operation: 'overrides.end',
    options: [],
    columns: [],
    input: ([id]) => ({ id }),
  },
  {
    usage: 'overrides list',
    operation: 'overrides.list',
    options: [],
    columns: ['id', 'state', 'tenant', 'rule', 'client', 'subject', 'by', 'approvedBy', 'until'],
    input: () => ({}),
  },
]);
