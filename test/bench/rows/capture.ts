/** What reading the current resource before each change costs. */
import { figureOf, type Figure } from '../figures.ts';
import { sideOf } from '../requests.ts';
import { alternate, type Scene } from '../scene.ts';

export const capture = async (scene: Scene): Promise<readonly Figure[]> => {
  const reading = await scene.gateway({ capture: true, condition: false });
  const plain = await scene.gateway({ capture: false, condition: false });
  const pairs = await alternate(scene, sideOf(reading, 'patch'), sideOf(plain, 'patch'));
  return [
    figureOf(
      pairs.map(({ a, b }) => a.cpuUs / b.cpuUs),
      { what: 'CPU per PATCH: before: capture / before: needed', unit: 'x', target: null },
    ),
  ];
};
