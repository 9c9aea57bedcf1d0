/**
 * Changes that a target takes in parts only, end to end: one ledger entry, every call on record before
 * the first byte, and what was made is taken back where a later part is refused.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { explainCall } from '../../src/commands/explain.ts';
import type { LedgerId } from '../../src/ids.ts';
import type { StubAnswer, StubCall } from '../support/stub-target.ts';
import {
  assertScimError,
  base,
  errorExtension,
  group,
  make,
  patch,
} from '../support/scim-calls.ts';
import { startOddTarget, type OddTarget } from '../support/odd-target.ts';

const ids = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, at) => `m${String(from + at).padStart(3, '0')}`);
const add = (values: readonly string[]): object => ({
  op: 'add',
  path: 'members',
  value: values.map((value) => ({ value })),
});
const refusal = { status: 400, body: { schemas: [], status: '400', detail: 'too many today' } };

type Operations = readonly { op: string; path?: string; value?: unknown[] }[];
const operationsOf = (body: unknown): Operations => (body as { Operations: Operations }).Operations;
const membersIn = (call: StubCall): number =>
  operationsOf(call.body).reduce((sum, { value }) => sum + (value?.length ?? 1), 0);

describe('a target that takes 100 members a call', () => {
  let odd: OddTarget;
  before(async () => {
    odd = await startOddTarget('{ membersPerCall: 100, replaceMembers: difference }');
  });
  beforeEach(() => {
    odd.bend(capped);
    odd.forget();
  });
  after(() => odd.stop());

  /** As AWS IAM Identity Center: more than 100, or all at once, is refused. */
  const capped = (call: StubCall): StubAnswer | null => {
    if (call.method !== 'PATCH') return null;
    const whole = operationsOf(call.body).some(
      ({ op, path }) => op !== 'add' && path === 'members',
    );
    return whole || membersIn(call) > 100 ? refusal : null;
  };
  /** Refuses, or cuts, the nth PATCH from now on. */
  const failing = (answers: Readonly<Record<number, StubAnswer>>) => {
    let count = 0;
    odd.bend((call) => {
      if (call.method !== 'PATCH') return null;
      count += 1;
      return answers[count] ?? capped(call);
    });
  };
  const ask = (id: string, ...operations: readonly object[]) =>
    odd.fixture.ask('PATCH', `${base}/Groups/${id}`, { body: patch(...operations) });
  /** How the last entry ended. */
  const outcome = () => odd.fixture.observed.at(-1)?.mutation?.outcome;
  const entryOf = async (answer: { headers: Readonly<Record<string, unknown>> }) => {
    const id = String(answer.headers['sallyport-ledger-id']) as LedgerId;
    return odd.fixture.gateway.context.ledger.show(id);
  };

  it('T1 adds 150 members in two calls under one ledger entry that names both', async () => {
    const id = await make(odd.fixture, 'Groups', group('app-a', ['old']));
    odd.forget();
    const answer = await ask(id, add(ids(150)));
    assert.equal(answer.status, 200, answer.text);
    assert.equal((answer.body['members'] as unknown[]).length, 151);
    assert.deepEqual(odd.members(id), [...ids(150), 'old']);
    assert.deepEqual(odd.sent(), [`PATCH /Groups/${id}`, `PATCH /Groups/${id}`]);
    const entry = await entryOf(answer);
    assert.equal(outcome(), 'applied');
    const calls = entry?.body?.calls ?? [];
    assert.deepEqual(
      calls.map(({ method, path, inverse }) => [method, path, inverse.length]),
      [
        ['PATCH', `/Groups/${id}`, 1],
        ['PATCH', `/Groups/${id}`, 0],
      ],
    );
    assert.deepEqual(
      calls.map(({ body }) => JSON.parse(String(body)) as unknown),
      odd.bodies(),
    );
  });

  it('explain shows every call, and asks for the resource that the way back needs', async () => {
    const options = {
      client: 'full',
      method: 'PATCH',
      path: `${base}/Groups/g1`,
      body: JSON.stringify(patch(add(ids(150)))),
    };
    const snapshot = odd.fixture.gateway.context.snapshot();
    const before = { ...group('app-x'), id: 'g1' };
    const { calls } = explainCall(snapshot, { ...options, before }, Date.now());
    assert.deepEqual(
      calls.map(({ method, path }) => `${method} ${path}`),
      ['PATCH /Groups/g1', 'PATCH /Groups/g1'],
    );
    const blind = explainCall(snapshot, { ...options, before: null }, Date.now());
    assert.equal(blind.decision, 'unknown');
  });

  it('T1 replaces 250 members by what differs, and creates a group of 150', async () => {
    const id = await make(odd.fixture, 'Groups', group('app-b', ids(150)));
    assert.deepEqual(odd.sent(), ['POST /Groups', `PATCH /Groups/${id}`]);
    assert.deepEqual(odd.members(id), ids(150));
    const wanted = ids(250, 50);
    const answer = await ask(id, {
      op: 'replace',
      path: 'members',
      value: wanted.map((value) => ({ value })),
    });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(odd.members(id), wanted);
  });

  it('takes the first part back when the second is refused', async () => {
    const id = await make(odd.fixture, 'Groups', group('app-c', ['old', 'm001']));
    const start = odd.store.look('Groups', id)?.['members'];
    odd.forget();
    failing({ 2: refusal });
    const answer = await ask(id, add(ids(150)));
    const ledgerId = String(answer.headers['sallyport-ledger-id']);
    const detail = assertScimError(answer, 400, 'target_refused', { ledgerId });
    assert.match(detail, /too many today/);
    assert.match(
      detail,
      /sent in 2 parts; part 2 was not made, and what came before it was taken back/,
    );
    assert.deepEqual(odd.store.look('Groups', id)?.['members'], start);
    assert.equal(odd.sent().length, 3);
    assert.equal(outcome(), 'rejected');
    const attempts = odd.fixture.observed.at(-1)?.attempts.map(({ call }) => call.purpose);
    assert.deepEqual(attempts, ['before', 'call', 'call', 'take-back']);
  });

  it('says what stands when taking back fails', async () => {
    const id = await make(odd.fixture, 'Groups', group('app-d'));
    failing({ 2: refusal, 3: { status: 503, body: null } });
    const answer = await ask(id, add(ids(150)));
    const ledgerId = String(answer.headers['sallyport-ledger-id']);
    const detail = assertScimError(answer, 502, 'target_partial', {
      ledgerId,
      outcome: 'in-doubt',
    });
    assert.match(detail, /in 2 parts, and 1 of them were made\. Taking it back failed/);
    assert.equal(odd.members(id).length, 100);
    assert.equal(outcome(), 'in-doubt');
  });

  it('leaves everything as it is when the second call is cut off', async () => {
    const id = await make(odd.fixture, 'Groups', group('app-e'));
    odd.forget();
    failing({ 2: 'cut' });
    const answer = await ask(id, add(ids(150)));
    assert.equal((answer.body[errorExtension] as { outcome: string }).outcome, 'in-doubt');
    assert.match(String(answer.body['detail']), /not known whether the next one was made/);
    assert.equal(odd.sent().length, 2, 'nothing is taken back that may still arrive');
    assert.equal(outcome(), 'in-doubt');
  });

  it('never gives access back: who was removed stays removed', async () => {
    const id = await make(odd.fixture, 'Groups', group('app-f', ['old', 'leaver']));
    failing({ 2: refusal });
    const gone = { op: 'remove', path: 'members[value eq "leaver"]' };
    const answer = await ask(id, gone, add(ids(150)));
    assert.equal(answer.status, 502, answer.text);
    assert.match(String(answer.body['detail']), /What took access away stays so/);
    assert.deepEqual(odd.members(id), ['old'], 'what was added is gone again, the leaver too');
  });

  it('deletes the group again that could not be filled', async () => {
    failing({ 1: refusal });
    const answer = await odd.fixture.ask('POST', `${base}/Groups`, {
      body: group('app-g', ids(150)),
    });
    assert.equal(answer.status, 400, answer.text);
    assert.match(odd.sent().join(' '), /^POST \/Groups PATCH (\/Groups\/n\d+) DELETE \1$/);
  });

  it('asks the standing before each call: a freeze in between stops the second', async () => {
    const id = await make(odd.fixture, 'Groups', group('app-h'));
    const { freezes, snapshot } = odd.fixture.gateway.context;
    const tenant = String(snapshot().targets['sandbox']?.tenant);
    odd.forget();
    odd.bend(async (call) => {
      if (call.method === 'PATCH')
        await freezes.freeze('tenant', tenant, 'a drill', 'alice@example.com');
      return null;
    });
    const answer = await ask(id, add(ids(150)));
    await freezes.thaw('tenant', tenant, 'alice@example.com');
    assert.equal(answer.status, 502, answer.text);
    assert.equal(odd.sent().length, 1);
    assert.match(String(answer.body['detail']), /1 of them were made/);
  });
});

describe('a target that takes one write at a time', () => {
  let odd: OddTarget;
  before(async () => {
    odd = await startOddTarget('{ operationsPerPatch: 1 }', (config) =>
      config.replace('timeout: 5s', 'timeout: 5s\n    limits: { writes: { rate: 5/s, burst: 1 } }'),
    );
  });
  after(() => odd.stop());

  it('T15 waits for its turn in the write limit instead of giving up half way', async () => {
    odd.store.reset([], [{ id: 'g1', displayName: 'app-a' }]);
    const answer = await odd.fixture.ask('PATCH', `${base}/Groups/g1`, {
      body: patch(add(['a']), { op: 'replace', path: 'displayName', value: 'app-b' }, add(['b'])),
    });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([odd.members('g1'), odd.sent().length], [['a', 'b'], 3]);
  });
});
