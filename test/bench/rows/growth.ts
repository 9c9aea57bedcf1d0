/** What grows must not slow: many routes, clients and grants; a long ledger. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild, type Child } from '../child.ts';
import { figureOf, type Figure } from '../figures.ts';
import type { LedgerOrder } from '../processes/ledger.ts';
import { sideOf } from '../requests.ts';
import { alternate, type Scene } from '../scene.ts';

/** The configuration of the growth rows. */
export const large = { routes: 1_000, clients: 1_000, grants: 5_000 } as const;

export const routes = async (scene: Scene): Promise<readonly Figure[]> => {
  const many = await scene.gateway(large);
  const one = await scene.gateway();
  const pairs = await alternate(scene, sideOf(many, 'create'), sideOf(one, 'create'));
  const ratios = pairs.map(({ a, b }) => a.cpuUs / b.cpuUs);
  return [
    figureOf(ratios, {
      what: 'CPU per mutation: 1,000 routes, 1,000 clients, 5,000 grants / 1',
      unit: 'x',
      target: { kind: 'at most', value: 1.1 },
    }),
  ];
};

const ask = async <Answer extends object>(child: Child, order: LedgerOrder): Promise<Answer> => {
  const answer = await child.ask<Answer | { failure: string }>(order);
  if ('failure' in answer) throw new Error(`ledger: ${answer.failure}`);
  return answer;
};

const openLedger = async (scene: Scene, entries: number): Promise<Child> => {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  scene.keep({ stop: () => rm(directory, { recursive: true, force: true }) });
  const child = scene.keep(await startChild('ledger.ts', [directory]));
  if (entries > 0) await ask(child, { kind: 'fill', entries });
  return child;
};

const appendsOf = (seconds: number): number => Math.ceil(seconds * 3_000);
const looks = 200;

export const ledger = async (scene: Scene): Promise<readonly Figure[]> => {
  const { entries, rounds, seconds, warmUpSeconds } = scene.effort;
  const long = await openLedger(scene, entries);
  const fresh = await openLedger(scene, 0);
  const append = async (child: Child, forSeconds: number): Promise<number> => {
    const order = { kind: 'append', entries: appendsOf(forSeconds) } as const;
    return (await ask<{ cpuUs: number }>(child, order)).cpuUs;
  };
  for (const child of [long, fresh]) await append(child, warmUpSeconds);
  const ratios: number[] = [];
  let last = 0;
  for (let round = 0; round < rounds; round += 1) {
    last = await append(long, seconds);
    ratios.push(last / (await append(fresh, seconds)));
  }
  const order = { kind: 'look', times: looks } as const;
  const { subjectMs, traceMs } = await ask<{ subjectMs: number; traceMs: number }>(long, order);
  const within = { kind: 'at most', value: 10 } as const;
  const size = entries.toLocaleString('en');
  return [
    figureOf(ratios, {
      what: `CPU per append: ledger of ${size} entries / an empty one`,
      unit: 'x',
      target: { kind: 'at most', value: 1.1 },
      note: `${Math.round(last)} us an entry with its outcome`,
    }),
    figureOf([subjectMs], { what: `look-up by subject in it`, unit: 'ms', target: within }),
    figureOf([traceMs], { what: `look-up by trace in it`, unit: 'ms', target: within }),
  ];
};
