/** The engines, by the name that `store.url` begins with. A new one is a folder and a line here. */
import type { StoreAt } from '../snapshot.ts';
import { sqliteEngine } from './sqlite/engine.ts';
import { postgresEngine } from './postgres/engine.ts';
import type { Engine } from './stores.ts';

type Engines = { readonly [Name in StoreAt['engine']]: Engine<Extract<StoreAt, { engine: Name }>> };

const engines: Engines = { sqlite: sqliteEngine, postgres: postgresEngine };

/** The engine of a place. */
export const engineOf = (at: StoreAt): Engine<StoreAt> => engines[at.engine];
