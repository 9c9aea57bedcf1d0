/** What an event owes to whom, in which line and when. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { lineOf, subjectHash } from '../../src/deliveries/lines.ts';
import { deliveriesMax, itemsMax, planDeliveries } from '../../src/deliveries/plan-deliveries.ts';
import { compileExpression, type Expression } from '../../src/expressions.ts';
import type { LifecycleEvent, ReadEvents } from '../../src/identity/events/event.ts';
import { eventVariableTypes } from '../../src/identity/events/variables.ts';
import type { Deliver } from '../../src/snapshot.ts';
import { testKeyRing } from '../support/webhook-scene.ts';
import { forward, lifecycle, planRun } from '../support/webhooks.ts';

const at = 1_700_000_000_000;
const day = 86_400_000;
const { fingerprint } = testKeyRing;

const cel = (source: string, result: 'bool' | null = 'bool'): Expression => {
  const compiled = compileExpression(source, eventVariableTypes, result);
  if ('problem' in compiled) throw new Error(compiled.problem);
  return compiled;
};

const readOf = (events: readonly Partial<LifecycleEvent>[]): ReadEvents => ({
  events: events.map(lifecycle),
  envelope: () => null,
});

const plan = (
  deliver: readonly Deliver[],
  events: readonly Partial<LifecycleEvent>[] | ReadEvents,
  needsEnriched = false,
) =>
  planDeliveries({
    deliver,
    reader: { needsEnriched },
    read: Array.isArray(events) ? readOf(events) : (events as ReadEvents),
    at,
    fingerprint,
  });

const named = ({ deliveries }: ReturnType<typeof plan>): readonly string[] =>
  deliveries.map(({ item, name }) => `${item} ${name}`);

describe('planned deliveries', () => {
  it('are one for each item and entry, about their subject, at once', () => {
    const planned = plan([forward(), planRun()], [{ subject: 'a' }, { subject: 'b', kind: 'x' }]);
    assert.deepEqual(named(planned), ['0 n8n', '0 leave', '1 n8n', '1 leave']);
    assert.deepEqual(planned.deliveries[2], {
      item: 1,
      name: 'n8n',
      lane: 'hr/n8n',
      line: lineOf(fingerprint, 'hr/n8n', 'b'),
      subject: subjectHash(fingerprint, 'b'),
      kind: 'x',
      observedAt: at,
      dueAt: at,
    });
    assert.equal(planned.items, 2);
  });

  it('share a line by lane and subject, and those of nobody known one of each lane', () => {
    const { deliveries } = plan(
      [forward(), planRun()],
      [{ subject: 'a' }, { subject: 'b' }, { subject: 'a' }, { subject: '' }, { subject: '' }],
    );
    const lines = deliveries.map(({ line }) => line.toString('hex'));
    assert.equal(new Set(lines).size, 6);
    assert.equal(lines[0], lines[4]);
    assert.equal(lines[6], lines[8]);
    for (const { line, subject } of deliveries)
      assert.deepEqual([line.length, subject.length], [16, 16]);
  });

  it('go in the order that the route asks for; where it cannot be told they share a line', () => {
    const order = cel('event.raw.team', null);
    const { deliveries } = plan(
      [forward({ order })],
      [
        { subject: 'a', raw: { team: 'x' } },
        { subject: 'b', raw: { team: 'x' } },
        { subject: 'c', raw: { team: 7 } },
        { subject: 'd', raw: {} },
        { subject: 'e', raw: { team: [] } },
      ],
    );
    const expected = ['x', 'x', '7', '', ''].map((text) => lineOf(fingerprint, 'hr/n8n', text));
    assert.deepEqual(
      deliveries.map(({ line }) => line),
      expected,
    );
    assert.deepEqual(deliveries[1]?.subject, subjectHash(fingerprint, 'b'));
  });

  it('whose condition is false make no row; whatever cannot be judged yet makes one', () => {
    const whens: Readonly<Record<string, readonly [string, boolean]>> = {
      true: ['event.kind == "leaver"', true],
      false: ['event.kind == "joiner"', false],
      enriched: ['enriched.status == "Inactive"', true],
      'enriched, false either way': ['event.kind == "joiner" && enriched.x == 1', true],
      failing: ['event.raw.nothing == 1', true],
    };
    for (const [name, [source, expected]] of Object.entries(whens)) {
      const planned = plan([forward({ when: cel(source) })], [{ kind: 'leaver' }]);
      assert.equal(planned.deliveries.length, expected ? 1 : 0, name);
      assert.equal(planned.items, 1);
    }
    const later = plan([forward({ when: cel('event.kind == "joiner"') })], [{}], true);
    assert.equal(later.deliveries.length, 1);
  });

  it('wait for their date only where it lies ahead and is known', () => {
    const dates = [at + day, at, at - day, null];
    const events = dates.map((effectiveAt) => ({ effectiveAt }));
    assert.deepEqual(
      plan([forward()], events).deliveries.map(({ dueAt }) => dueAt),
      [at + day, at, at, at],
    );
    const [unsure] = plan([forward()], [{ effectiveAt: at + day }], true).deliveries;
    assert.equal(unsure?.dueAt, at);
  });

  it('are not made for who answers a waiting sender', () => {
    const planned = plan([forward({ answers: true }), planRun()], [{}]);
    assert.deepEqual(named(planned), ['0 leave']);
    const unreadable = plan([forward({ answers: true })], { unreadable: 'it is no JSON' });
    assert.deepEqual(named(unreadable), []);
  });

  it('of what cannot be read go to who wants everything, and to plans, which go dead', () => {
    const planned = plan(
      [forward(), forward({ name: 'some', when: cel('event.kind == "leaver"') }), planRun()],
      { unreadable: 'it is no JSON' },
    );
    assert.deepEqual(named(planned), ['0 n8n', '0 leave']);
    assert.equal(planned.items, 0);
    assert.deepEqual(new Set(planned.deliveries.map(({ kind }) => kind)), new Set(['other']));
  });
});

describe('announced events', () => {
  it('replace earlier ones of their kind and subject, in every lane', () => {
    const { cancels } = plan(
      [forward(), planRun({ when: cel('event.kind == "nothing"') })],
      [{ kind: 'leaver', subject: 'a', effectiveAt: at + day }],
    );
    const subject = subjectHash(fingerprint, 'a');
    assert.deepEqual(cancels, [
      { line: lineOf(fingerprint, 'hr/n8n', 'a'), subject, kinds: ['leaver'] },
      { line: lineOf(fingerprint, 'hr/leave', 'a'), subject, kinds: ['leaver'] },
    ]);
  });

  it('are taken back by what says so, and by nothing that takes effect at once', () => {
    const [cancel] = plan([forward()], [{ kind: 'cancel', cancels: ['leaver', 'mover'] }]).cancels;
    assert.deepEqual(cancel?.kinds, ['leaver', 'mover']);
    assert.deepEqual(plan([forward()], [{ kind: 'leaver' }]).cancels, []);
  });

  it('of nobody known take back nothing: the line is everybody’s', () => {
    const events = [{ subject: '', effectiveAt: at + day, cancels: ['leaver'] }];
    assert.deepEqual(plan([forward()], events).cancels, []);
  });

  it('are taken back by a later item of the same body, of the same subject alone', () => {
    const announced = { kind: 'leaver', effectiveAt: at + day };
    const planned = plan(
      [forward({ order: cel('"all"', null) })],
      [
        { ...announced, subject: 'a' },
        { ...announced, subject: 'b' },
        { subject: 'a', kind: 'cancel', cancels: ['leaver'] },
        { ...announced, subject: 'a', effectiveAt: at + 2 * day },
      ],
    );
    assert.deepEqual(named(planned), ['1 n8n', '2 n8n', '3 n8n']);
  });
});

describe('large bodies', () => {
  it('become deliveries up to the limits; the rest is counted', () => {
    const many = Array.from({ length: itemsMax + 5 }, () => ({}));
    const planned = plan([forward()], many);
    assert.deepEqual(
      [planned.items, planned.deliveries.length, planned.beyond],
      [itemsMax + 5, itemsMax, 5],
    );
    const entries = Array.from({ length: 20 }, (_, index) => forward({ name: `n${index}` }));
    assert.equal(plan(entries, many).deliveries.length, deliveriesMax);
  });

  it('never make a delivery that nobody asked for, nor two of one item and entry', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            subject: fc.constantFrom('', 'a', 'b'),
            kind: fc.constantFrom('leaver', 'mover'),
            effectiveAt: fc.constantFrom(null, at - day, at + day, at + 2 * day),
            cancels: fc.constantFrom<readonly string[]>([], ['leaver'], ['mover']),
          }),
          { maxLength: 12 },
        ),
        (events) => {
          const planned = plan([forward(), planRun()], events);
          const names = named(planned);
          assert.equal(new Set(names).size, names.length);
          // Only what was announced can be missing, and only where a later item took it back.
          for (const [item, event] of events.entries()) {
            const there = names.filter((name) => name.startsWith(`${item} `)).length;
            const waits = event.effectiveAt !== null && event.effectiveAt > at;
            const taken = events
              .slice(item + 1)
              .some(
                (later) =>
                  later.subject !== '' &&
                  later.subject === event.subject &&
                  (later.cancels.includes(event.kind) ||
                    (later.kind === event.kind && Number(later.effectiveAt) > at)),
              );
            assert.equal(there, waits && taken ? 0 : 2);
          }
        },
      ),
    );
  });
});
