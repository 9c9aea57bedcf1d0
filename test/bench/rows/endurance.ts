/** What stays behind: memory after many requests, and CPU when nothing happens. */
import { setTimeout as after } from 'node:timers/promises';
import { cpuMs, residentMiB } from '../child.ts';
import { figureOf, type Figure } from '../figures.ts';
import type { GatewaySide } from '../gateway-side.ts';
import { sideOf } from '../requests.ts';
import type { Scene } from '../scene.ts';
import { webhookOrder } from './webhooks.ts';

const few = 10_000;
const sliceSeconds = 1;
/** A receiver that is never called. */
const nowhere = 'http://127.0.0.1:9';

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

/** CPU of a gateway that nobody asks anything, in percent of a core, round by round. */
const idleShares = async (
  { effort: { rounds, seconds } }: Scene,
  gateway: GatewaySide,
): Promise<readonly number[]> => {
  await after(seconds * 1_000);
  const shares: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = cpuMs(gateway.pid);
    await after(seconds * 1_000);
    shares.push((cpuMs(gateway.pid) - before) / (seconds * 10));
  }
  return shares;
};

export const idle = async (scene: Scene): Promise<readonly Figure[]> => {
  const { warmUpSeconds: seconds } = scene.effort;
  const target = { kind: 'at most', value: 1 } as const;
  const gateway = await scene.gateway();
  await scene.load.run({ ...sideOf(gateway, 'create').order, seconds });
  const shares = await idleShares(scene, gateway);
  await gateway.stop();
  const announced = await scene.gateway({ webhooks: { receiver: nowhere, announced: true } });
  const { requests } = await scene.load.run({ ...webhookOrder(announced.port), seconds });
  const waiting = await idleShares(scene, announced);
  return [
    figureOf(shares, { what: 'idle CPU, of a core', unit: '%', target }),
    figureOf(waiting, {
      what: 'the same with deliveries that wait for their date',
      unit: '%',
      target,
      note: `${requests.toLocaleString('en')} of them`,
    }),
  ];
};
