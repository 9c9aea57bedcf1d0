/**
 * `npm run bench [-- --rows NAMES --rounds N --seconds S --warm-up S --entries N --requests N
 * --earlier FOLDER]`: measures the rows, prints one table, writes bench-results.json. Exit code 1 where
 * a target is missed. Linux only: CPU is read from /proc. Machines drift, so trust ratios of one run
 * and nothing else.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { holds, printFigures, type Figure } from './figures.ts';
import { rows } from './rows.ts';
import { openScene, type Effort } from './scene.ts';

const usage = `rows: ${rows.map(({ name }) => name).join(', ')}`;

/** Measures the named rows, one after the other, each on a scene of its own. */
export const runBench = async (
  names: readonly string[],
  effort: Effort,
): Promise<readonly Figure[]> => {
  const unknown = names.filter((name) => !rows.some((row) => row.name === name));
  if (unknown.length > 0) throw new TypeError(`no row ${unknown.join(', ')}; ${usage}`);
  const figures: Figure[] = [];
  for (const row of rows.filter(({ name }) => names.includes(name))) {
    const scene = await openScene(effort);
    try {
      figures.push(...(await row.run(scene)));
    } finally {
      await scene.stop();
    }
  }
  return figures;
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: rows.map(({ name }) => name).join(',') },
      rounds: { type: 'string', default: '8' },
      seconds: { type: 'string', default: '3' },
      'warm-up': { type: 'string', default: '10' },
      entries: { type: 'string', default: '300000' },
      requests: { type: 'string', default: '100000' },
      earlier: { type: 'string' },
    },
  });
  const effort = {
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    // Some 30,000 requests: until then the compiler's own work is a third of what is measured.
    warmUpSeconds: Number(values['warm-up']),
    entries: Number(values.entries),
    requests: Number(values.requests),
    earlier: values.earlier ?? null,
  };
  const figures = await runBench(values.rows.split(','), effort);
  process.stdout.write(`${printFigures(figures)}\n`);
  const judged = figures.map((figure) => ({ ...figure, holds: holds(figure) }));
  const text = JSON.stringify({ node: process.version, effort, figures: judged }, null, 2);
  await writeFile('bench-results.json', `${text}\n`);
  if (judged.some((figure) => figure.holds === false)) process.exitCode = 1;
};

if (import.meta.main) await main();
