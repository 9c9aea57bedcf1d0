/**
 * Random sequences of changes through a real gateway onto a real SCIM server, then a rollback of a random
 * range. Either the state is exactly the earlier one, or what differs is named; nothing is written that
 * the run does not claim, and nothing that an outsider wrote is written over.
 */
import { startFixture, type Fixture } from '../support/fixture.ts';
import { planRollback, runRollback } from '../support/rollback-run.ts';
import {
  clientStep,
  differences,
  makeWorld,
  namedBy,
  oldIdsOf,
  outsideStep,
  rollbackConfig,
  stateOf,
  writtenBy,
  type State,
  type World,
} from '../support/rollback-world.ts';
import { seededNumbers, type Campaign } from './campaign.ts';
import { makeChance } from './random.ts';

type Figures = {
  sequences: number;
  entries: number;
  whole: number;
  named: number;
  refusedParts: number;
  outsideMarks: number;
  failed: number;
};

const newFigures = (): Figures => ({
  sequences: 0,
  entries: 0,
  whole: 0,
  named: 0,
  refusedParts: 0,
  outsideMarks: 0,
  failed: 0,
});

/** Problems of one rollback; `earlier` is the state to be reached, where the range has no end. */
const judge = async (
  world: World,
  range: readonly string[],
  earlier: State | null,
  figures: Figures,
): Promise<readonly string[]> => {
  const there = stateOf(world);
  const holding = world.marks.filter(({ holds }) => holds(there));
  const plan = await planRollback(world.fixture, range);
  const untouched = differences(there, stateOf(world));
  if (untouched.length > 0) return [`the plan changed ${untouched.join(', ')}`];
  const run = await runRollback(world.fixture, range, plan.digest);
  const state = stateOf(world, oldIdsOf(run));
  const { whole, parts } = namedBy(run);
  const written = writtenBy(run);
  figures.entries += range.length;
  figures.outsideMarks += holding.length;
  figures.refusedParts += whole.size + parts.size;
  if (run.whole) figures.whole += 1;
  else figures.named += 1;
  const problems: string[] = [];
  for (const difference of differences(there, state)) {
    const id = difference.split(' ')[0] as string;
    if (!written.has(difference) && !written.has(`${id} *`)) {
      problems.push(`wrote ${difference} without saying so`);
    }
  }
  for (const { told, holds } of holding) {
    if (!holds(state)) problems.push(`wrote over an outsider: ${told}`);
  }
  for (const difference of earlier === null ? [] : differences(earlier, state)) {
    const id = difference.split(' ')[0] as string;
    if (!whole.has(id) && !parts.has(difference)) problems.push(`did not name ${difference}`);
  }
  const shown = JSON.stringify(
    run.steps.map(({ subject, does, parts: all, result }) => ({
      id: subject.id,
      does,
      result: result.outcome,
      detail: result.detail,
      parts: all.map(({ kind, attribute, reason, earlier: e, is, becomes }) => [
        kind,
        attribute,
        reason,
        e,
        is,
        becomes,
      ]),
    })),
  );
  return problems.length === 0 ? [] : [...problems, shown];
};

const wipe = async (fixture: Fixture): Promise<void> => {
  const world = makeWorld(fixture, makeChance(1));
  for (const kind of ['User', 'Group'] as const) {
    for (const { id } of fixture.sandbox.stored(kind)) {
      await world.fixture.ask('DELETE', `/scim/sandbox/${kind}s/${String(id)}`);
    }
  }
};

/** One sequence; what it finds wrong, in words. Exported for its test. */
export const playSequence = async (
  fixture: Fixture,
  seed: number,
  outside: 'none' | 'interleaved',
  figures: Figures,
): Promise<readonly string[]> => {
  await wipe(fixture);
  const chance = makeChance(seed);
  const world = makeWorld(fixture, chance);
  figures.sequences += 1;
  for (let at = chance.below(10) + 4; at > 0; at -= 1) await clientStep(world);
  const earlier = stateOf(world);
  const from = world.entries.length;
  for (let at = chance.below(14) + 1; at > 0; at -= 1) {
    await clientStep(world);
    if (outside === 'interleaved' && chance.often(0.4)) await outsideStep(world);
  }
  if (outside === 'interleaved') await outsideStep(world);
  const suffix = chance.often(0.7);
  const range = world.entries.slice(from, suffix ? undefined : -1 - chance.below(3));
  if (range.length === 0) return [];
  const reaches = suffix && outside === 'none' ? earlier : null;
  const problems = await judge(world, range, reaches, figures);
  return problems.length === 0 ? [] : [`seed ${seed}:`, ...world.log, ...problems];
};

export const startRollbackFixture = (): Promise<Fixture> =>
  startFixture({ config: rollbackConfig });

/** Plays sequences of both kinds; exported for its test. */
export const playSequences = async (
  fixture: Fixture,
  rounds: number,
  seed: number,
  outside: 'none' | 'interleaved',
  print: (line: string) => void,
): Promise<Figures> => {
  const figures = newFigures();
  const seeds = seededNumbers(seed);
  for (let round = 0; round < rounds; round += 1) {
    const own = Math.floor(seeds() * 2 ** 31);
    const problems = await playSequence(fixture, own, outside, figures);
    if (problems.length === 0) continue;
    figures.failed += 1;
    for (const line of problems) print(line);
  }
  return figures;
};

export const campaign: Campaign = {
  name: 'rollback',
  claim: 'a rollback restores the earlier state or names what differs, and writes over nobody',
  roundsDefault: 300,
  run: async ({ rounds, seed, print }) => {
    const fixture = await startRollbackFixture();
    try {
      const alone = await playSequences(fixture, rounds, seed, 'none', print);
      const among = await playSequences(fixture, rounds, seed + 1, 'interleaved', print);
      const figures = Object.fromEntries(
        Object.entries(alone).flatMap(([name, count]) => [
          [`alone ${name}`, count],
          [`among outsiders ${name}`, among[name as keyof Figures]],
        ]),
      );
      return { ok: alone.failed + among.failed === 0, figures };
    } finally {
      await fixture.stop();
    }
  },
};
