/** How long people wait: until a gateway is ready, and for `check` of a large file. */
import { figureOf, type Figure } from '../figures.ts';
import { layGround, startOn, timeCommand } from '../gateway-side.ts';
import type { Scene } from '../scene.ts';
import { large } from './growth.ts';

export const start = async (scene: Scene): Promise<readonly Figure[]> => {
  const ground = await layGround(`http://127.0.0.1:${scene.target.port}`);
  scene.keep({ stop: ground.remove });
  const ready: number[] = [];
  // The first start fills the compile cache; people start a gateway more than once.
  for (let round = 0; round <= scene.effort.rounds; round += 1) {
    const gateway = scene.keep(await startOn(ground, scene.collectorPort));
    if (round > 0) ready.push(gateway.readyMs);
    await gateway.stop();
  }
  return [
    figureOf(ready, {
      what: 'start until ready',
      unit: 'ms',
      target: { kind: 'at most', value: 600 },
    }),
  ];
};

export const check = async (scene: Scene): Promise<readonly Figure[]> => {
  const ground = await layGround(`http://127.0.0.1:${scene.target.port}`, large);
  scene.keep({ stop: ground.remove });
  const taken: number[] = [];
  for (let round = 0; round < scene.effort.rounds; round += 1) {
    taken.push(await timeCommand(['check', '--config', ground.configPath]));
  }
  return [
    figureOf(taken, {
      what: 'check of a file of 1,000 routes',
      unit: 'ms',
      target: { kind: 'at most', value: 2_000 },
    }),
  ];
};
