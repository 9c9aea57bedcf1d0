/** What stays behind: memory after many requests, and CPU when nothing happens. */
import { setTimeout as after } from 'node:timers/promises';
import { cpuMs, residentMiB } from '../child.ts';
import { figureOf, type Figure } from '../figures.ts';
import { sideOf } from '../requests.ts';
import type { Scene } from '../scene.ts';

const few = 10_000;
const sliceSeconds = 1;

export const memory = async (scene: Scene): Promise<readonly Figure[]> => {
  const gateway = await scene.gateway();
  const { order } = sideOf(gateway, 'create');
  let served = 0;
  const serveUntil = async (requests: number): Promise<number> => {
    while (served < requests) {
      served += (await scene.load.run({ ...order, seconds: sliceSeconds })).requests;
    }
    return residentMiB(gateway.pid);
  };
  const early = await serveUntil(few);
  const late = await serveUntil(scene.effort.requests);
  const many = scene.effort.requests.toLocaleString('en');
  return [
    figureOf([late / early], {
      what: `memory after ${many} requests / after 10,000`,
      unit: 'x',
      target: { kind: 'at most', value: 1.15 },
    }),
    figureOf([late], {
      what: `memory after ${many} requests`,
      unit: 'MiB',
      target: { kind: 'at most', value: 250 },
    }),
  ];
};

export const idle = async (scene: Scene): Promise<readonly Figure[]> => {
  const { rounds, seconds, warmUpSeconds } = scene.effort;
  const gateway = await scene.gateway();
  await scene.load.run({ ...sideOf(gateway, 'create').order, seconds: warmUpSeconds });
  await after(seconds * 1_000);
  const shares: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = cpuMs(gateway.pid);
    await after(seconds * 1_000);
    shares.push((cpuMs(gateway.pid) - before) / (seconds * 10));
  }
  return [
    figureOf(shares, {
      what: 'idle CPU, of a core',
      unit: '%',
      target: { kind: 'at most', value: 1 },
    }),
  ];
};
