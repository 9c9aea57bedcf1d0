/** A secret of a webhook route that cannot be had: it refuses a start, and closes its route at a reload. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import { localPerson } from '../../src/admin/operation.ts';
import { adminOperations } from '../../src/admin/operations.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import { hookConfig, hookEnv, hookSecret, standardMessage } from '../support/hooks.ts';
import { base } from '../support/scim-calls.ts';

const nowhere = 'http://127.0.0.1:9';

it('a start without the secret is refused, and says where', async () => {
  const { HOOK_SECRET: _, ...env } = hookEnv;
  await assert.rejects(startFixture({ config: hookConfig(nowhere), env }), (error: unknown) => {
    const { problems } = error as { problems?: readonly string[] };
    assert.equal(problems?.length, 1);
    assert.match(
      problems[0] ?? '',
      /HOOK_SECRET is not set \(routes\.hr\.webhook\.secrets\[0\]\)$/,
    );
    return true;
  });
});

describe('a gateway that runs', () => {
  let fixture: Fixture;
  const file = () => join(fixture.directory, 'data/hook.key');
  before(async () => {
    fixture = await startFixture({ config: hookConfig(nowhere), env: hookEnv });
    await writeFile(file(), `${hookSecret}\n`);
    await fixture.rewrite((text) => text.replace('${env:HOOK_SECRET}', '${file:data/hook.key}'));
    await fixture.gateway.reload();
  });
  after(() => fixture.stop());

  const statusOf = async (id: string): Promise<number> => {
    const message = standardMessage({ id, at: Date.now(), body: '{"type":"x","user":"a"}' });
    return (await fixture.ask('POST', '/hooks/hr', message)).status;
  };

  it('closes the route alone while the secret is gone, and opens it when it is back', async () => {
    assert.equal(await statusOf('msg_1'), 202);
    await rm(file());
    await fixture.gateway.reload();
    assert.deepEqual(fixture.gateway.status().problems, []);
    assert.equal(await statusOf('msg_2'), 503);
    assert.equal((await fixture.ask('GET', `${base}/Users?count=1`)).status, 200);
    await writeFile(file(), `${hookSecret}\n`);
    await fixture.gateway.reload();
    assert.equal(await statusOf('msg_2'), 202);
  });

  it('makes no key for the client that plans act as', async () => {
    const issue = adminOperations.find(({ name }) => name === 'keys.issue');
    assert.ok(issue !== undefined);

    const made = await issue.run(fixture.gateway.context, localPerson, {
      holder: 'plan-leaver',
    } as never);
    assert.ok(isRefusal(made));
    assert.match(made.detail, /auth: internal/);
  });
});
