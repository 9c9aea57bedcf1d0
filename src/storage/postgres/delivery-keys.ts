/** Deliveries by their keys, and the lines they belong to: what settlements and acts begin with. */
import type { DeliveryKey } from '../../ids.ts';
import type { Run, Statement } from './connection.ts';

/** Time of the server, ms. */
export const serverNow = '(extract(epoch FROM statement_timestamp()) * 1000)::bigint';

/** Keys as columns of events, items and names. */
export const keyColumns = (keys: readonly DeliveryKey[]) => [
  keys.map(({ event }) => event),
  keys.map(({ item }) => item),
  keys.map(({ name }) => name),
];

const lines: Statement = {
  name: 'lines-of-deliveries',
  text: `SELECT DISTINCT d.line FROM unnest($1::text[], $2::integer[], $3::text[])
      given(event, item, name)
    JOIN deliveries d ON d.event = given.event AND d.item = given.item AND d.name = given.name`,
};

/** Lines of those deliveries that are there. */
export const linesOf = async (run: Run, keys: readonly DeliveryKey[]): Promise<readonly Buffer[]> =>
  (await run<{ line: Buffer }>(lines, keyColumns(keys))).rows.map(({ line }) => line);
