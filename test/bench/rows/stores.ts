/**
 * SQLite beside PostgreSQL, and two gateways that share the load beside one: mutations per second, and
 * CPU per mutation of all gateways together; what the PostgreSQL server used stands in the note.
 * Everything runs on one machine, so more gateways only help where there are cores for them.
 */
import { setTimeout as after } from 'node:timers/promises';
import { makePostgresServer, type PostgresServer } from '../../support/postgres-server.ts';
import { sqliteStore, storeOn, type TestStore } from '../../support/test-store.ts';
import { cpuMs, cpuWithChildrenMs } from '../child.ts';
import { figureOf, medianOf, type Figure } from '../figures.ts';
import { layGround, startOn, type GatewaySide, type Ground } from '../gateway-side.ts';
import { startLoad, type Load } from '../load.ts';
import { sideOf } from '../requests.ts';
import type { Scene } from '../scene.ts';

/** Gateways on one store, and whose CPU counts as the store's own. */
type Contestant = Readonly<{
  what: string;
  gateways: readonly GatewaySide[];
  server: PostgresServer | null;
}>;

type Taken = Readonly<{ perSecond: number; cpuUs: number; serverUs: number; p99: number }>;

/** Records that ride late and spans that wait for company belong to the requests that made them. */
const settleMs = 250;

const contestant = async (
  scene: Scene,
  what: string,
  on: Readonly<{ store: TestStore; count: number; server: PostgresServer | null }>,
): Promise<Contestant> => {
  const gateways: GatewaySide[] = [];
  let beside: Ground | undefined;
  for (let one = 0; one < on.count; one += 1) {
    const url = `http://127.0.0.1:${scene.target.port}`;
    const ground = await layGround(url, {}, { store: on.store, beside });
    scene.keep({ stop: ground.remove });
    beside ??= ground;
    gateways.push(scene.keep(await startOn(ground, scene.collectorPort)));
  }
  return { what, gateways, server: on.server };
};

/** The load shared by all gateways of one side, each with its own generator. */
const measure = async (
  loads: readonly Load[],
  { gateways, server }: Contestant,
  seconds: number,
): Promise<Taken> => {
  const cpu = (): number => gateways.reduce((sum, { pid }) => sum + cpuMs(pid), 0);
  const serverCpu = (): number => (server === null ? 0 : cpuWithChildrenMs(server.pid()));
  const before = { own: cpu(), server: serverCpu() };
  const results = await Promise.all(
    gateways.map((gateway, at) => {
      const { order } = sideOf(gateway, 'create');
      const connections = Math.ceil(order.connections / gateways.length);
      return (loads[at] as Load).run({ ...order, connections, seconds });
    }),
  );
  await after(settleMs);
  const requests = results.reduce((sum, one) => sum + one.requests, 0);
  return {
    perSecond: results.reduce((sum, one) => sum + one.requests / one.seconds, 0),
    cpuUs: ((cpu() - before.own) * 1_000) / requests,
    serverUs: ((serverCpu() - before.server) * 1_000) / requests,
    p99: Math.max(...results.map((one) => one.p99)),
  };
};

const figuresOf = ({ what, server }: Contestant, taken: readonly Taken[]): readonly Figure[] => {
  const median = (of: (one: Taken) => number): number => Math.round(medianOf(taken.map(of)));
  const note = server === null ? '' : `and ${median((one) => one.serverUs)} us of the server`;
  return [
    figureOf(
      taken.map(({ perSecond }) => perSecond),
      {
        what: `mutations, ${what}`,
        unit: '/s',
        target: null,
        note: `p99 ${median(({ p99 }) => p99)} ms`,
      },
    ),
    figureOf(
      taken.map(({ cpuUs }) => cpuUs),
      { what: `CPU per mutation, ${what}`, unit: 'us', target: null, note },
    ),
  ];
};

export const stores = async (scene: Scene): Promise<readonly Figure[]> => {
  const { keep, effort } = scene;
  const server = await makePostgresServer();
  if ('missing' in server) throw new Error(server.missing);
  keep({ stop: server.remove });
  const loads = [keep(await startLoad()), keep(await startLoad())];
  const postgres = (what: string, count: number): Promise<Contestant> =>
    contestant(scene, what, { store: storeOn(server), count, server });
  const sides = [
    await contestant(scene, 'SQLite', { store: sqliteStore, count: 1, server: null }),
    await postgres('PostgreSQL, one gateway', 1),
    await postgres('PostgreSQL, two gateways', 2),
  ];
  for (const side of sides) await measure(loads, side, effort.warmUpSeconds);
  const taken = sides.map((): Taken[] => []);
  for (let round = 0; round < effort.rounds; round += 1) {
    // There and back again, so that a drift of the machine hits all alike.
    const order = round % 2 === 0 ? [...sides.keys()] : [...sides.keys()].toReversed();
    for (const at of order) {
      taken[at]?.push(await measure(loads, sides[at] as Contestant, effort.seconds));
    }
  }
  return sides.flatMap((side, at) => figuresOf(side, taken[at] ?? []));
};
