/** What every engine must do with claims: an intent is on disk with its places and release, or not at all. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { ledgerId, type HoldId, type LedgerId } from '../../src/ids.ts';
import { encodeBatch, type Line } from '../../src/ledger/batch.ts';
import { genesis } from '../../src/ledger/chain.ts';
import { noClaims, type Claims, type WindowClaim } from '../../src/ledger/claims.ts';
import type { EntryOutcome, LedgerRecord, SettledBy } from '../../src/ledger/record.ts';
import type { Appended, LedgerStore } from '../../src/ledger/store.ts';
import { intent, keyRing, outcome } from '../ledger/fixture.ts';
import { lineOf } from '../support/chains.ts';
import { enginesUnderTest, withStores } from '../support/engines.ts';

const writer = '0badcafe';
const key = 'acme\nleavers\nhour\nentra';
const hour = 3_600_000;
const start = 1_700_000_000_000;
const committed = { kind: 'committed', reserve: true } as const;
const keep = { bodiesBefore: 0, ledgerBefore: 0 };

const place = (more: Partial<WindowClaim> = {}): WindowClaim => ({
  key,
  ms: hour,
  max: 2,
  amount: 1,
  force: false,
  ...more,
});
const taking = (...windows: readonly WindowClaim[]): Claims => ({ windows, hold: null });

const claiming = (claims: Claims, at = start): Line => ({
  ...lineOf(intent({ at })),
  ...(claims === noClaims ? {} : { claims }),
});

/** Appends lines to the chain; what is refused moves nothing. */
const writes = (store: LedgerStore, chain = writer) => {
  const append = async (...lines: readonly Line[]): Promise<Appended> => {
    const { next, digest } = await store.head(chain);
    const from = { writer: chain, first: next, previous: digest ?? genesis(chain) };
    return store.append(encodeBatch(lines, from, keyRing), { reserve: false });
  };
  const ends = (entry: LedgerId, ended: EntryOutcome, settledBy: SettledBy = 'answer') =>
    append(lineOf(outcome(entry, { outcome: ended, settledBy, at: start })));
  return { append, ends };
};

const full = (sequence: number, more: Partial<Record<'used' | 'max' | 'freeAt', number>> = {}) => ({
  kind: 'unclaimed',
  items: [
    {
      sequence,
      why: { unclaimed: 'window', key, used: 2, max: 2, freeAt: start + hour, ...more },
    },
  ],
});

/** Takes what is left of the window, one by one; how many. */
const roomOf = async (store: LedgerStore, claim: WindowClaim, at = start): Promise<number> => {
  const { append } = writes(store);
  for (let taken = 0; ; taken += 1) {
    if ((await append(claiming(taking(claim), at))).kind !== 'committed') return taken;
  }
};

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;
  void suite(`claims on ${name}`, { skip }, () => {
    void test(
      'a window takes as many as it may, and has room again when its places end',
      withStores(engine, writer, async ({ ledger }) => {
        const { append } = writes(ledger);
        assert.deepEqual(await append(claiming(taking(place()))), committed);
        assert.deepEqual(await append(claiming(taking(place()), start + 10)), committed);
        assert.deepEqual(await append(claiming(taking(place()), start + 20)), full(3));
        assert.equal((await ledger.head(writer)).next, 3);
        assert.deepEqual(await append(claiming(taking(place()), start + hour - 1)), full(3));
        assert.deepEqual(await append(claiming(taking(place()), start + hour)), committed);
        const freeAt = start + hour + 10;
        assert.deepEqual(
          await append(claiming(taking(place()), start + hour)),
          full(4, { freeAt }),
        );
        assert.deepEqual(
          await append(claiming(taking(place({ key: 'another', max: 0 })), start + hour)),
          {
            kind: 'unclaimed',
            items: [
              {
                sequence: 4,
                why: {
                  unclaimed: 'window',
                  key: 'another',
                  used: 0,
                  max: 0,
                  freeAt: start + 2 * hour,
                },
              },
            ],
          },
        );
      }),
    );

    void test(
      'an intent that goes in counts for the next of its batch; one that does not, does not',
      withStores(engine, writer, async ({ ledger }) => {
        const { append } = writes(ledger);
        const two = taking(place({ amount: 2, max: 3 }));
        const one = taking(place({ max: 3 }));
        const lines = [two, two, one, one].map((claims) => claiming(claims));
        const written = await append(lineOf(intent({ at: start })), ...lines);
        assert.deepEqual(written, {
          kind: 'unclaimed',
          items: [3, 5].map((sequence) => ({
            sequence,
            why: {
              unclaimed: 'window',
              key,
              used: sequence === 3 ? 2 : 3,
              max: 3,
              freeAt: start + hour,
            },
          })),
        });
        assert.equal((await ledger.head(writer)).next, 1);
        const rest = [lines[0], lines[2]] as readonly Line[];
        assert.deepEqual(await append(lineOf(intent({ at: start })), ...rest), committed);
        assert.equal(await roomOf(ledger, place({ max: 4 })), 1);
      }),
    );

    void test(
      'several windows are had together or not at all; what is forced is taken in any case',
      withStores(engine, writer, async ({ ledger }) => {
        const { append } = writes(ledger);
        const slow = place({ key: 'slow', ms: 24 * hour, max: 3 });
        for (let at = 0; at < 2; at += 1) {
          assert.deepEqual(await append(claiming(taking(place(), slow))), committed);
        }
        assert.deepEqual(await append(claiming(taking(slow, place()))), full(3));
        assert.equal(await roomOf(ledger, slow), 1);
        const forced = [place({ force: true }), { ...slow, force: true }];
        assert.deepEqual(await append(claiming(taking(...forced))), committed);
        assert.deepEqual(await append(claiming(taking(place()))), full(5, { used: 3 }));
        assert.deepEqual(
          await append(claiming(taking({ ...slow, force: true }, place()))),
          full(5, { used: 3 }),
        );
        // The same window twice is what both take.
        const twice = place({ key: 'twice' });
        assert.deepEqual(await append(claiming(taking(twice, twice))), committed);
        assert.equal(await roomOf(ledger, { ...twice, max: 3 }), 1);
      }),
    );

    void test(
      'only a proven end without effect gives places back, and a late one takes them again',
      withStores(engine, writer, async ({ ledger }) => {
        const { append, ends } = writes(ledger);
        const cases: readonly (readonly [EntryOutcome, SettledBy, boolean])[] = [
          ['applied', 'answer', false],
          ['in-doubt', 'timeout', false],
          ['applied', 'read-back', false],
          ['applied', 'no-change', false],
          ['rejected', 'answer', true],
          ['not-sent', 'connection', true],
          ['not-sent', 'standing', true],
          ['rejected', 'late-send', true],
        ];
        for (const [ended, settledBy, back] of cases) {
          const claim = place({ key: `${ended} ${settledBy}`, max: 1 });
          const entry = ledgerId(writer, (await ledger.head(writer)).next);
          await append(claiming(taking(claim, { ...claim, key: `${claim.key} too` })));
          await ends(entry, ended, settledBy);
          assert.equal(await roomOf(ledger, claim), back ? 1 : 0, claim.key);
          const other = { ...claim, key: `${claim.key} too` };
          assert.equal(await roomOf(ledger, other), back ? 1 : 0);
        }
        const claim = place({ key: 'late', max: 1 });
        const entry = ledgerId(writer, (await ledger.head(writer)).next);
        await append(claiming(taking(claim)));
        await ends(entry, 'not-sent', 'crash');
        await ends(entry, 'applied', 'late-send');
        assert.equal(await roomOf(ledger, claim), 0);
        await ends(entry, 'in-doubt', 'crash');
        assert.equal(await roomOf(ledger, claim), 0);
      }),
    );

    void test(
      'what a batch gives back its own intents may take, and what was refused gives nothing back',
      withStores(engine, writer, async ({ ledger }) => {
        const { append } = writes(ledger);
        const one = place({ max: 1 });
        await append(claiming(taking(one)));
        const back = lineOf(outcome(ledgerId(writer, 1), { outcome: 'rejected', at: start }));
        const both = await append(back, claiming(taking(one)), claiming(taking(one)));
        assert.deepEqual(both.kind === 'unclaimed' && both.items.map((each) => each.sequence), [4]);
        assert.deepEqual(await append(claiming(taking(one))), full(2, { used: 1, max: 1 }));
        assert.deepEqual(await append(back, claiming(taking(one))), committed);
        assert.equal(await roomOf(ledger, place()), 1);
      }),
    );

    void test(
      'upkeep removes places that ended, slice by slice, and no others',
      withStores(engine, writer, async ({ ledger }) => {
        const { append } = writes(ledger);
        const many = Array.from({ length: 32 }, (_, at) =>
          place({ key: `${at}`, ms: 10, max: 99 }),
        );
        for (let batch = 0; batch < 36; batch += 1) await append(claiming(taking(...many)));
        await append(claiming(taking(place({ max: 1 }))));
        const placesBefore = start + hour;
        assert.equal((await ledger.maintain({ ...keep, placesBefore })).more, true);
        assert.equal((await ledger.maintain({ ...keep, placesBefore })).more, false);
        // Had they not gone, a longer window would still count them.
        assert.equal(await roomOf(ledger, place({ key: '7', ms: hour, max: 1 })), 1);
        assert.deepEqual(
          await append(claiming(taking(place({ max: 1 })))),
          full((await ledger.head(writer)).next, { used: 1, max: 1 }),
        );
        await ledger.maintain({ ...keep, placesBefore: placesBefore + 1 });
        assert.equal(await roomOf(ledger, place({ max: 1 })), 1);
      }),
    );

    void test(
      'upkeep goes through more windows than one slice looks at, round after round',
      withStores(engine, writer, async ({ ledger }) => {
        const { append } = writes(ledger);
        const windows = (from: number, ms: number) =>
          Array.from({ length: 32 }, (_, at) => place({ key: `${from} ${at}`, ms, max: 99 }));
        const lines = (ms: number) =>
          Array.from({ length: 40 }, (_, from) => claiming(taking(...windows(from, ms))));
        for (const placesBefore of [start + 11, start + 21]) {
          await append(...lines(placesBefore - start - 1));
          let slices = 0;
          while ((await ledger.maintain({ ...keep, placesBefore })).more) slices += 1;
          assert.ok(slices > 0 && slices < 10, String(slices));
          for (const key of ['0 0', '20 7', '39 31'])
            assert.equal(await roomOf(ledger, place({ key, ms: hour, max: 1 })), 1, key);
          await ledger.maintain({ ...keep, placesBefore: start + 2 * hour });
          await ledger.maintain({ ...keep, placesBefore: start + 2 * hour });
        }
      }),
    );

    void test(
      'claims of a hold that is not there are refused',
      withStores(engine, writer, async ({ ledger }) => {
        const { append } = writes(ledger);
        const hold = { id: 'hld_018bcfe568000123456789ab' as HoldId, version: 2 };
        assert.deepEqual(await append(claiming({ windows: [place()], hold })), {
          kind: 'unclaimed',
          items: [{ sequence: 1, why: { unclaimed: 'hold' } }],
        });
        assert.equal(await roomOf(ledger, place()), 2);
      }),
    );

    // Seconds in one step, so that windows begin and end in the midst of what an engine may sum.
    for (const stepMs of [1, 4_999]) {
      void test(
        `any run of batches takes what a plain count allows, in steps of ${stepMs} ms`,
        withStores(engine, writer, ({ ledger }) => takesWhatFits(ledger, stepMs)),
      );
    }
  });
}

/** Plays any steps against a store; times are whole steps. */
const takesWhatFits = async (ledger: LedgerStore, stepMs: number): Promise<void> => {
  const steps = (most: number) => fc.integer({ min: 0, max: most }).map((count) => count * stepMs);
  const window = fc.record({
    key: fc.constantFrom('a', 'b'),
    ms: fc.constantFrom(5 * stepMs, 20 * stepMs),
    max: fc.integer({ min: 0, max: 6 }),
    amount: fc.integer({ min: 1, max: 3 }),
    force: fc.boolean(),
  });
  const step = fc.record({
    wait: steps(3),
    back: fc.option(fc.nat(30), { nil: null }),
    intents: fc.array(
      fc.record({
        wait: steps(2),
        windows: fc.array(window, { maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  });
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (played) => {
      round += 1;
      await followsModel(ledger, played, `${round}`);
    }),
    { numRuns: 40 },
  );
};

type Step = Readonly<{
  wait: number;
  back: number | null;
  intents: readonly Readonly<{ wait: number; windows: readonly WindowClaim[] }>[];
}>;

/** Plays steps against a store and against a list of places. */
const followsModel = async (
  store: LedgerStore,
  steps: readonly Step[],
  round: string,
): Promise<void> => {
  type Known = { key: string; at: number; amount: number; entry: number };
  let places: Known[] = [];
  const entries: number[] = [];
  const head = await store.head(writer);
  let at = Math.max(start, (head.newestAt ?? 0) + 1);
  let { next } = head;
  const used = (key: string, from: number, list: readonly Known[]) =>
    list.reduce((sum, each) => sum + (each.key === key && each.at > from ? each.amount : 0), 0);
  const { append } = writes(store);
  for (const { wait, back, intents } of steps) {
    at += wait;
    const given = back === null ? undefined : entries[back % Math.max(1, entries.length)];
    const records: LedgerRecord[] =
      given === undefined
        ? []
        : [outcome(ledgerId(writer, given), { outcome: 'rejected', settledBy: 'answer', at })];
    const kept = places.filter(({ entry }) => entry !== given);
    const lines = records.map(lineOf);
    const expected: number[] = [];
    const taken: Known[] = [];
    for (const { wait: longer, windows } of intents) {
      at += longer;
      const own = windows.map((each) => ({ ...each, key: `${round} ${each.key}` }));
      const sequence = next + lines.length;
      lines.push(claiming(taking(...own), at));
      const mine: Known[] = [];
      let fits = true;
      for (const { key: of, ms, max, amount, force } of own) {
        const all = [...kept, ...taken].filter((each) => each.at > at - ms);
        fits &&= force || used(of, at - ms, [...all, ...mine]) + amount <= max;
        mine.push({ key: of, at, amount, entry: sequence });
      }
      if (fits) taken.push(...mine);
      else expected.push(sequence);
    }
    const answer = await append(...lines);
    assert.deepEqual(
      answer.kind === 'unclaimed' ? answer.items.map(({ sequence }) => sequence) : [],
      expected,
    );
    if (answer.kind === 'unclaimed') continue;
    lines.forEach(({ record }, offset) => {
      if (record.kind === 'intent') entries.push(next + offset);
    });
    next += lines.length;
    places = [...kept, ...taken];
  }
};
