/** The rows of the bench, in the order of the table. */
import type { Figure } from './figures.ts';
import { capture } from './rows/capture.ts';
import { earlier } from './rows/earlier.ts';
import { guards } from './rows/guards.ts';
import { idle, memory } from './rows/endurance.ts';
import { engines } from './rows/engines.ts';
import { ledger, routes } from './rows/growth.ts';
import { latency } from './rows/latency.ts';
import { mutations, reads } from './rows/proxied.ts';
import { check, start } from './rows/start.ts';
import { stores } from './rows/stores.ts';
import { deliveries, webhooks } from './rows/webhooks.ts';
import type { Scene } from './scene.ts';

/** One row measures on a scene of its own, and may give several figures. */
export type Row = Readonly<{ name: string; run(scene: Scene): Promise<readonly Figure[]> }>;

export const rows: readonly Row[] = [
  { name: 'mutations', run: mutations },
  { name: 'reads', run: reads },
  { name: 'latency', run: latency },
  { name: 'capture', run: capture },
  { name: 'guards', run: guards },
  { name: 'engines', run: engines },
  { name: 'earlier', run: earlier },
  { name: 'routes', run: routes },
  { name: 'ledger', run: ledger },
  { name: 'stores', run: stores },
  { name: 'webhooks', run: webhooks },
  { name: 'deliveries', run: deliveries },
  { name: 'start', run: start },
  { name: 'check', run: check },
  { name: 'memory', run: memory },
  { name: 'idle', run: idle },
];
