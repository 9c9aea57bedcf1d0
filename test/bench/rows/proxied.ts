/** Mutations and reads with everything on, against bare @fastify/http-proxy. */
import { request } from 'undici';
import { figureOf, medianOf, type Figure } from '../figures.ts';
import { sideOf } from '../requests.ts';
import { alternate, type Scene } from '../scene.ts';

/** Spans that were never sent would make the gateway look cheap. */
const provesExport = async ({ collectorPort }: Scene): Promise<void> => {
  const { body } = await request(`http://127.0.0.1:${collectorPort}/`);
  const { posts } = (await body.json()) as { posts: number };
  if (posts === 0) throw new Error('the collector got no spans');
};

const against = async (scene: Scene, name: 'create' | 'read') => {
  const gateway = await scene.gateway();
  const peer = await scene.peer();
  const pairs = await alternate(scene, sideOf(gateway, name), sideOf(peer, name));
  await gateway.stop();
  peer.stop();
  await provesExport(scene);
  const us = (side: 'a' | 'b') => Math.round(medianOf(pairs.map((pair) => pair[side].cpuUs)));
  const rate = (side: 'a' | 'b') => Math.round(medianOf(pairs.map((pair) => pair[side].perSecond)));
  return {
    cpu: pairs.map(({ a, b }) => a.cpuUs / b.cpuUs),
    cpuNote: `${us('a')} us against ${us('b')} us`,
    throughput: pairs.map(({ a, b }) => a.perSecond / b.perSecond),
    throughputNote: `${rate('a')}/s against ${rate('b')}/s`,
  };
};

export const mutations = async (scene: Scene): Promise<readonly Figure[]> => {
  const { cpu, cpuNote, throughput, throughputNote } = await against(scene, 'create');
  return [
    figureOf(cpu, {
      what: 'CPU per proxied mutation / bare proxy',
      unit: 'x',
      target: { kind: 'at most', value: 1 },
      note: cpuNote,
    }),
    figureOf(throughput, {
      what: 'throughput of mutations, 32 connections / bare proxy',
      unit: 'x',
      target: { kind: 'at least', value: 1 },
      note: throughputNote,
    }),
  ];
};

export const reads = async (scene: Scene): Promise<readonly Figure[]> => {
  const { cpu, cpuNote } = await against(scene, 'read');
  const target = { kind: 'at most', value: 0.9 } as const;
  const what = 'CPU per proxied read / bare proxy';
  return [figureOf(cpu, { what, unit: 'x', target, note: cpuNote })];
};
