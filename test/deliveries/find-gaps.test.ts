/** Silence, skips and second tries of sources, on a clock of numbers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  hearSource,
  judgeSource,
  numbersMax,
  watchSource,
  type Finding,
  type SourceWatched,
} from '../../src/deliveries/find-gaps.ts';

const minute = 60_000;
const start = 1_700_000_000_000;

const hear = (
  source: SourceWatched,
  sequence: number | null,
  at: number,
  more: Readonly<{ retry?: number; repeated?: boolean }> = {},
): SourceWatched => hearSource(source, { at, sequence, retry: 0, repeated: false, ...more });

/** Hears numbers a second apart, then judges at the given minutes. */
const found = (
  numbers: readonly number[],
  minutes: readonly number[],
  from: number | null = null,
): readonly (readonly Finding[])[] => {
  let source = watchSource(null, from, start);
  numbers.forEach((number, index) => {
    source = hear(source, number, start + index * 1_000);
  });
  return minutes.map((at) => {
    const judged = judgeSource(source, null, start + at * minute);
    ({ source } = judged);
    return judged.findings;
  });
};

describe('silence', () => {
  it('is told once, and once that it is over', () => {
    let source = watchSource(start, null, start);
    const tell = (at: number): readonly string[] => {
      const judged = judgeSource(source, 10 * minute, at);
      ({ source } = judged);
      return judged.findings.map(({ kind }) => kind);
    };
    assert.deepEqual(tell(start + 10 * minute), []);
    assert.deepEqual(tell(start + 10 * minute + 1), ['silent']);
    assert.deepEqual(tell(start + 30 * minute), []);
    source = hear(source, null, start + 31 * minute);
    assert.deepEqual(tell(start + 32 * minute), ['returned']);
    assert.deepEqual(tell(start + 33 * minute), []);
    assert.deepEqual(tell(start + 50 * minute), ['silent']);
  });

  it('of a source never heard begins when watching began; nobody expects one without a limit', () => {
    const source = watchSource(null, null, start);
    assert.deepEqual(judgeSource(source, minute, start + minute).findings, []);
    assert.equal(judgeSource(source, minute, start + minute + 1).findings[0]?.kind, 'silent');
    assert.deepEqual(judgeSource(source, null, start + 1e9).findings, []);
  });
});

describe('numbers', () => {
  it('that follow each other, overtake or repeat are nothing', () => {
    assert.deepEqual(found([1, 2, 3], [2]), [[]]);
    assert.deepEqual(found([1, 3, 2, 5, 4], [2]), [[]]);
    assert.deepEqual(found([1, 2, 2, 1], [2]), [[]]);
  });

  it('that skip are missed after a minute, once', () => {
    assert.deepEqual(found([1, 5], [0.5, 2, 3]), [[], [{ kind: 'missed', count: 3 }], []]);
  });

  it('are counted on from what the store knew, so that a restart hides no skip', () => {
    assert.deepEqual(found([8], [2], 5), [[{ kind: 'missed', count: 2 }]]);
  });

  it('that come after all are told as complete', () => {
    let source = hear(hear(watchSource(null, null, start), 1, start), 4, start);
    let judged = judgeSource(source, null, start + 2 * minute);
    assert.deepEqual(judged.findings, [{ kind: 'missed', count: 2 }]);
    source = hear(judged.source, 2, start + 3 * minute);
    judged = judgeSource(source, null, start + 4 * minute);
    assert.deepEqual(judged.findings, []);
    source = hear(judged.source, 3, start + 5 * minute);
    judged = judgeSource(source, null, start + 6 * minute);
    assert.deepEqual(judged.findings, [{ kind: 'complete', count: 2 }]);
  });

  it('that never come are given up after a day, and not called complete', () => {
    assert.deepEqual(found([1, 3], [2, 24 * 60 + 1, 24 * 60 + 2]), [
      [{ kind: 'missed', count: 1 }],
      [],
      [],
    ]);
  });

  it('that begin anew are no skip', () => {
    assert.deepEqual(found([5_000, 1, 2], [2]), [[]]);
    assert.deepEqual(found([1, 1e9, 1e9 + 1], [2]), [[]]);
  });

  it('never remember more than the limit, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -5_000, max: 5_000 }), { maxLength: 60 }),
        (numbers) => {
          let source = watchSource(null, null, start);
          for (const number of numbers) {
            source = hear(source, number, start);
            assert.ok(source.absent.size <= numbersMax);
            assert.ok(!source.absent.has(number));
          }
        },
      ),
    );
  });
});

describe('second tries', () => {
  it('of what was not stored before are counted, those of a repeat are not', () => {
    let source = watchSource(null, null, start);
    source = hear(source, null, start, { retry: 1 });
    source = hear(source, null, start, { retry: 2 });
    source = hear(source, null, start, { retry: 1, repeated: true });
    const judged = judgeSource(source, null, start);
    assert.deepEqual(judged.findings, [{ kind: 'retried', count: 2 }]);
    assert.deepEqual(judgeSource(judged.source, null, start).findings, []);
  });
});
