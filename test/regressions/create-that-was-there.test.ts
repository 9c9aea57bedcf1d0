/**
 * A create in doubt was read back as applied where the resource had been there all along: a create
 * has no before-image. Its age by the target's own clock tells. Found by the liar campaign.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../../src/identity/call.ts';
import { isCreatedSince, type Expected } from '../../src/identity/scim/readback.ts';
import { userType } from '../../src/identity/scim/schemas.ts';

const expected: Expected = {
  kind: 'created',
  by: { attribute: 'userName', value: 'ann@example.com' },
  checks: [],
};
const second = 1_000;
const now = Date.parse('2026-11-23T12:00:00Z');

const listOf = (created: string | null, date: string | null): Answer => ({
  status: 200,
  headers: date === null ? {} : { date },
  readable: true,
  excerpt: '',
  body: {
    totalResults: 1,
    Resources: [
      { userName: 'ann@example.com', ...(created === null ? {} : { meta: { created } }) },
    ],
  },
});
const answered = (ageMs: number): Answer =>
  listOf(new Date(now - ageMs).toISOString(), new Date(now).toUTCString());
const isYoung = (answer: Answer): boolean =>
  isCreatedSince(expected, answer, userType, 60 * second);

test('a created resource proves the create only while it is as young as the call', () => {
  assert.ok(isYoung(answered(0)));
  assert.ok(isYoung(answered(60 * second)));
  assert.ok(!isYoung(answered(62 * second)));
  assert.ok(!isYoung(answered(86_400 * second)));
});

test('without both times of the target nothing is proven', () => {
  assert.ok(!isYoung(listOf(null, new Date(now).toUTCString())));
  assert.ok(!isYoung(listOf(new Date(now).toISOString(), null)));
  assert.ok(!isYoung(listOf('yesterday', new Date(now).toUTCString())));
});
