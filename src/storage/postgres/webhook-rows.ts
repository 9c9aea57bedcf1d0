/** Takes rows of webhooks and deliveries as another store had them, for `store copy`. */
import { webhookTables, type WebhookCopying } from '../webhook-tables.ts';
import type { Sessions } from './connection.ts';

// What this store numbers itself goes on after what was copied.
const numbers = {
  text: `SELECT setval('deliveries_place', greatest(max(place), 1)),
    setval(pg_get_serial_sequence('deliveries', 'number'), max(number)) FROM deliveries
    HAVING count(*) > 0`,
};

/** Writes of WebhookCopying. */
export const makeWebhookWrites = ({ transaction }: Sessions): WebhookCopying => ({
  read: null,
  write: (name, rows) =>
    transaction(async (run) => {
      const table = webhookTables.find((each) => each.name === name);
      if (table === undefined) return;
      const columns = Object.entries(table.columns);
      const names = columns.map(([column]) => column).join(', ');
      const given = columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ');
      const values = columns.map(([column, type]) =>
        rows.map((row) => (type === 'boolean' ? row[column] === 1 : row[column])),
      );
      const text = `INSERT INTO ${name} (${names}) OVERRIDING SYSTEM VALUE
        SELECT * FROM unnest(${given}) ON CONFLICT DO NOTHING`;
      await run({ text }, values);
      if (name === 'deliveries') await run(numbers);
    }),
});
