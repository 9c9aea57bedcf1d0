/**
 * Commands on state, as a table over the admin operations: the words typed, the operation meant, and
 * how arguments become its input. Adding one is one entry.
 */

import { holdCommands } from './hold-commands.ts';
import { safetyCommands } from './safety-commands.ts';
import { pick, type StateCommand } from './state-command.ts';

export type { StateCommand } from './state-command.ts';

const keyColumns = ['id', 'holder', 'standing', 'issuedAt', 'expiresAt', 'lastUsedAt', 'issuedBy'];
const expires = ['--expires <end>', 'a duration such as 90d, or a date'] as const;
const againRate = ['--rate <rate>', 'how fast they come due (default 10/s)'] as const;
const scopeOption = [
  '--scope <scope>',
  'tenant, client or route; only needed where the name is of several',
] as const;
const reason = ['--reason <text>', 'why; required'] as const;
export const stateCommands: readonly StateCommand[] = Object.freeze([
  {
    usage: 'keys issue <client>',
    operation: 'keys.issue',
    options: [expires],
    columns: [],
    input: ([holder], options) => ({ holder, ...pick(options, ['expires']) }),
  },
  {
    usage: 'keys list',
    operation: 'keys.list',
    options: [],
    columns: keyColumns,
    input: () => ({}),
  },
  {
    usage: 'keys rotate <client>',
    operation: 'keys.rotate',
    options: [
      expires,
      ['--overlap <duration>', 'how long the old keys keep working (default 24h)'],
    ],
    columns: [],
    input: ([holder], options) => ({ holder, ...pick(options, ['expires', 'overlap']) }),
  },
  {
    usage: 'keys revoke <id>',
    operation: 'keys.revoke',
    options: [],
    columns: [],
    input: ([id]) => ({ id }),
  },
  {
    usage: 'people issue <name>',
    operation: 'people.issue',
    options: [expires],
    columns: [],
    input: ([holder], options) => ({ holder, ...pick(options, ['expires']) }),
  },
  {
    usage: 'people list',
    operation: 'people.list',
    options: [],
    columns: keyColumns,
    input: () => ({}),
  },
  {
    usage: 'people revoke <id>',
    operation: 'people.revoke',
    options: [],
    columns: [],
    input: ([id]) => ({ id }),
  },
  {
    usage: 'ledger list',
    operation: 'ledger.list',
    options: [
      ['--client <name>', 'only of this client'],
      ['--route <name>', 'only on this route'],
      ['--target <name>', 'only at this target'],
      ['--actions <list>', 'any of these actions, comma-separated'],
      ['--subject <name>', 'resource id, userName or displayName'],
      ['--trace <id>', 'trace id'],
      ['--since <time>', 'a duration ago, or an RFC 3339 instant'],
      ['--until <time>', 'likewise'],
      ['--limit <count>', 'at most this many (default 50)'],
    ],
    columns: [
      'id',
      'at',
      'client',
      'actions',
      'decision',
      'outcome',
      'status',
      'rule',
      'traceId',
      'override',
    ],
    input: (_args, options) =>
      pick(options, [
        'client',
        'route',
        'target',
        'actions',
        'subject',
        'trace',
        'since',
        'until',
        'limit',
      ]),
  },
  {
    usage: 'ledger show <id>',
    operation: 'ledger.show',
    options: [],
    columns: [],
    input: ([id]) => ({ id }),
  },
  {
    usage: 'ledger export',
    operation: 'ledger.export',
    options: [
      ['--format <format>', 'ndjson or ocsf'],
      ['--since <time>', 'a duration ago, or an RFC 3339 instant'],
      ['--until <time>', 'likewise'],
    ],
    columns: [],
    input: (_args, options) => pick(options, ['format', 'since', 'until']),
  },
  ...holdCommands,
  {
    usage: 'deliveries list',
    operation: 'deliveries.list',
    options: [
      ['--state <state>', 'ready, waiting, scheduled, delivered, dead, discarded …'],
      ['--lane <route/name>', 'only to this receiver'],
      ['--event <id>', 'only of this event'],
      ['--before <id>', 'older than this delivery: the next page'],
      ['--limit <count>', 'at most this many (default 50)'],
    ],
    columns: ['id', 'lane', 'kind', 'state', 'reason', 'attempts', 'dueAt', 'follows', 'traceId'],
    input: (_args, options) => pick(options, ['state', 'lane', 'event', 'before', 'limit']),
  },
  {
    usage: 'deliveries show <id>',
    operation: 'deliveries.show',
    options: [],
    columns: [],
    input: ([id]) => ({ id }),
  },
  {
    usage: 'deliveries retry [id]',
    operation: 'deliveries.retry',
    options: [
      ['--lane <route/name>', 'instead of one: all of this receiver, oldest first'],
      ['--state <state>', 'that are dead (default), discarded, cancelled or ready'],
      againRate,
    ],
    columns: [],
    input: ([id], options) => ({
      ...(id === undefined ? {} : { id }),
      ...pick(options, ['lane', 'state', 'rate']),
    }),
  },
  {
    usage: 'deliveries discard <id>',
    operation: 'deliveries.discard',
    options: [reason],
    columns: [],
    input: ([id], options) => ({ id, ...pick(options, ['reason']) }),
  },
  {
    usage: 'events list',
    operation: 'events.list',
    options: [
      ['--route <name>', 'only on this route'],
      ['--since <time>', 'a duration ago, or an RFC 3339 instant'],
      ['--until <time>', 'likewise'],
      ['--before <id>', 'older than this event: the next page'],
      ['--limit <count>', 'at most this many (default 50)'],
    ],
    columns: ['id', 'at', 'route', 'sender', 'keyId', 'items', 'bytes', 'kept', 'deliveries'],
    input: (_args, options) => pick(options, ['route', 'since', 'until', 'before', 'limit']),
  },
  {
    usage: 'events show <id>',
    operation: 'events.show',
    options: [],
    columns: [],
    input: ([id]) => ({ id }),
  },
  {
    usage: 'events verify <id>',
    operation: 'events.verify',
    options: [],
    columns: [],
    verdict: true,
    input: ([id]) => ({ id }),
  },
  {
    usage: 'events replay [id]',
    operation: 'events.replay',
    options: [
      ['--route <name>', 'instead of one: all of this route, oldest first'],
      ['--since <time>', 'a duration ago, or an RFC 3339 instant'],
      ['--until <time>', 'likewise'],
      againRate,
    ],
    columns: [],
    input: ([id], options) => ({
      ...(id === undefined ? {} : { id }),
      ...pick(options, ['route', 'since', 'until', 'rate']),
    }),
  },
  {
    usage: 'drift list',
    operation: 'drift.list',
    options: [
      ['--state <state>', 'drifted (default), watching, dismissed, ended or all'],
      ['--limit <count>', 'at most this many (default 50)'],
    ],
    columns: ['id', 'state', 'route', 'resourceType', 'paths', 'driftedAt', 'dueAt', 'entry'],
    input: (_args, options) => pick(options, ['state', 'limit']),
  },
  {
    usage: 'drift show <id>',
    operation: 'drift.show',
    options: [],
    columns: [],
    input: ([id]) => ({ id }),
  },
  {
    usage: 'drift reapply <id>',
    operation: 'drift.reapply',
    options: [],
    columns: [],
    input: ([id]) => ({ id }),
  },
  {
    usage: 'drift dismiss <id>',
    operation: 'drift.dismiss',
    options: [['--reason <text>', 'why; required']],
    columns: [],
    input: ([id], options) => ({ id, ...pick(options, ['reason']) }),
  },
  {
    usage: 'report access',
    operation: 'reports.access',
    options: [
      ['--days <count>', 'of the last days (default 30)'],
      ['--yaml', 'tighter grants that admit what was seen'],
    ],
    columns: [
      'client',
      'route',
      'grant',
      'resource',
      'since',
      'used',
      'unused',
      'lastUsed',
      'denied',
    ],
    input: (_args, options) => pick(options, ['days', 'yaml']),
  },
  {
    usage: 'report inventory',
    operation: 'reports.inventory',
    options: [['--days <count>', 'unused for so many days is told (default 90)']],
    columns: ['kind', 'name', 'until', 'flags', 'about'],
    input: (_args, options) => pick(options, ['days']),
  },
  {
    usage: 'report shadow',
    operation: 'reports.shadow',
    options: [
      ['--since <time>', 'a duration ago, or an RFC 3339 instant (default 7d)'],
      ['--until <time>', 'likewise'],
    ],
    columns: ['rule', 'count', 'clients', 'actions', 'first', 'last', 'examples'],
    input: (_args, options) => pick(options, ['since', 'until']),
  },
  {
    usage: 'freeze <name>',
    operation: 'freezes.freeze',
    options: [scopeOption, reason],
    columns: [],
    input: ([name], options) => ({ name, ...pick(options, ['scope', 'reason']) }),
  },
  {
    usage: 'thaw <name>',
    operation: 'freezes.thaw',
    options: [scopeOption],
    columns: [],
    input: ([name], options) => ({ name, ...pick(options, ['scope']) }),
  },
  ...safetyCommands,
  {
    usage: 'clock trust',
    operation: 'clock.trust',
    options: [],
    columns: [],
    input: () => ({}),
  },
  {
    usage: 'store accept-loss',
    operation: 'store.accept-loss',
    options: [reason],
    columns: [],
    input: (_args, options) => pick(options, ['reason']),
  },
  {
    usage: 'config status',
    operation: 'config.status',
    options: [],
    columns: [],
    input: () => ({}),
  },
  {
    usage: 'config apply [hash]',
    operation: 'config.apply',
    options: [],
    columns: [],
    input: ([version]) => (version === undefined ? {} : { version }),
  },
]);
