import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { playSequences, startRollbackFixture } from './rollback.ts';
import type { Fixture } from '../support/fixture.ts';

const rounds = Number(process.env['ROLLBACK_ROUNDS'] ?? 30);
const seed = Number(process.env['ROLLBACK_SEED'] ?? Date.now() % 1_000_000);

describe(`a rollback of a random range (seed ${seed}, ${rounds} sequences)`, () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startRollbackFixture();
  });
  after(() => fixture.stop());

  it('restores the earlier state, or names exactly what differs', async (context) => {
    const lines: string[] = [];
    const figures = await playSequences(fixture, rounds, seed, 'none', (line) => lines.push(line));
    context.diagnostic(JSON.stringify(figures));
    assert.equal(figures.failed, 0, lines.slice(0, 60).join('\n'));
    assert.ok(figures.whole > 0, 'some come back whole');
  });

  it('writes over nothing that an outsider wrote', async (context) => {
    const lines: string[] = [];
    const print = (line: string): void => void lines.push(line);
    const figures = await playSequences(fixture, rounds, seed + 1, 'interleaved', print);
    context.diagnostic(JSON.stringify(figures));
    assert.equal(figures.failed, 0, lines.slice(0, 60).join('\n'));
    assert.ok(figures.outsideMarks > 0, 'outsiders wrote');
  });
});
