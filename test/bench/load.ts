/** Orders for the load generator (processes/load.ts), and what comes back. */
import { startChild } from './child.ts';

export type LoadOrder = Readonly<{
  port: number;
  method: string;
  /** Eight `#` in path or body become a running number. */
  path: string;
  /** Whole header lines. */
  headers: readonly string[];
  body: string | null;
  /** Key, base64, of Standard Webhooks: 44 `@` in a header become the signature of each request; null = unsigned. */
  signingKey?: string | null;
  connections: number;
  seconds: number;
  /** Open loop at this rate; null = closed loop, as fast as answers come. */
  ratePerSecond: number | null;
}>;

/** Latencies in ms; in an open loop they count from when a request was due. */
export type LoadResult = Readonly<{
  requests: number;
  seconds: number;
  statuses: Readonly<Record<string, number>>;
  p50: number;
  p99: number;
}>;

export type Load = Readonly<{
  /** Runs one order; rejects where an answer was not 2xx. */
  run(order: LoadOrder): Promise<LoadResult>;
  stop(): void;
}>;

type Report = { result: LoadResult } | { failure: string };

export const startLoad = async (): Promise<Load> => {
  const child = await startChild('load.ts', []);
  return {
    run: async (order) => {
      const report = await child.ask<Report>(order);
      if ('failure' in report) throw new Error(`load: ${report.failure}`);
      const { result } = report;
      const good = Object.keys(result.statuses).every((status) => status.startsWith('2'));
      if (good && result.requests > 0) return result;
      throw new Error(`load on ${order.path}: ${JSON.stringify(result)}`);
    },
    stop: child.stop,
  };
};
