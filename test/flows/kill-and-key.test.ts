/** kill -9 between intent and answer: the retry under the same key never makes a second resource. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { request } from 'undici';
import {
  campaignConfig,
  issueLoadKey,
  makeHome,
  startGatewayProcess,
  targetAndRoute,
} from '../campaigns/gateway-process.ts';
import { newUser } from '../campaigns/load-client.ts';
import { startUsersTarget } from '../campaigns/users-target.ts';
import { storeForTests } from '../support/test-store.ts';

test('a gateway killed while it creates is asked again under the same key', async () => {
  let kill: () => void = () => {};
  const target = await startUsersTarget({ arrived: () => kill() });
  const settings = ', settleAfter: 10ms, timeout: 3s';
  // The second gateway settles for the first as soon as that one's lease has ended.
  const store = await storeForTests({ lease: '4s' });
  const home = await makeHome(campaignConfig(targetAndRoute('users', target.url, settings)), store);
  try {
    const token = await issueLoadKey(home);
    const create = async (gateway: { data: string }, name = 'ann@example.com') => {
      const response = await request(`${gateway.data}/scim/users/Users`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/scim+json',
          'idempotency-key': 'made-once',
        },
        body: JSON.stringify(newUser(name)),
      });
      const { statusCode: status, headers } = response;
      return { status, headers, body: (await response.body.json()) as Record<string, unknown> };
    };
    const first = await startGatewayProcess(home);
    kill = () => {
      process.kill(first.pid, 'SIGKILL');
      kill = () => {};
    };
    await assert.rejects(create(first));
    await first.end('SIGKILL');
    await target.idle();

    const second = await startGatewayProcess(home);
    try {
      const other = await create(second, 'bob@example.com');
      assert.equal(other.status, 422, 'the key is known after the kill');
      // In doubt until it was read back twice, then as it was made or not.
      let again = await create(second);
      const until = Date.now() + 60_000;
      while (again.status !== 201 && Date.now() < until) {
        const ours = again.body['urn:sallyport:error'] as Record<string, unknown>;
        assert.ok(again.status === 502 || again.status === 504, String(again.status));
        assert.equal(ours['outcome'], 'in-doubt');
        again = await create(second);
        if (!target.arrivals()[0]?.changed) break;
      }
      const made = target.arrivals();
      assert.equal(made.length, 1, 'nothing went out a second time');
      if (made[0]?.changed === true) {
        assert.equal(again.status, 201, JSON.stringify(again.body));
        assert.equal(again.body['id'], 'u1');
        assert.equal(again.headers['sallyport-ledger-id'], made[0].ledgerId);
        assert.equal(again.headers['idempotency-replayed'], 'true');
      }
    } finally {
      await second.end('SIGTERM');
    }
  } finally {
    await target.stop();
    await home.remove();
    await store.drop();
  }
});
