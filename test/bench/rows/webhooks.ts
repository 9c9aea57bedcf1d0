/**
 * Webhooks: how many a second are verified, held against repeats, committed and acknowledged; and how
 * long one takes from being due at its sender to being passed on to its receiver.
 */
import { setTimeout as after } from 'node:timers/promises';
import { makePostgresServer } from '../../support/postgres-server.ts';
import { storeOn } from '../../support/test-store.ts';
import { cpuMs, startChild, type Child } from '../child.ts';
import { figureOf, type Figure } from '../figures.ts';
import { layGround, startOn, type GatewaySide } from '../gateway-side.ts';
import type { LoadOrder, LoadResult } from '../load.ts';
import { webhookKey } from '../route-file.ts';
import type { Scene } from '../scene.ts';

const connections = 64;
const settleMs = 250;

/** Signed webhooks; made anew for each run, for the signed time must not grow old. */
export const webhookOrder = (port: number): Omit<LoadOrder, 'seconds'> => ({
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
  const result = await scene.load.run({ ...webhookOrder(gateway.port), seconds });
  await after(settleMs);
  return { ...result, cpuUs: ((cpuMs(gateway.pid) - before) * 1_000) / result.requests };
};

const receiverOf = (child: Child): string => `http://127.0.0.1:${Number(child.ready['port'])}`;

/** The load generator has rejected by then if one answer was not 2xx. */
const takeAll = async (scene: Scene, gateway: GatewaySide): Promise<readonly Taken[]> => {
  const { rounds, seconds, warmUpSeconds } = scene.effort;
  await take(scene, gateway, warmUpSeconds);
  const taken: Taken[] = [];
  for (let round = 0; round < rounds; round += 1) {
    taken.push(await take(scene, gateway, seconds));
  }
  return taken;
};

export const webhooks = async (scene: Scene): Promise<readonly Figure[]> => {
  const gateway = await scene.gateway({ webhooks: { receiver: null } });
  const taken = await takeAll(scene, gateway);
  await gateway.stop();
  const child = scene.keep(await startChild('trip.ts', []));
  const forwarding = await scene.gateway({ webhooks: { receiver: receiverOf(child) } });
  const forwarded = await takeAll(scene, forwarding);
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
    figureOf(
      forwarded.map((one) => one.requests / one.seconds),
      {
        what: 'the same where each is passed on to one receiver',
        unit: '/s',
        target: null,
        note: 'what is passed on meanwhile takes its share of the two cores',
      },
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

/** A gateway, what its store is called in the table, and the time its store is given. */
type Contestant = Readonly<{ gateway: GatewaySide; on: string; p95MsMax: number }>;

/** From due at the sender to arrived at the receiver, open loop. */
const trips = async (
  scene: Scene,
  child: Child,
  { gateway, on, p95MsMax }: Contestant,
): Promise<readonly Figure[]> => {
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
    const made: Trip[] = [];
    for (let round = 0; round < rounds; round += 1) made.push(await go(rate, seconds));
    const p99 = Math.round(Math.min(...made.map((trip) => trip.p99)));
    figures.push(
      figureOf(
        made.map((trip) => trip.p95),
        {
          what: `p95 from event in to first attempt out, ${on}, ${rate} events/s`,
          unit: 'ms',
          target: { kind: 'at most', value: p95MsMax },
          note: `p99 ${p99} ms at best`,
        },
      ),
    );
  }
  return figures;
};

/** PostgreSQL is measured where its server is installed. */
const onPostgres = async (scene: Scene, receiver: string): Promise<GatewaySide | null> => {
  const server = await makePostgresServer();
  if ('missing' in server) return null;
  scene.keep({ stop: server.remove });
  const url = `http://127.0.0.1:${scene.target.port}`;
  const ground = await layGround(url, { webhooks: { receiver } }, { store: storeOn(server) });
  scene.keep({ stop: ground.remove });
  return scene.keep(await startOn(ground, scene.collectorPort));
};

export const deliveries = async (scene: Scene): Promise<readonly Figure[]> => {
  const child = scene.keep(await startChild('trip.ts', []));
  const receiver = receiverOf(child);
  const gateway = await scene.gateway({ webhooks: { receiver } });
  const figures = await trips(scene, child, { gateway, on: 'SQLite', p95MsMax: 30 });
  await gateway.stop();
  const other = await onPostgres(scene, receiver);
  if (other === null) return figures;
  const more = await trips(scene, child, { gateway: other, on: 'PostgreSQL', p95MsMax: 60 });
  return [...figures, ...more];
};
