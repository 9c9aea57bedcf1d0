/** Rows of webhooks and deliveries as they lie in the file, page by page, for `store copy`. */
import type { Database } from 'better-sqlite3';
import { webhookTables, type WebhookRow } from '../webhook-tables.ts';

const pageRows = 200;

/** Reads of WebhookCopying. */
export const makeWebhookReads = (database: Database) => ({
  readWebhooks: (name: string, after: WebhookRow | null): readonly WebhookRow[] => {
    const table = webhookTables.find((each) => each.name === name);
    if (table === undefined) return [];
    const key = table.key.join(', ');
    const beyond =
      after === null ? '' : `WHERE (${key}) > (${table.key.map(() => '?').join(', ')})`;
    return database
      .prepare<unknown[], WebhookRow>(
        `SELECT ${Object.keys(table.columns).join(', ')} FROM ${name} ${beyond}
          ORDER BY ${key} LIMIT ${pageRows}`,
      )
      .all(...(after === null ? [] : table.key.map((column) => after[column])));
  },
});
