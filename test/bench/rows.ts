/** The rows of the bench, in the order of the table. */
import type { Figure } from './figures.ts';
import { mutations, reads } from './rows/proxied.ts';
import type { Scene } from './scene.ts';

export type Row = Readonly<{ name: string; run(scene: Scene): Promise<readonly Figure[]> }>;

export const rows: readonly Row[] = [
  { name: 'mutations', run: mutations },
  { name: 'reads', run: reads },
];
