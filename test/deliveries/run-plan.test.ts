/** Plans against a real SCIM server and a real ledger: what they change, and what they never do. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { newEventId, systemRandom, type EventId } from '../../src/ids.ts';
import type { PlanResult } from '../../src/deliveries/plan-runner.ts';
import { startPlanBench, type PlanBench, type StepText } from '../support/plan-bench.ts';
import { base, group, user } from '../support/scim-calls.ts';

const leaves: StepText = { do: 'deactivate', find: { 'emails.value': 'enriched.workEmail' } };
const joins: StepText = {
  do: 'create',
  find: { userName: 'enriched.workEmail' },
  set: { userName: 'enriched.workEmail', title: 'enriched.title', 'name.givenName': '"Ann"' },
};

let bench: PlanBench;
let count = 0;
let mail = '';
let event: EventId;
before(async () => {
  bench = await startPlanBench();
});
after(() => bench.stop());
beforeEach(() => {
  count += 1;
  mail = `ann${count}@example.com`;
  event = newEventId(Date.now(), systemRandom);
});

const addUser = async (userName: string, emails = [userName]): Promise<string> => {
  const body = user(userName, { emails: emails.map((value) => ({ value, type: 'work' })) });
  const answer = await bench.fixture.ask('POST', `${base}/Users`, { body });
  assert.equal(answer.status, 201, answer.text);
  return String(answer.body['id']);
};
const addGroup = async (displayName: string, members: readonly string[] = []): Promise<string> => {
  const answer = await bench.fixture.ask('POST', `${base}/Groups`, {
    body: group(displayName, members),
  });
  assert.equal(answer.status, 201, answer.text);
  return String(answer.body['id']);
};
const stored = (id: string, type: 'User' | 'Group' = 'User') =>
  bench.fixture.sandbox.stored(type).find((one) => one['id'] === id);
const named = (userName: string) =>
  bench.fixture.sandbox.stored('User').filter((one) => one['userName'] === userName);
const writes = () => bench.fixture.sandbox.seen().length;
const failed = (result: PlanResult, reason: string): string => {
  assert.equal(result.kind, 'failed', JSON.stringify(result));
  assert.ok(result.kind === 'failed');
  assert.equal(result.reason, reason, result.detail ?? '');
  return result.detail ?? '';
};
const rowOf = async (result: PlanResult) => {
  for (;;) {
    const row = (await bench.rows()).find(({ id }) => id === result.ledgerIds[0]);
    if (row?.outcome !== null && row !== undefined) return row;
  }
};

describe('a leaver', () => {
  it('is deactivated once, recorded under the trace of its event', async () => {
    const id = await addUser(mail);
    const run = { steps: [leaves], enriched: { workEmail: mail }, event };
    const first = await bench.run(run);
    assert.equal(first.kind, 'done', JSON.stringify(first));
    assert.equal(stored(id)?.['active'], false);
    const row = await rowOf(first);
    assert.equal(row.client, 'plan-leaver');
    assert.equal(row.traceId, bench.traceId);
    assert.equal(row.callerRequestId, `dlv_${event.slice(4)}_0_leave`);
    assert.deepEqual(row.actions, ['users:deactivate']);
    assert.equal(row.outcome, 'applied');
    const told = bench.changes.at(-1);
    assert.equal(told?.mutation?.ledgerId, first.ledgerIds[0]);
    assert.deepEqual([told?.plan, told?.step, told?.status], ['leaver', 'step', 200]);
    assert.equal(told?.traceId, bench.traceId);
    assert.ok(bench.calls.some(({ call }) => call.method === 'PATCH'));
    assert.ok(!JSON.stringify([told, bench.calls]).includes(mail), 'nothing personal is told');
    const before = writes();
    const second = await bench.run({ ...run, attempt: 2, token: 2 });
    assert.equal(bench.changes.at(-1), told, 'a replay is no change');
    assert.deepEqual(second, { kind: 'done', ledgerIds: first.ledgerIds });
    await bench.restart();
    const third = await bench.run({ ...run, attempt: 3, token: 3 });
    assert.deepEqual(third, { kind: 'done', ledgerIds: first.ledgerIds });
    assert.equal(writes(), before, 'nothing was written again');
  });

  it('is deactivated again for another delivery', async () => {
    await addUser(mail);
    const run = { steps: [leaves], enriched: { workEmail: mail } };
    await bench.run(run);
    const before = writes();
    assert.equal((await bench.run(run)).kind, 'done');
    assert.equal(writes(), before + 1);
  });

  it('of whom nobody knows anything is gone already, or fails, as the step says', async () => {
    const run = { enriched: { workEmail: mail }, event };
    const before = writes();
    assert.equal((await bench.run({ ...run, steps: [leaves] })).kind, 'done');
    const strict = await bench.run({ ...run, steps: [{ ...leaves, absent: 'fail' }] });
    assert.match(failed(strict, 'not_found'), /^Step step: no resource fits/);
    assert.equal(writes(), before);
  });

  it('is never guessed among several', async () => {
    const one = await addUser(mail, [mail, 'shared@example.com']);
    const other = await addUser(`other-${mail}`, ['shared@example.com']);
    const result = await bench.run({
      steps: [leaves],
      enriched: { workEmail: 'shared@example.com' },
    });
    failed(result, 'several_found');
    assert.equal(stored(one)?.['active'], true);
    assert.equal(stored(other)?.['active'], true);
  });

  it('is not looked for by a value that is missing or empty', async () => {
    const before = writes();
    for (const enriched of [{}, null, { workEmail: '' }, { workEmail: ' ' }, { workEmail: null }]) {
      const result = await bench.run({ steps: [leaves], enriched });
      assert.match(failed(result, 'value_missing'), /^Step step: find emails\.value/);
      assert.deepEqual(result.ledgerIds, []);
    }
    const list = await bench.run({ steps: [leaves], enriched: { workEmail: [mail] } });
    failed(list, 'value_missing');
    assert.equal(writes(), before);
  });

  it('is left alone where the step says when', async () => {
    const id = await addUser(mail);
    const steps = [{ ...leaves, when: 'enriched.gone == true' }];
    await bench.run({ steps, enriched: { workEmail: mail, gone: false } });
    assert.equal(stored(id)?.['active'], true);
    const unknown = await bench.run({ steps, enriched: { workEmail: mail } });
    assert.match(failed(unknown, 'value_missing'), /when: there is no such key/);
    await bench.run({ steps, enriched: { workEmail: mail, gone: true } });
    assert.equal(stored(id)?.['active'], false);
  });
});

describe('what stops a plan', () => {
  it('grants: denied, with the rule in the ledger', async () => {
    const id = await addUser(mail);
    const enriched = { workEmail: mail };
    const result = await bench.run({ steps: [leaves], enriched, as: 'narrow-plan' });
    failed(result, 'action_denied');
    assert.equal(stored(id)?.['active'], true);
    let denial: { code: string | null } | undefined;
    while (denial === undefined) {
      denial = (await bench.rows()).find(({ client }) => client === 'narrow-plan');
    }
    assert.equal(denial.code, 'action_denied');
    assert.equal((denial as unknown as { decision: string }).decision, 'deny');
    assert.equal((denial as unknown as { traceId: string }).traceId, bench.traceId);
  });

  it('a freeze of its client, until it is thawed', async () => {
    const id = await addUser(mail);
    const run = { steps: [leaves], enriched: { workEmail: mail }, event };
    const { freezes } = bench.fixture.gateway.context;
    await freezes.freeze('client', 'plan-leaver', 'test', 'alice');
    const frozen = await bench.run(run);
    assert.equal(frozen.kind, 'again');
    assert.equal(frozen.kind === 'again' && frozen.reason, 'target_frozen');
    assert.equal(stored(id)?.['active'], true);
    await freezes.thaw('client', 'plan-leaver', 'alice');
    assert.equal((await bench.run(run)).kind, 'done');
    assert.equal(stored(id)?.['active'], false);
  });

  it('the end of its client, and a client that is not internal', async () => {
    const id = await addUser(mail);
    const run = { steps: [leaves], enriched: { workEmail: mail } };
    for (const over of [{ expiresAt: Date.now() - 1 }, { internal: false }]) {
      const result = await bench.run({
        ...run,
        change: (snapshot) => ({
          ...snapshot,
          clients: {
            ...snapshot.clients,
            'plan-leaver': { ...snapshot.clients['plan-leaver'], ...over } as never,
          },
        }),
      });
      failed(result, 'caller_refused');
    }
    failed(await bench.run({ ...run, as: 'nobody' }), 'caller_refused');
    assert.equal(stored(id)?.['active'], true);
  });

  it('its deadline: what was not begun is tried again', async () => {
    const id = await addUser(mail);
    const run = { steps: [leaves], enriched: { workEmail: mail } };
    const result = await bench.run({ ...run, deadlineMs: 0 });
    assert.deepEqual(result, {
      kind: 'again',
      reason: 'timeout',
      retryAfterMs: null,
      ledgerIds: [],
    });
    assert.equal(stored(id)?.['active'], true);
  });

  it('a step that fails: those after it are not begun', async () => {
    const id = await addUser(mail);
    const lost: StepText = { ...leaves, name: 'first', find: { userName: '"nobody@example.com"' } };
    const enriched = { workEmail: mail };
    const result = await bench.run({ steps: [{ ...lost, absent: 'fail' }, leaves], enriched });
    assert.match(failed(result, 'not_found'), /^Step first:/);
    assert.equal(stored(id)?.['active'], true);
  });

  it('a target that is away', async () => {
    await addUser(mail);
    bench.proxy.shut(true);
    const result = await bench.run({ steps: [leaves], enriched: { workEmail: mail } });
    bench.proxy.shut(false);
    assert.equal(result.kind, 'again');
    assert.equal(result.kind === 'again' && result.reason, 'target_unreachable');
  });
});

describe('a joiner', () => {
  it('is created, found again, and changed by a later wish', async () => {
    const run = { steps: [joins], event };
    const first = await bench.run({ ...run, enriched: { workEmail: mail, title: 'One' } });
    assert.equal(first.kind, 'done', JSON.stringify(first));
    assert.equal(named(mail).length, 1);
    const before = writes();
    await bench.run({ ...run, enriched: { workEmail: mail, title: 'One' }, attempt: 2 });
    assert.equal(writes(), before, 'it holds already');
    await bench.run({ ...run, enriched: { workEmail: mail, title: 'Two' }, attempt: 3 });
    assert.equal(named(mail)[0]?.['title'], 'Two');
    assert.equal(named(mail).length, 1);
  });

  it('is looked for by its matching attribute where the step names no other', async () => {
    const { find: _find, ...bare } = joins;
    const enriched = { workEmail: mail, title: 'One' };
    await addUser(mail);
    const result = await bench.run({ steps: [bare], enriched });
    assert.equal(result.kind, 'done', JSON.stringify(result));
    assert.equal(named(mail).length, 1);
    assert.equal(named(mail)[0]?.['title'], 'One');
  });

  it('gets elements and extensions', async () => {
    const department = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department';
    const steps: StepText[] = [
      {
        ...joins,
        set: {
          ...joins.set,
          'emails[type eq "work"].value': 'enriched.workEmail',
          [department]: '"Engineering"',
          active: 'true',
        },
      },
    ];
    const result = await bench.run({ steps, enriched: { workEmail: mail, title: 'x' } });
    assert.equal(result.kind, 'done', JSON.stringify(result));
    const [made] = named(mail);
    assert.deepEqual(made?.['emails'], [{ type: 'work', value: mail }]);
    assert.match(JSON.stringify(made), /"department":"Engineering"/);
  });

  it('that may not be made is refused, and made once a person has mended it', async () => {
    const steps: StepText[] = [{ ...joins, set: { ...joins.set, 'meta.created': '"x"' } }];
    const run = { event, enriched: { workEmail: mail, title: 'x' } };
    failed(await bench.run({ ...run, steps }), 'value_invalid');
    assert.equal((await bench.run({ ...run, steps: [joins] })).kind, 'done');
    assert.equal(named(mail).length, 1);
  });
});

describe('other steps', () => {
  it('update, verify, activate and delete', async () => {
    const id = await addUser(mail);
    const find = { userName: 'enriched.workEmail' };
    const enriched = { workEmail: mail };
    const set = { title: '"Boss"', 'emails[type eq "work"].value': '"boss@example.com"' };
    const steps: StepText[] = [
      { name: 'one', do: 'deactivate', find, verify: true },
      { name: 'two', do: 'activate', find, verify: true },
      { name: 'three', do: 'update', find, set, verify: true },
    ];
    const result = await bench.run({ steps, enriched });
    assert.equal(result.kind, 'done', JSON.stringify(result));
    assert.equal(result.ledgerIds.length, 3);
    assert.equal(stored(id)?.['active'], true);
    assert.equal(stored(id)?.['title'], 'Boss');
    assert.deepEqual(stored(id)?.['emails'], [{ value: 'boss@example.com', type: 'work' }]);
    const gone = await bench.run({ steps: [{ do: 'delete', find, verify: true }], enriched });
    assert.equal(gone.kind, 'done', JSON.stringify(gone));
    assert.equal(stored(id), undefined);
  });

  it('put into groups and taken out, but never of a group outside the grants', async () => {
    const id = await addUser(mail);
    const app = await addGroup(`app-${count}`);
    const find = { userName: 'enriched.workEmail' };
    const enriched = { workEmail: mail };
    const member = (does: 'add-member' | 'remove-member', group: string): StepText => ({
      do: does,
      find,
      group: `"${group}"`,
      absent: 'fail',
    });
    const added = await bench.run({ steps: [member('add-member', `app-${count}`)], enriched });
    assert.equal(added.kind, 'done', JSON.stringify(added));
    assert.match(JSON.stringify(stored(app, 'Group')?.['members']), new RegExp(id));
    const removed = await bench.run({ steps: [member('remove-member', `app-${count}`)], enriched });
    assert.equal(removed.kind, 'done', JSON.stringify(removed));
    assert.doesNotMatch(JSON.stringify(stored(app, 'Group') ?? {}), new RegExp(id));
    failed(await bench.run({ steps: [member('add-member', 'x-admins')], enriched }), 'not_found');
  });
});

describe('a plan whose gateway stops', () => {
  it('begins no step any more, and goes on where it was at the next try', async () => {
    const id = await addUser(mail);
    const retitle: StepText = {
      do: 'update',
      find: { userName: 'enriched.workEmail' },
      set: { title: '"Gone"' },
    };
    const goes: StepText = { do: 'deactivate', find: { userName: 'enriched.workEmail' } };
    const run = { steps: [retitle, goes], enriched: { workEmail: mail }, event };
    const mayStart = (): boolean => stored(id)?.['title'] !== 'Gone';
    const stopped = await bench.run({ ...run, mayStart });
    assert.equal(stopped.kind === 'again' && stopped.reason, 'shutting_down');
    assert.equal(stored(id)?.['active'], true);
    const next = await bench.run({ ...run, attempt: 2, token: 2 });
    assert.equal(next.kind, 'done', JSON.stringify(next));
    assert.equal(stored(id)?.['active'], false);
  });
});

describe('doubt', () => {
  /** By name: the sandbox cannot search e-mails once a user has none. */
  const goes: StepText = { do: 'deactivate', find: { userName: 'enriched.workEmail' } };
  const cutAfter = (marker: string): Promise<void> =>
    bench.proxy.cutNext({ marker, when: 'after' });

  it('of a deactivation that was made is settled, and nothing is written again', async () => {
    const id = await addUser(mail);
    const run = { steps: [goes], enriched: { workEmail: mail }, event };
    const cut = cutAfter('PATCH ');
    const doubtful = await bench.run(run);
    await cut;
    assert.equal(doubtful.kind, 'again', JSON.stringify(doubtful));
    assert.equal(doubtful.ledgerIds.length, 1);
    assert.equal(stored(id)?.['active'], false);
    const before = writes();
    await bench.restart();
    const unsettled = await bench.run({ ...run, attempt: 2, token: 2 });
    assert.equal(unsettled.kind, 'done', 'it is read back');
    await bench.recover();
    const settled = await bench.run({ ...run, attempt: 3, token: 3 });
    assert.deepEqual(settled, { kind: 'done', ledgerIds: doubtful.ledgerIds });
    assert.equal(writes(), before);
  });

  it('of a deactivation that was not made sends it again', async () => {
    const id = await addUser(mail);
    const run = { steps: [goes], enriched: { workEmail: mail }, event };
    const cut = bench.proxy.cutNext({ marker: 'PATCH ', when: 'before' });
    const doubtful = await bench.run(run);
    await cut;
    assert.equal(doubtful.kind, 'again', JSON.stringify(doubtful));
    assert.equal(stored(id)?.['active'], true);
    const second = await bench.run({ ...run, attempt: 2, token: 2 });
    assert.equal(second.kind, 'done', JSON.stringify(second));
    assert.equal(stored(id)?.['active'], false);
    assert.equal(second.ledgerIds.length, 2);
  });

  it('of a change that was not made sends it again once the target had its time', async () => {
    const id = await addUser(mail);
    const renames: StepText = {
      do: 'update',
      find: { userName: 'enriched.workEmail' },
      set: { title: '"New"' },
    };
    const run = { steps: [renames], enriched: { workEmail: mail }, event };
    const cut = bench.proxy.cutNext({ marker: 'PATCH ', when: 'before' });
    assert.equal((await bench.run(run)).kind, 'again');
    await cut;
    // As after a crash: nobody knows how long it has been so.
    await bench.restart();
    const before = writes();
    const second = await bench.run({ ...run, attempt: 2, token: 2 });
    assert.equal(second.kind, 'again', 'it may be on its way still');
    assert.equal(writes(), before);
    await new Promise((resolve) => void setTimeout(resolve, 15));
    const third = await bench.run({ ...run, attempt: 3, token: 3 });
    assert.equal(third.kind, 'done', JSON.stringify(third));
    assert.equal(stored(id)?.['title'], 'New');
    assert.equal(writes(), before + 1);
    // Another try of the same delivery finds it made.
    assert.equal((await bench.run({ ...run, attempt: 4, token: 4 })).kind, 'done');
    assert.equal(writes(), before + 1);
  });

  it('of a create never makes a second resource', async () => {
    const run = { steps: [joins], enriched: { workEmail: mail, title: 'One' }, event };
    const cut = cutAfter('POST ');
    const doubtful = await bench.run(run);
    await cut;
    assert.equal(doubtful.kind, 'again', JSON.stringify(doubtful));
    await bench.restart();
    const later = await bench.run({ ...run, attempt: 2, token: 2 });
    assert.equal(later.kind, 'done');
    assert.equal(named(mail).length, 1);
  });

  it('of a create that did not arrive is not sent under other values either', async () => {
    const run = { steps: [joins], event };
    const cut = bench.proxy.cutNext({ marker: 'POST ', when: 'before' });
    const doubtful = await bench.run({ ...run, enriched: { workEmail: mail, title: 'One' } });
    await cut;
    assert.equal(doubtful.kind, 'again', JSON.stringify(doubtful));
    const before = writes();
    const later = await bench.run({
      ...run,
      enriched: { workEmail: mail, title: 'Two' },
      attempt: 2,
    });
    assert.equal(later.kind, 'again', JSON.stringify(later));
    assert.equal(writes(), before);
  });
});
