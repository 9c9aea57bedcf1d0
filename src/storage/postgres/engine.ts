/** PostgreSQL as an engine: opened, migrated and looked at. */
import { GatewayError } from '../../errors.ts';
import type { StoreAt } from '../../snapshot.ts';
import type { Engine } from '../stores.ts';

type At = Extract<StoreAt, { engine: 'postgres' }>;

const refused = () =>
  Promise.reject(new GatewayError('ledger_unavailable', { detail: 'not built yet' }));

export const postgresEngine: Engine<At> = Object.freeze({
  open: refused,
  migrate: refused,
  status: refused,
} satisfies Engine<At>);
