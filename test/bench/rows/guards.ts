/**
 * What guards and the question of approval add to a mutation: the same calls by a route with the rules and
 * by one without them, in turn, in one process: two processes of the same program differ by more than is
 * to be told here. The window is long, so that what it holds grows.
 */
import { figureOf, medianOf, type Figure } from '../figures.ts';
import { sideOf, type RequestName } from '../requests.ts';
import { alternate, type Scene } from '../scene.ts';

const kinds: readonly RequestName[] = ['create', 'patch'];

export const guards = async (scene: Scene): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const kind of kinds) {
    const gateway = await scene.gateway({ safety: true });
    const plain = sideOf(gateway, kind, null, '/scim/plain');
    const pairs = await alternate(scene, sideOf(gateway, kind), plain);
    await gateway.stop();
    const us = (side: 'a' | 'b') => pairs.map((pair) => pair[side].cpuUs);
    const [withUs, withoutUs] = [us('a'), us('b')];
    const minima = Math.min(...withUs) / Math.min(...withoutUs);
    figures.push({
      // Both sides are the same process, so the median tells; the best of ratios would flatter.
      ...figureOf([medianOf(pairs.map(({ a, b }) => a.cpuUs / b.cpuUs))], {
        what: `CPU per ${kind}: counted by a guard / not`,
        unit: 'x',
        target: { kind: 'at most', value: 1.05 },
      }),
      note: `${Math.round(medianOf(withUs))} us against ${Math.round(medianOf(withoutUs))} us; minima ${minima.toFixed(3)} x`,
    });
  }
  return figures;
};
