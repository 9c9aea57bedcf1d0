/** What guards and the question of approval add to a mutation: the same calls with and without the rules. */
import { figureOf, type Figure } from '../figures.ts';
import { sideOf, type RequestName } from '../requests.ts';
import { alternate, type Scene } from '../scene.ts';

const kinds: readonly RequestName[] = ['create', 'patch'];

export const guards = async (scene: Scene): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const kind of kinds) {
    const guarded = await scene.gateway({ safety: true });
    const plain = await scene.gateway({ safety: false });
    const pairs = await alternate(scene, sideOf(guarded, kind), sideOf(plain, kind));
    figures.push(
      figureOf(
        pairs.map(({ a, b }) => a.cpuUs / b.cpuUs),
        {
          what: `CPU per ${kind}: counted by a guard / not`,
          unit: 'x',
          target: { kind: 'at most', value: 1.05 },
        },
      ),
    );
    await guarded.stop();
    await plain.stop();
  }
  return figures;
};
