/** A plan of undo as people read it: what needs nothing does not bury what is done. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { printPlan } from '../../src/commands/print-rollback.ts';
import type { ShownStep, UndoPlan } from '../../src/undo/make-undo.ts';

const step = (id: string, more: Partial<ShownStep>): ShownStep =>
  ({
    subject: { tenant: 't', route: 'r', type: 'users', id },
    name: null,
    does: 'nothing',
    guard: 'none',
    entries: [`led_${id}`],
    parts: [{ kind: 'nothing', attribute: null, is: null }],
    ...more,
  }) as unknown as ShownStep;

const plan = (steps: readonly ShownStep[]): UndoPlan => ({ steps, whole: true, digest: 'x' });

it('counts what needs nothing, and prints the rest', () => {
  const change = step('ann', {
    does: 'change',
    parts: [
      { kind: 'reactivate', attribute: 'active', is: false, earlier: true, becomes: true },
    ] as unknown as ShownStep['parts'],
  });
  const text = printPlan(plan([step('bob', {}), change, step('eve', {})]));
  assert.equal(
    text,
    `Taking back 3 entries on 3 resources:
  change users ann by route r
    reactivate active: is false, was true, will be true (takes effect as an activation)
  2 resources with nothing to take back
Everything comes back.
`,
  );
});

it('says so where nothing that was changed is selected', () => {
  assert.equal(printPlan(plan([])), 'Nothing that was changed is selected.\n');
});
