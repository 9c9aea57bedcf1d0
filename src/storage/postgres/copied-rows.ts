/** Takes rows of copied tables as another store had them, for `store copy`. */
import { copiedTable, type CopiedTable, type TableCopying } from '../copied-tables.ts';
import type { Sessions } from './connection.ts';

// What this store numbers itself goes on after what was copied.
const numbers = {
  text: `SELECT setval('deliveries_place', greatest(max(place), 1)),
    setval(pg_get_serial_sequence('deliveries', 'number'), max(number)) FROM deliveries
    HAVING count(*) > 0`,
};

/** Replaces older rows, before new ones come: one that ended makes room for what followed it. */
const replaceSql = ({ name, columns, key, newer }: CopiedTable, given: string): string => {
  const names = Object.keys(columns);
  const rest = names.filter((column) => !key.includes(column));
  return `UPDATE ${name} kept SET ${rest.map((column) => `${column} = given.${column}`).join(', ')}
    FROM unnest(${given}) given(${names.join(', ')})
    WHERE ${key.map((column) => `kept.${column} = given.${column}`).join(' AND ')}
      AND given.${newer ?? ''} > kept.${newer ?? ''}`;
};

/** Writes of TableCopying. */
export const makeCopiedWrites = ({ transaction }: Sessions): TableCopying => ({
  read: null,
  write: (name, rows) =>
    transaction(async (run) => {
      const table = copiedTable(name);
      if (table === null) return;
      const columns = Object.entries(table.columns);
      const names = columns.map(([column]) => column).join(', ');
      const given = columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ');
      const values = columns.map(([column, type]) =>
        rows.map((row) => (type === 'boolean' ? row[column] === 1 : row[column])),
      );
      if (table.newer !== undefined) await run({ text: replaceSql(table, given) }, values);
      const text = `INSERT INTO ${name} (${names}) OVERRIDING SYSTEM VALUE
        SELECT * FROM unnest(${given}) ON CONFLICT DO NOTHING`;
      await run({ text }, values);
      if (name === 'deliveries') await run(numbers);
    }),
});
