/** Rollback before targets with a dialect of their own: it never claims, or does, what is not so. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Json, Resource } from '../campaigns/scim-store.ts';
import type { Fixture } from '../support/fixture.ts';
import { startOddTarget, type OddTarget } from '../support/odd-target.ts';
import { planRollback, runRollback } from '../support/rollback-run.ts';
import { base, group, make, patch, user } from '../support/scim-calls.ts';
import type { StubCall } from '../support/stub-target.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const set = (path: string, value: unknown) => ({ op: 'replace', path, value });

describe('rollback at odd targets', () => {
  let odd: OddTarget;
  afterEach(() => odd.stop());

  /** A change through the gateway; its entry. */
  const entryOf = async (
    { ask }: Fixture,
    method: string,
    path: string,
    body?: object,
  ): Promise<string> => {
    const answer = await ask(method, `${base}${path}`, body === undefined ? {} : { body });
    assert.ok(answer.status < 300, answer.text);
    return String(answer.headers['sallyport-ledger-id']);
  };
  const serve = ({ method, path, query, body }: StubCall) =>
    odd.store.handle(method, path, query.toString(), body === null ? '' : JSON.stringify(body));
  const takeBack = async (ids: readonly string[]) => {
    const { digest } = await planRollback(odd.fixture, ids);
    return runRollback(odd.fixture, ids, digest);
  };
  type Ran = Awaited<ReturnType<typeof takeBack>>;
  const told = ({ steps }: Ran) =>
    steps.map(({ does, parts, result }) => [
      does,
      result.outcome,
      ...[...parts, ...result.refused].flatMap(({ attribute, reason }) =>
        reason === null ? [] : [`${attribute ?? ''} ${reason}`.trim()],
      ),
    ]);

  it('makes nothing again that an earlier run made, and finishes what that left undone', async () => {
    odd = await startOddTarget('{}');
    const { fixture, store } = odd;
    const ann = await make(fixture, 'Users', user('ann@example.com'));
    const crew = await make(fixture, 'Groups', group('crew', [ann]));
    const other = await make(fixture, 'Groups', group('other', [ann]));
    const ids = [
      await entryOf(fixture, 'DELETE', `/Groups/${crew}`),
      await entryOf(fixture, 'DELETE', `/Users/${ann}`),
    ];
    // The first run dies before it puts anybody back into the group that stayed.
    odd.bend(({ method, path }) => (method === 'PATCH' && path.endsWith(other) ? 'cut' : null));
    await takeBack(ids);
    const [again] = store.ids('Users');
    assert.deepEqual([store.ids('Groups').length, odd.members(other)], [2, [ann]]);
    odd.bend(null);
    const second = await takeBack(ids);
    assert.deepEqual(told(second), [
      ['nothing', 'nothing', 'made-again'],
      ['nothing', 'nothing', 'made-again'],
      ['change', 'applied'],
    ]);
    assert.deepEqual([store.ids('Groups').length, store.ids('Users')], [2, [again]]);
    assert.deepEqual(odd.members(other), [again]);
    // What it made is removed by whoever means it: then it may be made again.
    await entryOf(fixture, 'DELETE', `/Users/${again}`);
    assert.equal((await takeBack(ids)).steps[0]?.result.outcome, 'applied');
  });

  it('believes no read that does not show yet what was written moments ago', async () => {
    odd = await startOddTarget('{}');
    const { fixture, store } = odd;
    const ann = await make(fixture, 'Users', user('ann@example.com', { title: 'A' }));
    const stale = store.look('Users', ann);
    const entry = await entryOf(fixture, 'PATCH', `/Users/${ann}`, patch(set('title', 'B')));
    odd.bend(({ method }) => (method === 'GET' ? { status: 200, body: stale } : null));
    const run = await takeBack([entry]);
    assert.deepEqual([run.whole, told(run)], [false, [['nothing', 'nothing', 'title shown-late']]]);
  });

  it('writes by PUT where PATCH is not known, and activates who was deactivated by DELETE', async () => {
    odd = await startOddTarget('{ patch: none, deleteUser: deactivate }');
    const { fixture, store } = odd;
    odd.bend((call) => {
      if (call.method === 'PATCH') return { status: 501, body: null };
      if (call.method !== 'DELETE') return null;
      const id = call.path.split('/').at(-1) ?? '';
      const off = { ...(store.look('Users', id) as Record<string, Json>), active: false };
      store.handle('PUT', `/Users/${id}`, '', JSON.stringify(off));
      return { status: 204, body: null };
    });
    const ann = await make(
      fixture,
      'Users',
      user('ann@example.com', { title: 'A', [enterprise]: { department: 'x', costCenter: '7' } }),
    );
    const earlier = store.look('Users', ann);
    const ids = [
      await entryOf(
        fixture,
        'PATCH',
        `/Users/${ann}`,
        patch(set('title', 'B'), set(`${enterprise}:department`, 'y')),
      ),
      await entryOf(fixture, 'DELETE', `/Users/${ann}`),
    ];
    assert.equal(store.look('Users', ann)?.['active'], false);
    const run = await takeBack(ids);
    assert.deepEqual([run.whole, told(run)], [true, [['change', 'applied']]]);
    const { meta: _was, ...was } = earlier as Record<string, Json>;
    const { meta: _is, ...is } = store.look('Users', ann) as Record<string, Json>;
    assert.deepEqual(is, was);
  });

  it('works where success is 204 without a body', async () => {
    odd = await startOddTarget('{ patchAnswer: empty }');
    odd.bend((call) => {
      if (call.method === 'GET' || call.method === 'POST') return null;
      const { status } = serve(call);
      return { status: status < 300 ? 204 : status, body: null };
    });
    const { fixture, store } = odd;
    const ann = await make(fixture, 'Users', user('ann@example.com', { title: 'A' }));
    const entry = await entryOf(fixture, 'PATCH', `/Users/${ann}`, patch(set('title', 'B')));
    const run = await takeBack([entry]);
    assert.deepEqual([run.whole, store.look('Users', ann)?.['title']], [true, 'A']);
  });

  it('leaves a value that the target keeps in a form of its own', async () => {
    odd = await startOddTarget('{}');
    odd.bend((call) => {
      const body = (JSON.stringify(call.body) ?? '').replace(/"TITLE \w"/, (t) => t.toLowerCase());
      return serve({ ...call, body: call.body === null ? null : (JSON.parse(body) as unknown) });
    });
    const { fixture, store } = odd;
    const ann = await make(fixture, 'Users', user('ann@example.com', { title: 'TITLE A' }));
    const entry = await entryOf(fixture, 'PATCH', `/Users/${ann}`, patch(set('title', 'TITLE B')));
    const run = await takeBack([entry]);
    assert.deepEqual(told(run), [['nothing', 'nothing', 'title changed-since']]);
    assert.equal(store.look('Users', ann)?.['title'], 'title b');
  });

  it('says that members which the target hides stay as they are', async () => {
    odd = await startOddTarget('{ showsMembers: false }');
    odd.bend((call) => {
      const { status, body } = serve(call);
      const { members: _hidden, ...rest } = (body ?? {}) as Resource;
      return { status, body: body === null ? null : rest };
    });
    const { fixture } = odd;
    const ann = await make(fixture, 'Users', user('ann@example.com'));
    const crew = await make(fixture, 'Groups', group('crew'));
    const added = await entryOf(
      fixture,
      'PATCH',
      `/Groups/${crew}`,
      patch({ op: 'add', path: 'members', value: [{ value: ann }] }),
    );
    assert.deepEqual(told(await takeBack([added])), [['nothing', 'nothing', 'members secret']]);
    assert.deepEqual(odd.members(crew), [ann]);
    const gone = await entryOf(fixture, 'DELETE', `/Groups/${crew}`);
    assert.deepEqual(told(await takeBack([gone])), [
      ['recreate', 'applied', 'members secret', 'new-id'],
    ]);
  });

  it('stops at a target that is down in the middle, and a second run does the rest', async () => {
    odd = await startOddTarget('{}');
    const { fixture, store } = odd;
    const ids: string[] = [];
    const users: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      const id = await make(fixture, 'Users', user(`${name}@example.com`, { title: 'A' }));
      users.push(id);
      ids.push(await entryOf(fixture, 'PATCH', `/Users/${id}`, patch(set('title', 'B'))));
    }
    const { digest } = await planRollback(fixture, ids);
    let writes = 0;
    odd.bend(({ method }) => {
      if (method !== 'GET') writes += 1;
      return writes > 1 ? { status: 503, body: null } : null;
    });
    const first = await runRollback(fixture, ids, digest);
    assert.equal(first.whole, false);
    assert.equal(first.steps.filter(({ result }) => result.outcome === 'applied').length, 1);
    odd.bend(null);
    const titles = () =>
      users.map((id) => JSON.stringify(store.look('Users', id)?.['title'])).sort();
    assert.deepEqual(titles(), ['"A"', '"B"', '"B"']);
    const second = await takeBack(ids);
    assert.deepEqual(
      titles(),
      ['"A"', '"A"', '"A"'],
      JSON.stringify(second.steps.map(({ result }) => result)),
    );
  });
});
