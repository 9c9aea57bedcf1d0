/**
 * kill -9 and holds: what waits is on disk before its client hears of it, an approved change that was on
 * its way goes out once, and under another configuration everything is decided anew.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { request } from 'undici';
import {
  campaignConfig,
  issueKeyOf,
  issueLoadKey,
  makeHome,
  startGatewayProcess,
  targetAndRoute,
  type GatewayProcess,
} from '../campaigns/gateway-process.ts';
import { newUser } from '../campaigns/load-client.ts';
import { startUsersTarget } from '../campaigns/users-target.ts';
import { readFile, writeFile } from 'node:fs/promises';
import { errorExtension, patch } from '../support/scim-calls.ts';
import { storeForTests } from '../support/test-store.ts';

const deactivation = patch({ op: 'replace', path: 'active', value: false });
const person = (name: string): string =>
  `{ name: ${name}@example.com, roles: [viewer, approver], until: 2099-12-31 }`;

const configOf = (target: string): string =>
  campaignConfig(
    targetAndRoute(
      'users',
      target,
      ', settleAfter: 10ms, timeout: 3s, guards: [{ name: leave, actions: ["users:deactivate"], count: 1, in: 1h, per: tenant, by: 2 }]',
    ),
    { admin: `, people: [${person('alice')}, ${person('bob')}]` },
  );

type Asked = Readonly<{ status: number; body: Record<string, unknown> }>;

test('what waits outlives kill -9 and a change of the configuration, and is decided anew', async () => {
  let arrived: (id: string) => void = () => {};
  const target = await startUsersTarget({
    arrived: ({ method, path }) => {
      if (method === 'PATCH') arrived(path);
    },
  });
  // The second gateway settles for the first as soon as that one's lease has ended.
  const store = await storeForTests({ lease: '4s' });
  const home = await makeHome(configOf(target.url), store);
  try {
    const load = await issueLoadKey(home);
    const tokens = {
      alice: await issueKeyOf(home, 'people', 'alice@example.com'),
      bob: await issueKeyOf(home, 'people', 'bob@example.com'),
    };
    let gateway: GatewayProcess = await startGatewayProcess(home);
    const ask = async (
      url: string,
      bearer: string,
      method: string,
      body?: object,
    ): Promise<Asked> => {
      const answer = await request(url, {
        method: method as 'GET',
        headers: {
          authorization: `Bearer ${bearer}`,
          ...(body === undefined
            ? {}
            : {
                'content-type': url.includes('/api/')
                  ? 'application/json'
                  : 'application/scim+json',
              }),
        },
        body: body === undefined ? null : JSON.stringify(body),
      });
      return {
        status: answer.statusCode,
        body: (await answer.body.json()) as Record<string, unknown>,
      };
    };
    const leave = (id: string): Promise<Asked> =>
      ask(`${gateway.data}/scim/users/Users/${id}`, load, 'PATCH', deactivation);
    const admin = (who: keyof typeof tokens, path: string, body?: object): Promise<Asked> =>
      ask(`${gateway.admin}/api/v1${path}`, tokens[who], body === undefined ? 'GET' : 'POST', body);
    const approve = async (who: keyof typeof tokens, id: string) => {
      const { status, body } = await admin(who, '/holds/approve', { ids: [id] });
      assert.equal(status, 200, JSON.stringify(body));
      const [one] = body as unknown as Readonly<Record<string, unknown>>[];
      return one ?? {};
    };
    const stateOf = async (id: string): Promise<unknown> =>
      (await admin('bob', `/holds/${id}`)).body['state'];

    const ids: string[] = [];
    for (const name of ['first', 'sent', 'kept', 'barred', 'asked']) {
      const url = `${gateway.data}/scim/users/Users`;
      const made = await ask(url, load, 'POST', newUser(`${name}@example.com`));
      assert.equal(made.status, 201, JSON.stringify(made.body));
      ids.push(String(made.body['id']));
    }
    const [first = '', sent = '', ...others] = ids;
    assert.equal((await leave(first)).status, 200);
    const holdOf = async (id: string): Promise<string> => {
      const { status, body } = await leave(id);
      assert.equal(status, 403, JSON.stringify(body));
      const told = body[errorExtension] as Record<string, string>;
      assert.equal(told['code'], 'mutation_held');
      return String(told['holdId']);
    };
    const onItsWay = await holdOf(sent);
    const [kept = '', barred = '', asked = ''] = await Promise.all(others.map(holdOf));
    for (const id of [kept, barred, asked]) {
      assert.equal((await approve('alice', id))['note'], '1 of 2 approvals');
    }
    // It dies with the approved change at the target's door.
    assert.equal((await approve('alice', onItsWay))['note'], '1 of 2 approvals');
    arrived = () => {
      process.kill(gateway.pid, 'SIGKILL');
      arrived = () => {};
    };
    await assert.rejects(approve('bob', onItsWay));
    await gateway.end('SIGKILL');
    await target.idle();

    const file = await readFile(home.configPath, 'utf8');
    const barring = `, when: 'after.userName != "barred@example.com"' } }`;
    const changed = file.replace(/ \} \}$/m, barring);
    assert.notEqual(changed, file);
    await writeFile(home.configPath, changed);
    gateway = await startGatewayProcess(home);
    try {
      const until = Date.now() + 30_000;
      while ((await stateOf(onItsWay)) !== 'released') assert.ok(Date.now() < until);
      const sentTimes = (id: string): number =>
        target.arrivals().filter(({ method, path }) => method === 'PATCH' && path.endsWith(id))
          .length;
      assert.equal(sentTimes(sent), 1, 'one send, whoever died');
      const again = await approve('alice', onItsWay);
      assert.deepEqual([again['ok'], again['state']], [false, 'released']);

      const listed = (await admin('bob', '/holds')).body as unknown as Record<string, unknown>[];
      assert.deepEqual(
        new Set(listed.map(({ id }) => id)),
        new Set([kept, barred, asked]),
        'all that its client was told of waits still',
      );
      // Alice's word was for the configuration before.
      for (const id of [kept, barred]) {
        assert.equal((await approve('bob', id))['note'], '1 of 2 approvals');
      }
      assert.deepEqual((await approve('alice', kept))['state'], 'released');
      assert.equal(sentTimes(others[0] as string), 1);
      // What the new configuration forbids is not let out, whoever approves.
      const refused = await approve('alice', barred);
      assert.deepEqual(
        [refused['ok'], refused['state']],
        [false, 'rejected'],
        JSON.stringify(refused),
      );
      assert.match(String(refused['note']), /^it was not let out: condition_denied \(.*when\)$/);
      assert.equal(sentTimes(others[1] as string), 0);
      // The client that comes again joins what waits.
      assert.equal(await holdOf(others[2] as string), asked);
      assert.equal(await stateOf(asked), 'pending');
      assert.equal(sentTimes(others[2] as string), 0);
    } finally {
      await gateway.end('SIGTERM');
    }
  } finally {
    await target.stop();
    await home.remove();
    await store.drop();
  }
});
