/**
 * The tables of webhooks and their deliveries as every engine has them, for `store copy`: row by row, as
 * they are. Only a claim stays behind: whoever held it is gone.
 */
import type { CopiedTable } from './copied-tables.ts';

/** All of them; the order does not matter. */
export const webhookTables: readonly CopiedTable[] = [
  {
    name: 'events',
    key: ['id'],
    columns: {
      id: 'text',
      route: 'text',
      at: 'bigint',
      sender: 'text',
      key_id: 'text',
      trace_id: 'text',
      span_id: 'text',
      config_version: 'text',
      items: 'integer',
      bytes: 'integer',
      kept: 'boolean',
    },
  },
  {
    name: 'event_bodies',
    key: ['event'],
    columns: { event: 'text', at: 'bigint', sealed: 'bytea' },
  },
  { name: 'marks', key: ['mark'], columns: { mark: 'bytea', event: 'text', until: 'bigint' } },
  {
    name: 'deliveries',
    key: ['number'],
    columns: {
      number: 'bigint',
      event: 'text',
      item: 'integer',
      name: 'text',
      route: 'text',
      lane: 'text',
      line: 'bytea',
      subject: 'bytea',
      kind: 'text',
      observed_at: 'bigint',
      at: 'bigint',
      due_at: 'bigint',
      state: 'smallint',
      place: 'bigint',
      attempt: 'integer',
      token: 'bigint',
      reason: 'text',
      gap_after: 'text',
      replayed: 'boolean',
    },
  },
  { name: 'gaps', key: ['line'], columns: { line: 'bytea', delivery: 'text', at: 'bigint' } },
  {
    name: 'attempts',
    key: ['delivery', 'ordinal'],
    columns: {
      delivery: 'bigint',
      ordinal: 'bigint',
      at: 'bigint',
      ms: 'bigint',
      status: 'integer',
      reason: 'text',
      detail: 'text',
      span_id: 'text',
      ledger_ids: 'jsonb',
    },
  },
  {
    name: 'sources',
    key: ['route'],
    columns: { route: 'text', last_at: 'bigint', sequence: 'bigint' },
  },
];
