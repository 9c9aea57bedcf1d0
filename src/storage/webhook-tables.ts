/**
 * The tables of webhooks and their deliveries as every engine has them, for `store copy`: row by row, as
 * they are. Only a claim stays behind: whoever held it is gone.
 */

/** Types of columns as PostgreSQL names them. */
type ColumnType = 'text' | 'bigint' | 'integer' | 'smallint' | 'bytea' | 'boolean' | 'jsonb';

export type WebhookTable = Readonly<{
  name: string;
  columns: Readonly<Record<string, ColumnType>>;
  /** Columns of its primary key, in order. */
  key: readonly string[];
}>;

/** A row by its columns. */
export type WebhookRow = Readonly<Record<string, string | number | Buffer | null>>;

/** All of them; the order does not matter. */
export const webhookTables: readonly WebhookTable[] = [
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

/** What a store gives of these tables, or takes; null where it cannot. */
export type WebhookCopying = Readonly<{
  /** At most 200 rows of a table after a key, in order of keys. */
  read: ((table: string, after: WebhookRow | null) => Promise<readonly WebhookRow[]>) | null;
  /** Adds rows that are not there yet; those that are stay as they are. */
  write: ((table: string, rows: readonly WebhookRow[]) => Promise<void>) | null;
}>;

/** Copies all; gives how many events there were, or null where one side cannot. */
export const copyWebhooks = async (
  from: WebhookCopying,
  to: WebhookCopying,
): Promise<number | null> => {
  const { read } = from;
  const { write } = to;
  if (read === null || write === null) return null;
  let events = 0;
  for (const { name } of webhookTables) {
    let page = await read(name, null);
    while (page.length > 0) {
      await write(name, page);
      if (name === 'events') events += page.length;
      page = await read(name, page.at(-1) ?? null);
    }
  }
  return events;
};
