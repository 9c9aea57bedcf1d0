/**
 * This tree against an earlier one, in one run: `npm run bench -- --rows earlier --earlier FOLDER`, the
 * folder being a checkout with its packages installed, say a git worktree. Without `--earlier`: no figures.
 */
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as gatewaySides from '../gateway-side.ts';
import { figureOf, medianOf, type Figure } from '../figures.ts';
import { sideOf, type RequestName } from '../requests.ts';
import { alternate, type Scene } from '../scene.ts';

type GatewaySides = typeof gatewaySides;

/** The earlier tree lays its own ground: its keys, its route file, its store. */
const earlierGateway = async ({ keep, target, collectorPort }: Scene, folder: string) => {
  const module = pathToFileURL(join(resolve(folder), 'test/bench/gateway-side.ts'));
  const { layGround, startOn } = (await import(module.href)) as GatewaySides;
  const ground = await layGround(`http://127.0.0.1:${target.port}`);
  keep({ stop: ground.remove });
  return keep(await startOn(ground, collectorPort));
};

/** Slower than this in the median of pairs is a change for the worse. */
const most = { kind: 'at most', value: 1.05 } as const;

const calls: readonly (readonly [RequestName, string])[] = [
  ['create', 'create'],
  ['patch', 'PATCH'],
  ['read', 'read'],
];

export const earlier = async (scene: Scene): Promise<readonly Figure[]> => {
  if (scene.effort.earlier === null) return [];
  const figures: Figure[] = [];
  for (const [name, what] of calls) {
    // Fresh for each kind of call: what one leaves in memory is not laid to the next.
    const before = await earlierGateway(scene, scene.effort.earlier);
    const now = await scene.gateway();
    const pairs = await alternate(scene, sideOf(now, name), sideOf(before, name));
    await now.stop();
    await before.stop();
    const us = (side: 'a' | 'b') => pairs.map((pair) => pair[side].cpuUs);
    const [nowUs, beforeUs] = [us('a'), us('b')];
    const minima = Math.min(...nowUs) / Math.min(...beforeUs);
    figures.push({
      // Both sides are the same program, so the median tells; the best of ratios would flatter.
      ...figureOf([medianOf(pairs.map(({ a, b }) => a.cpuUs / b.cpuUs))], {
        what: `CPU per ${what} / the earlier tree`,
        unit: 'x',
        target: most,
      }),
      note: `${Math.round(medianOf(nowUs))} us against ${Math.round(medianOf(beforeUs))} us; minima ${minima.toFixed(3)} x`,
    });
  }
  return figures;
};
