/**
 * Webhooks: how many a second are verified, held against repeats, committed and acknowledged; and how
 * long one takes from being due at its sender to being passed on to its receiver.
 */
import { setTimeout as after } from 'node:timers/promises';
import { cpuMs, startChild } from '../child.ts';
import { figureOf, type Figure } from '../figures.ts';
import type { LoadOrder, LoadResult } from '../load.ts';
import { webhookKey } from '../route-file.ts';
import type { Scene } from '../scene.ts';

const connections = 64;
const settleMs = 250;

/** Made anew for each run: the signed time must not grow old. */
const orderFor = (port: number): Omit<LoadOrder, 'seconds'> => ({
  port,
  method: 'POST',
  path: '/hooks/hr',
  headers: [
    'content-type: application/json',
    'webhook-id: msg_########',
    `webhook-timestamp: ${Math.floor(Date.now() / 1_000)}`,
    `webhook-signature: v1,${'@'.repeat(44)}`,
  ],
  body: JSON.stringify({
    type: 'user.updated',
    data: { subject: 's########', number: '########', title: 'Engineer', department: 'Delivery' },
  }),
  signingKey: webhookKey,
  connections,
  ratePerSecond: null,
});

type Taken = LoadResult & Readonly<{ cpuUs: number }>;

const take = async (
  scene: Scene,
  gateway: Readonly<{ pid: number; port: number }>,
  seconds: number,
): Promise<Taken> => {
  const before = cpuMs(gateway.pid);
  const result = await scene.load.run({ ...orderFor(gateway.port), seconds });
  await after(settleMs);
  return { ...result, cpuUs: ((cpuMs(gateway.pid) - before) * 1_000) / result.requests };
};

/** The load generator has rejected by then if one answer was not 2xx. */
export const webhooks = async (scene: Scene): Promise<readonly Figure[]> => {
  const gateway = await scene.gateway({ webhooks: { receiver: null } });
  const { rounds, seconds, warmUpSeconds } = scene.effort;
  await take(scene, gateway, warmUpSeconds);
  const taken: Taken[] = [];
  for (let round = 0; round < rounds; round += 1) {
    taken.push(await take(scene, gateway, seconds));
  }
  return [
    figureOf(
      taken.map((one) => one.requests / one.seconds),
      {
        what: 'webhooks verified, deduplicated, committed, acknowledged',
        unit: '/s',
        target: { kind: 'at least', value: 5_000 },
        note: 'none refused; the load generator signs on the same two cores',
      },
    ),
    figureOf(
      taken.map((one) => one.p99),
      {
        what: `p99 of the same, ${connections} connections`,
        unit: 'ms',
        target: { kind: 'at most', value: 50 },
      },
    ),
    figureOf(
      taken.map((one) => one.cpuUs),
      { what: 'CPU per webhook', unit: 'us', target: null },
    ),
  ];
};

type Trip = Readonly<{
  sent: number;
  refused: number;
  lost: number;
  p50: number;
  p95: number;
  p99: number;
}>;

const p95MsMax = 30;

/** From due at the sender to arrived at the receiver, open loop. */
export const deliveries = async (scene: Scene): Promise<readonly Figure[]> => {
  const child = scene.keep(await startChild('trip.ts', []));
  const receiver = `http://127.0.0.1:${Number(child.ready['port'])}`;
  const gateway = await scene.gateway({ webhooks: { receiver } });
  const { rounds, seconds, warmUpSeconds } = scene.effort;
  const go = async (ratePerSecond: number, forSeconds: number): Promise<Trip> => {
    const order = { port: gateway.port, ratePerSecond, seconds: forSeconds };
    const report = await child.ask<{ result: Trip } | { failure: string }>({
      ...order,
      signingKey: webhookKey,
    });
    if ('failure' in report) throw new Error(`trip: ${report.failure}`);
    const { result } = report;
    if (result.refused + result.lost > 0) throw new Error(`trip: ${JSON.stringify(result)}`);
    return result;
  };
  await go(200, warmUpSeconds);
  const figures: Figure[] = [];
  for (const rate of [50, 200]) {
    const trips: Trip[] = [];
    for (let round = 0; round < rounds; round += 1) trips.push(await go(rate, seconds));
    const p99 = Math.round(Math.min(...trips.map((trip) => trip.p99)));
    figures.push(
      figureOf(
        trips.map((trip) => trip.p95),
        {
          what: `p95 from event in to first attempt out, ${rate} events/s`,
          unit: 'ms',
          target: { kind: 'at most', value: p95MsMax },
          note: `p99 ${p99} ms at best`,
        },
      ),
    );
  }
  return figures;
};
