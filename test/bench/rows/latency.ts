/** What the gateway adds to the slowest of a hundred, under a load that does not wait for it. */
import { figureOf, type Figure } from '../figures.ts';
import { sideOf } from '../requests.ts';
import { alternate, type Scene } from '../scene.ts';

const ratePerSecond = 300;

export const latency = async (scene: Scene): Promise<readonly Figure[]> => {
  const gateway = await scene.gateway();
  // Warm first: at 300 a second alone, compiling would take the whole row.
  const { order } = sideOf(gateway, 'create');
  await scene.load.run({ ...order, seconds: scene.effort.warmUpSeconds });
  const pairs = await alternate(
    scene,
    sideOf(gateway, 'create', ratePerSecond),
    sideOf(scene.target, 'create', ratePerSecond),
  );
  return [
    figureOf(
      pairs.map(({ a, b }) => a.p99 - b.p99),
      {
        what: `p99 added at ${ratePerSecond} mutations/s, open loop`,
        unit: 'ms',
        target: { kind: 'at most', value: 3 },
      },
    ),
  ];
};
