/** Other doors to a change that safety forbids: adoption, spellings of a path, a Bulk, a trial. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import { startOddTarget, type OddTarget } from '../support/odd-target.ts';
import { errorIn, withRules } from '../support/safety-scene.ts';
import { base, group, make, user } from '../support/scim-calls.ts';

describe('doors that come to the same change by another way', () => {
  let doors: OddTarget;
  let safe = '';
  const trial = {
    clients: `  both: { owner: iam@example.com, purpose: on trial, expires: 2099-12-31, auth: [{ apiKey: {} }] }
`,
    target: `    tenant: doors
    knobs: { conflict: adopt }
    guards:
      - { name: leave, actions: [users:deactivate, users:delete], count: 2, in: 1h }
    protected:
      - { name: glass, users: { userName: ["breakglass@*"] }, never: [deactivate, delete] }
    privileged: { groups: ["*-owners"] }
`,
    route: `    bulk: { operations: 20 }
    approval: { required: [groups:delete], by: 1 }
`,
    grants: '      - { client: both, use: provision, mode: shadow, until: 2099-01-01 }\n',
  };
  before(async () => {
    doors = await startOddTarget(
      '{}',
      (text) => withRules(trial)(/baseUrl: (\S+)/.exec(text)?.[1] ?? ''),
      ['full', 'both'],
    );
    safe = await make(doors.fixture, 'Users', user('breakglass@example.com'));
    const states = await doors.fixture.gateway.context.safety.resolve();
    assert.ok(!isRefusal(states));
  });
  after(() => doors.stop());
  const active = (id: string): unknown => doors.store.look('Users', id)?.['active'];

  it('adopts nobody into what guards or protection forbid', async () => {
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      ids.push(await make(doors.fixture, 'Users', user(`${name}@example.com`)));
    }
    const create = (name: string) =>
      doors.fixture.ask('POST', `${base}/Users`, { body: user(name, { active: false }) });
    const glassed = await create('breakglass@example.com');
    assert.equal(glassed.status, 409, glassed.text);
    assert.equal(active(safe), true);
    const told: number[] = [];
    for (const name of ['a', 'b', 'c']) told.push((await create(`${name}@example.com`)).status);
    assert.deepEqual(told, [201, 201, 403]);
    assert.deepEqual(ids.map(active), [false, false, true]);
  });

  it('reads one id behind every spelling of a path, in a Bulk as well', async () => {
    const escaped = `%${safe.charCodeAt(0).toString(16)}${safe.slice(1)}`;
    for (const path of [`/Users/${escaped}`, `/users/${safe}/`, `/USERS/${safe}`]) {
      const answer = await doors.fixture.ask('DELETE', `${base}${path}`);
      assert.equal(errorIn(answer)['code'], 'subject_protected', path);
      const Operations = [{ method: 'DELETE', path }];
      const schemas = ['urn:ietf:params:scim:api:messages:2.0:BulkRequest'];
      const all = await doors.fixture.ask('POST', `${base}/Bulk`, {
        body: { schemas, Operations },
      });
      assert.ok(all.status >= 400, all.text);
    }
    assert.equal(active(safe), true);
  });

  it('lets a trial past guards alone', async () => {
    const key = doors.fixture.keys['both'] as string;
    const own = await make(doors.fixture, 'Groups', group('own'));
    const asTrial = (method: string, path: string) =>
      doors.fixture.ask(method, `${base}${path}`, { key });
    assert.equal(errorIn(await asTrial('DELETE', `/Users/${safe}`))['code'], 'subject_protected');
    const held = errorIn(await asTrial('DELETE', `/Groups/${own}`));
    assert.deepEqual([held['code'], held['rule']], ['mutation_held', 'routes.sandbox.approval']);
    const privileged = await doors.fixture.ask('POST', `${base}/Groups`, {
      key,
      body: group('my-owners'),
    });
    assert.equal(errorIn(privileged)['code'], 'action_denied');
  });
});
