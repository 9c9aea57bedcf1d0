import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitState } from '../../src/limits/limiter.ts';
import { rateHeaders } from '../../src/limits/rate-headers.ts';

const state = (policy: string, remaining: number, resetSeconds: number): LimitState => ({
  limit: { key: `client:c:${policy}`, policy, count: 100, seconds: 60, burst: 50 },
  remaining,
  resetSeconds,
});

test('policies and their state are lists of strings with parameters (draft-10 §3, §4)', () => {
  assert.deepEqual(rateHeaders([state('client-writes', 50, 30)], 0), {
    'RateLimit-Policy': '"client-writes";q=100;w=60',
    RateLimit: '"client-writes";r=50;t=30',
  });
  assert.deepEqual(rateHeaders([state('client-writes', 5, 3), state('grant-writes', 1, 0)], 0), {
    'RateLimit-Policy': '"client-writes";q=100;w=60, "grant-writes";q=100;w=60',
    RateLimit: '"client-writes";r=5;t=3, "grant-writes";r=1;t=0',
  });
});

test('a refusal says when to come back, never before the window it tells ends', () => {
  const headers = rateHeaders([state('client-writes', 0, 60), state('grant-writes', 9, 1)], 2);
  assert.equal(headers['Retry-After'], '2');
  assert.equal(headers['RateLimit'], '"client-writes";r=0;t=2, "grant-writes";r=9;t=1');
  assert.equal(rateHeaders([], 0.2)['Retry-After'], '1');
  assert.equal(rateHeaders([], 1.2)['Retry-After'], '2');
});

test('a policy that stands twice is told once, at its tightest', () => {
  const headers = rateHeaders([state('grant-writes', 7, 1), state('grant-writes', 2, 9)], 0);
  assert.equal(headers['RateLimit'], '"grant-writes";r=2;t=9');
  assert.equal(headers['RateLimit-Policy'], '"grant-writes";q=100;w=60');
});

test('without limits there are no fields', () => {
  assert.deepEqual(rateHeaders([], 0), {});
});

test('a name cannot leave its string', () => {
  const headers = rateHeaders([state('a"\\\r\nb€', 1, 1)], 0);
  assert.equal(headers['RateLimit'], String.raw`"a\"\\??b?";r=1;t=1`);
});
