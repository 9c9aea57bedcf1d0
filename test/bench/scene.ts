/**
 * Target, collector and load generator that the rows share, and the one way of measuring: sides take
 * turns (A B B A …), each is warmed alike, and CPU is counted per answered request.
 */
import { setTimeout as after } from 'node:timers/promises';
import { cpuMs, startChild } from './child.ts';
import { layGround, startOn, type GatewaySide } from './gateway-side.ts';
import { startLoad, type Load, type LoadOrder, type LoadResult } from './load.ts';
import type { RouteFileOptions } from './route-file.ts';

export type Effort = Readonly<{
  rounds: number;
  /** Seconds of load of one side in one round. */
  seconds: number;
  warmUpSeconds: number;
  /** Entries in the ledger that is held against an empty one. */
  entries: number;
  /** Requests of the memory row. */
  requests: number;
  /** Checkout of an earlier tree to be held against; null = none. */
  earlier: string | null;
}>;

type Stoppable = Readonly<{ stop(): void | Promise<void> }>;

export type Scene = Readonly<{
  effort: Effort;
  target: Readonly<{ pid: number; port: number }>;
  collectorPort: number;
  load: Load;
  /** Starts a gateway on a fresh folder; it ends with the scene at the latest. */
  gateway(
    options?: Partial<Omit<RouteFileOptions, 'targetUrl' | 'dataPort' | 'adminPort'>>,
  ): Promise<GatewaySide>;
  /** Port and pid of bare @fastify/http-proxy before the same target. */
  peer(): Promise<Readonly<{ pid: number; port: number; stop(): void }>>;
  /** Leaves something to be stopped with the scene. */
  keep<Part extends Stoppable>(part: Part): Part;
  stop(): Promise<void>;
}>;

export const openScene = async (effort: Effort): Promise<Scene> => {
  const kept: Stoppable[] = [];
  const keep = <Part extends Stoppable>(part: Part): Part => {
    kept.push(part);
    return part;
  };
  const target = keep(await startChild('target.ts', []));
  const collector = keep(await startChild('collector.ts', []));
  const targetPort = Number(target.ready['port']);
  const collectorPort = Number(collector.ready['port']);
  return {
    effort,
    target: { pid: target.pid, port: targetPort },
    collectorPort,
    load: keep(await startLoad()),
    gateway: async (options) => {
      const ground = await layGround(`http://127.0.0.1:${targetPort}`, options);
      keep({ stop: ground.remove });
      return keep(await startOn(ground, collectorPort));
    },
    peer: async () => {
      const child = keep(await startChild('peer.ts', [`http://127.0.0.1:${targetPort}`]));
      return { pid: child.pid, port: Number(child.ready['port']), stop: child.stop };
    },
    keep,
    stop: async () => {
      for (const part of kept.toReversed()) await part.stop();
    },
  };
};

/** A side under measurement: a process and the load it gets. */
export type Side = Readonly<{ pid: number; order: Omit<LoadOrder, 'seconds'> }>;

export type Measured = LoadResult & Readonly<{ cpuUs: number; perSecond: number }>;

/** Records that ride late and spans that wait for company belong to the requests that made them. */
const settleMs = 250;

export const measure = async (scene: Scene, side: Side, seconds: number): Promise<Measured> => {
  const before = cpuMs(side.pid);
  const result = await scene.load.run({ ...side.order, seconds });
  await after(settleMs);
  const cpuUs = ((cpuMs(side.pid) - before) * 1_000) / result.requests;
  return { ...result, cpuUs, perSecond: result.requests / result.seconds };
};

/** Rounds of both sides in turn, after both were warmed alike. */
export const alternate = async (
  scene: Scene,
  a: Side,
  b: Side,
): Promise<readonly Readonly<{ a: Measured; b: Measured }>[]> => {
  const { rounds, seconds, warmUpSeconds } = scene.effort;
  for (const side of [a, b]) await measure(scene, side, warmUpSeconds);
  const pairs: Readonly<{ a: Measured; b: Measured }>[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const aFirst = round % 2 === 0;
    const first = await measure(scene, aFirst ? a : b, seconds);
    const second = await measure(scene, aFirst ? b : a, seconds);
    pairs.push(aFirst ? { a: first, b: second } : { a: second, b: first });
  }
  return pairs;
};
