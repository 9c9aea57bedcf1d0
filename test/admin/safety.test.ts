/** Freezes by name alone, protection and overrides over HTTP: who may, what is recorded, what is shown. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import { assertScimError, base, user } from '../support/scim-calls.ts';
import { issueToken } from '../support/people.ts';

const people = {
  'ann@example.com': ['operator'],
  'bob@example.com': ['approver'],
  'iam@example.com': ['approver'],
  'root@example.com': ['admin'],
};
type Name = keyof typeof people;

const config = (url: string): string =>
  mainConfig(url)
    .replace(
      /people: \[.*\]/,
      `people: [${Object.entries(people)
        .map(
          ([name, roles]) => `{ name: ${name}, roles: [${roles.join(', ')}], until: 2099-12-31 }`,
        )
        .join(', ')}]`,
    )
    .replace(
      '    timeout: 5s\n',
      `    timeout: 5s
    tenant: suite
    protected: [{ name: glass, users: { ids: [id-1] }, never: [deactivate] }]
`,
    )
    // A client and a tenant of one name.
    .replace(
      '  stranger:',
      '  suite: { owner: x@example.com, purpose: a name of two, expires: 2099-12-31, auth: [{ apiKey: {} }] }\n  stranger:',
    );

describe('acts of safety', () => {
  let fixture: Fixture;
  const tokens = new Map<string, string>();
  before(async () => {
    fixture = await startFixture({ config });
    for (const holder of Object.keys(people)) {
      tokens.set(holder, await issueToken(fixture, holder));
    }
  });
  after(() => fixture.stop());

  const ask = async (
    method: 'GET' | 'POST',
    path: string,
    who: Name,
    body?: object,
  ): Promise<Readonly<{ status: number; body: Record<string, unknown> }>> => {
    const answer = await fetch(`http://127.0.0.1:${fixture.gateway.admin.port}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${tokens.get(who)}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const acts = async (): Promise<readonly Record<string, unknown>[]> => {
    const found: Record<string, unknown>[] = [];
    for await (const line of fixture.gateway.context.exportLedger({ format: 'ndjson' })) {
      const row = JSON.parse(line) as Record<string, unknown>;
      found.push(row);
    }
    return found;
  };
  const recorded = async (text: string): Promise<boolean> =>
    (await acts()).some((row) => JSON.stringify(row).replaceAll('\\', '').includes(text));
  const freezesCheck = async () => {
    const answer = await fetch(`http://127.0.0.1:${fixture.gateway.admin.port}/readyz?verbose`);
    const { checks } = (await answer.json()) as {
      checks: readonly { name: string; ok: boolean; detail: string }[];
    };
    return checks.find(({ name }) => name === 'freezes');
  };

  for (const [name, scope, frozen, told] of [
    ['full', 'client', 'full', /client/],
    ['sandbox', null, null, /several things: tenant suite, route sandbox/],
    ['suite', null, null, /several things: tenant suite, client suite/],
    ['nobody', null, null, /No tenant, target, client or route/],
  ] as const) {
    it(`freezes ${name} by its name alone: ${scope ?? 'says why not'}`, async () => {
      const answer = await ask('POST', '/freezes', 'ann@example.com', {
        name,
        reason: 'a leak of Jane Doe',
      });
      if (scope === null) {
        assert.equal(answer.status, 400);
        assert.match(String(answer.body['detail']), told);
        assert.deepEqual(fixture.gateway.context.freezes.current(), []);
        return;
      }
      assert.deepEqual([answer.status, answer.body], [200, { frozen, scope }]);
      assert.ok(await recorded('freezes.freeze'));
      const refused = await fixture.ask('POST', `${base}/Users`, { body: user('x@example.com') });
      const detail = assertScimError(refused, 503, 'target_frozen');
      assert.match(detail, told);
      assert.ok(!detail.includes('Jane'), 'a reason may name people');
      const check = await freezesCheck();
      assert.deepEqual([check?.ok], [false]);
      assert.match(String(check?.detail), /^client full since \d{4}-\d\d-\d\dT/);
      assert.ok(!String(check?.detail).includes('Jane'));
      const thawed = await ask('POST', '/freezes/thaw', 'ann@example.com', { name });
      assert.deepEqual([thawed.status, thawed.body], [200, { thawed: frozen, scope }]);
      assert.equal((await freezesCheck())?.ok, true);
      assert.equal((await ask('POST', '/freezes/thaw', 'ann@example.com', { name })).status, 400);
    });
  }

  it('tells a tenant and a route by their scopes, and thaws what is frozen by its name', async () => {
    const freeze = (scope: string, name: string) =>
      ask('POST', '/freezes', 'ann@example.com', { scope, name, reason: 'maintenance' });
    for (const [scope, name, told] of [
      ['tenant', 'suite', /its tenant is frozen/],
      ['route', 'sandbox', /on this route/],
    ] as const) {
      assert.equal((await freeze(scope, name)).status, 200);
      const refused = await fixture.ask('POST', `${base}/Users`, { body: user('y@example.com') });
      assert.match(assertScimError(refused, 503, 'target_frozen'), told);
      assert.equal((await fixture.ask('GET', `${base}/Users?count=1`)).status, 200, 'reads go on');
      assert.equal((await ask('POST', '/freezes/thaw', 'ann@example.com', { name })).status, 200);
    }
    const unknown = await freeze('client', 'ful');
    assert.equal(unknown.status, 200, 'what is not configured yet may be frozen');
    assert.match(String(unknown.body['warning']), /No client of that name is configured/);
    assert.equal(
      (await ask('POST', '/freezes/thaw', 'ann@example.com', { name: 'ful' })).status,
      200,
    );
    // A freeze of what is not configured any more can be lifted by its name, too.
    await freeze('client', 'former');
    const thawed = await ask('POST', '/freezes/thaw', 'ann@example.com', { name: 'former' });
    assert.deepEqual(thawed.body, { thawed: 'former', scope: 'client' });
  });

  it('lists rules and marks; only an admin takes one away, with a reason, and it is recorded', async () => {
    const mark = { tenant: 'suite', rule: 'glass', word: 'users', id: 'id-1' };
    const { stores } = fixture.gateway.foundation;
    await stores.protectionMarks.add([{ ...mark, at: 1_700_000_000_000 }], null);
    const rules = await ask('GET', '/protection/rules', 'ann@example.com');
    assert.equal(rules.status, 403, 'an operator is no viewer');
    const seen = await ask('GET', '/protection/rules?tenant=suite', 'root@example.com');
    assert.equal(seen.status, 200);
    const [rule] = seen.body as unknown as readonly Record<string, unknown>[];
    assert.deepEqual([rule?.['rule'], rule?.['word'], rule?.['marks']], ['glass', 'users', 1]);
    const listed = await ask('GET', '/protection?rule=glass', 'root@example.com');
    const [first] = listed.body as unknown as readonly Record<string, unknown>[];
    assert.deepEqual([first?.['id'], first?.['tenant']], ['id-1', 'suite']);
    assert.match(String(first?.['since']), /^\d{4}-\d\d-\d\dT/);

    const forget = (who: Name, body: object) => ask('POST', '/protection/forget', who, body);
    assert.equal((await forget('ann@example.com', { ...mark, reason: 'mistaken' })).status, 403);
    assert.equal((await forget('root@example.com', mark)).status, 400, 'without a reason');
    const gone = await forget('root@example.com', { ...mark, reason: 'marked by mistake' });
    assert.equal(gone.status, 200, JSON.stringify(gone.body));
    assert.equal((await forget('root@example.com', { ...mark, reason: 'again' })).status, 400);
    assert.ok(await recorded('protection.forget'));
  });

  it('takes two people for an override, and neither may be the owner of the client', async () => {
    const wish = {
      tenant: 'suite',
      rule: 'glass',
      client: 'full',
      subject: 'id-1',
      until: '2h',
      reason: 'the account is taken over',
    };
    const asked = await ask('POST', '/overrides', 'ann@example.com', wish);
    assert.equal(asked.status, 200, JSON.stringify(asked.body));
    assert.equal(asked.body['state'], 'asked');
    const { id } = asked.body;
    const approve = (who: Name) => ask('POST', `/overrides/${String(id)}/approve`, who, {});
    assert.equal((await approve('ann@example.com')).status, 403, 'an operator is no approver');
    assert.equal((await approve('iam@example.com')).status, 403, 'the owner');
    const approved = await approve('bob@example.com');
    assert.deepEqual(
      [approved.status, approved.body['state'], approved.body['approvedBy']],
      [200, 'in-force', 'bob@example.com'],
    );
    assert.equal((await approve('root@example.com')).status, 400, 'once');
    const listed = await ask('GET', '/overrides', 'root@example.com');
    const [first] = listed.body as unknown as readonly Record<string, unknown>[];
    assert.deepEqual([first?.['id'], first?.['by']], [id, 'ann@example.com']);
    const ended = await ask('POST', `/overrides/${String(id)}/end`, 'ann@example.com', {});
    assert.deepEqual([ended.status, ended.body], [200, { ended: id }]);
    for (const act of ['overrides.ask', 'overrides.approve', 'overrides.end']) {
      assert.ok(await recorded(act), act);
    }
    for (const [more, detail] of [
      [{ until: '25h' }, /24 hours/],
      [{ until: 'soon' }, /duration/],
      [{ rule: 'none' }, /No rule/],
      [{ client: 'none' }, /no such client/],
    ] as const) {
      const refused = await ask('POST', '/overrides', 'ann@example.com', { ...wish, ...more });
      assert.equal(refused.status, 400);
      assert.match(String(refused.body['detail']), detail);
    }
  });
});
