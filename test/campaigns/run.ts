/**
 * `npm run campaign -- NAME [--rounds N] [--seed S]`: plays one campaign, prints its figures, and
 * exits 0 if the claim held, 1 if it did not, 2 on wrong usage. Without a name it lists them.
 */
import { parseArgs } from 'node:util';
import { campaign as asleep } from './asleep.ts';
import type { Campaign } from './campaign.ts';
import { campaign as clocks } from './clocks.ts';
import { campaign as cluster } from './cluster.ts';
import { campaign as crash } from './crash.ts';
import { campaign as differential } from './differential.ts';
import { campaign as faults } from './faults.ts';
import { campaign as guards } from './guards.ts';
import { campaign as garbage } from './garbage.ts';
import { campaign as holds } from './holds.ts';
import { campaign as liar } from './liar.ts';
import { campaign as noninterference } from './noninterference.ts';
import { campaign as oracle } from './oracle.ts';
import { campaign as order } from './order.ts';
import { campaign as outages } from './outages.ts';
import { campaign as rollback } from './rollback.ts';
import { campaign as targets } from './targets.ts';
import { campaign as webhookCluster } from './webhook-cluster.ts';
import { campaign as webhooks } from './webhooks.ts';

/** Every campaign; a new one is a file and a line here. */
const campaigns: readonly Campaign[] = [
  crash,
  order,
  faults,
  rollback,
  targets,
  liar,
  garbage,
  oracle,
  differential,
  noninterference,
  cluster,
  outages,
  asleep,
  clocks,
  webhooks,
  webhookCluster,
  guards,
  holds,
];

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const usage = (problem: string): 2 => {
  print(problem);
  print('usage: npm run campaign -- NAME [--rounds N] [--seed S]');
  for (const { name, claim, roundsDefault } of campaigns) {
    print(`  ${name.padEnd(15)} ${claim} (${roundsDefault} rounds)`);
  }
  return 2;
};

/** A count from the command line, or null where it is none. */
const countOf = (text: string, least: number): number | null => {
  const count = Number(text);
  return Number.isSafeInteger(count) && count >= least ? count : null;
};

const play = async (given: readonly string[]): Promise<number> => {
  const { values, positionals } = parseArgs({
    args: [...given],
    allowPositionals: true,
    options: { rounds: { type: 'string' }, seed: { type: 'string' } },
  });
  const campaign = campaigns.find(({ name }) => name === positionals[0]);
  if (campaign === undefined || positionals.length !== 1) return usage('Name one campaign.');
  const rounds = countOf(values.rounds ?? String(campaign.roundsDefault), 1);
  const seed = countOf(values.seed ?? String(Date.now() % 1_000_000), 0);
  if (rounds === null || seed === null) return usage('Rounds and seed are whole numbers.');
  print(`${campaign.name}: ${campaign.claim}`);
  print(`${rounds} rounds, seed ${seed}`);
  const startedAt = performance.now();
  const { ok, figures } = await campaign.run({ rounds, seed, print });
  for (const [name, figure] of Object.entries(figures)) print(`  ${name.padEnd(48)} ${figure}`);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  print(`${ok ? 'held' : 'DID NOT HOLD'} in ${seconds} s (seed ${seed})`);
  return ok ? 0 : 1;
};

process.exitCode = await play(process.argv.slice(2)).catch((error: unknown) => {
  print(`the campaign itself failed: ${error instanceof Error ? error.stack : String(error)}`);
  return 1;
});
