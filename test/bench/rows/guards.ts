/**
 * What guards and the question of approval add to a mutation: the same calls with and without the rules,
 * on fresh gateways for each kind of call, in turn. The window is long, so that what it holds grows.
 */
import { figureOf, medianOf, type Figure } from '../figures.ts';
import { sideOf, type RequestName } from '../requests.ts';
import { alternate, type Scene } from '../scene.ts';

const kinds: readonly RequestName[] = ['create', 'patch'];

export const guards = async (scene: Scene): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const kind of kinds) {
    const guarded = await scene.gateway({ safety: true });
    const plain = await scene.gateway({ safety: false });
    const pairs = await alternate(scene, sideOf(guarded, kind), sideOf(plain, kind));
    await guarded.stop();
    await plain.stop();
    const us = (side: 'a' | 'b') => pairs.map((pair) => pair[side].cpuUs);
    const [withUs, withoutUs] = [us('a'), us('b')];
    const minima = Math.min(...withUs) / Math.min(...withoutUs);
    figures.push({
      // Both sides are the same program, so the median tells; the best of ratios would flatter.
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
