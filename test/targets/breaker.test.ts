/** The breaker: what trips it, what a probe decides, and that it forgets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBreaker, type Health } from '../../src/targets/breaker.ts';
import { makeTestClock } from './harness.ts';

const launch = () => {
  const clock = makeTestClock();
  const changes: string[] = [];
  const breaker = makeBreaker(
    { failures: 0.5, minimum: 4, window: 10_000, open: 5_000 },
    clock,
    (state) => changes.push(state),
  );
  const run = (...healths: Health[]): void => {
    for (const health of healths) {
      const pass = breaker.enter();
      assert.ok(pass !== null, 'refused');
      breaker.leave(pass, health);
    }
  };
  return { clock, breaker, changes, run };
};

test('half of the window failing on one side trips it, once there are enough', () => {
  const { breaker, changes, run } = launch();
  run('local', 'local', 'local');
  assert.equal(breaker.state(), 'closed');
  run('success');
  assert.equal(breaker.state(), 'closed', 'a success never trips');
  run('local');
  assert.deepEqual(changes, ['open']);
  assert.equal(breaker.refusesFor(), 5);
  assert.equal(breaker.enter(), null);
});

test('both kinds of failure are counted apart, and none counts nothing', () => {
  const { breaker, run } = launch();
  run('success', 'success', 'local', 'upstream', 'none', 'none', 'none');
  assert.equal(breaker.state(), 'closed', 'a quarter each');
  run('upstream', 'upstream');
  assert.equal(breaker.state(), 'open', 'three of six upstream');
});

test('failures older than the window are forgotten', () => {
  const { clock, breaker, run } = launch();
  run('local', 'local', 'local');
  clock.advance(11_000);
  run('success', 'success', 'success', 'local');
  assert.equal(breaker.state(), 'closed');
});

const trip = () => {
  const made = launch();
  const late = made.breaker.enter();
  assert.ok(late !== null);
  made.run('local', 'local', 'local', 'local');
  made.clock.advance(5_000);
  return { ...made, late };
};

test('after its time one probe goes through alone; its success closes', () => {
  const { breaker, changes } = trip();
  assert.equal(breaker.refusesFor(), 0);
  const probe = breaker.enter();
  assert.equal(probe, 'probe');
  assert.equal(breaker.enter(), null);
  assert.equal(breaker.refusesFor(), 1);
  breaker.leave('probe', 'success');
  assert.deepEqual(changes, ['open', 'half-open', 'closed']);
  assert.equal(breaker.enter(), 'normal');
});

test('a failed probe opens again for the whole time; one that says nothing makes room', () => {
  const { breaker, changes, clock } = trip();
  assert.equal(breaker.enter(), 'probe');
  breaker.leave('probe', 'none');
  assert.equal(breaker.enter(), 'probe');
  breaker.leave('probe', 'upstream');
  assert.deepEqual(changes, ['open', 'half-open', 'open']);
  clock.advance(4_999);
  assert.equal(breaker.enter(), null);
});

test('a call from before it opened decides nothing', () => {
  const { breaker, late } = trip();
  assert.equal(breaker.enter(), 'probe');
  breaker.leave(late, 'success');
  assert.equal(breaker.state(), 'half-open');
  assert.equal(breaker.enter(), null);
});
