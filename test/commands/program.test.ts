/** The command line as people use it: processes, exit codes, files, a running gateway and none. */
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startSandbox, type Sandbox } from '../../src/demo/sandbox.ts';
import { bulk, post } from '../support/bulk-calls.ts';
import { mainConfig, targetToken } from '../support/fixture.ts';
import {
  runSallyport,
  serveSallyport,
  type Env,
  type Ran,
  type Serving,
} from '../support/sallyport-process.ts';
import { group, user } from '../support/scim-calls.ts';

const scimJson = 'application/scim+json';

describe('the command line', () => {
  let sandbox: Sandbox;
  let directory: string;
  const started: Serving[] = [];
  const env: Env = { SANDBOX_TOKEN: targetToken };
  const serve = async (): Promise<Serving> => {
    const serving = await serveSallyport(['--config', config()], env, directory);
    started.push(serving);
    return serving;
  };
  const config = (): string => join(directory, 'gateway.yaml');
  const run = async (args: readonly string[], more: Env = {}): Promise<Ran> => {
    const ran = await runSallyport(args, { ...env, ...more }, directory);
    for (const text of [ran.out, ran.err])
      assert.ok(!text.includes(targetToken), 'a secret is shown');
    return ran;
  };
  /** A command that must succeed; gives its JSON. */
  const json = async (args: readonly string[], more: Env = {}): Promise<unknown> => {
    const { code, out, err } = await run([...args, '--config', config(), '--json'], more);
    assert.equal(code, 0, `${args.join(' ')}: ${err}`);
    return JSON.parse(out);
  };
  const writeConfig = (change: (text: string) => string = (text) => text): Promise<void> =>
    writeFile(config(), change(mainConfig(sandbox.url)));
  const token = async (
    args: readonly string[],
  ): Promise<Readonly<{ token: string; id: string }>> => {
    const issued = (await json(args)) as { token: string; key: { id: string } };
    return { token: issued.token, id: issued.key.id };
  };

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sallyport-commands-'));
    sandbox = await startSandbox({ port: 0, token: targetToken });
  });
  after(async () => {
    for (const serving of started) serving.signal('SIGKILL');
    await sandbox.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('inits a folder once, overwriting nothing', async () => {
    const first = await run(['init', directory]);
    assert.equal(first.code, 0, first.err);
    assert.equal(first.out.match(/^wrote /gm)?.length, 4);
    const key = await readFile(join(directory, 'data/store.key'), 'utf8');
    const again = await run(['init', directory]);
    assert.equal(again.out.match(/^kept /gm)?.length, 4);
    assert.equal(await readFile(join(directory, 'data/store.key'), 'utf8'), key);
    assert.equal((await run(['check', '--config', config()])).code, 0);
  });

  it('exits 2 for wrong usage and 1 for what is refused', async () => {
    for (const args of [
      ['nonsense'],
      ['serve', '--nonsense'],
      ['keys'],
      ['keys', 'issue'],
      ['explain', 'GET'],
    ]) {
      assert.equal((await run(args)).code, 2, args.join(' '));
    }
    assert.equal((await run(['--help'])).code, 0);
    assert.equal((await run(['check', '--config', 'missing.yaml'])).code, 1);
    await writeConfig();
    const unknown = await run(['keys', 'issue', 'nobody', '--config', config()]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /no such client/);
  });

  it('serves, is refused a second time on the same store, drains on SIGTERM', async () => {
    await writeConfig();
    const { token: key } = await token(['keys', 'issue', 'full']);
    const serving = await serve();
    const made = await fetch(`${serving.data}/scim/sandbox/Users`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': scimJson },
      body: JSON.stringify(user('cli@example.com')),
    });
    assert.equal(made.status, 201);
    const second = await run(['serve', '--config', config()]);
    assert.equal(second.code, 1);
    assert.match(second.err, /ledger_unavailable/);
    assert.match(second.err, /a gateway runs on this store/);
    const listed = await run(['ledger', 'list', '--config', config()]);
    assert.equal(listed.code, 1, 'state is asked of the gateway while it runs');
    assert.equal((await fetch(`${serving.admin}/readyz`)).status, 200);
    assert.equal((await fetch(`${serving.admin}/livez`)).status, 200);
    const many = Array.from({ length: 20 }, (_, index) =>
      fetch(`${serving.data}/scim/sandbox/Users`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': scimJson },
        body: JSON.stringify(user(`drain${index}@example.com`)),
      }).then(
        ({ status }) => status,
        () => 'cut',
      ),
    );
    const first = await Promise.race(many);
    assert.equal(first, 201);
    serving.signal('SIGTERM');
    const statuses = await Promise.all(many);
    assert.ok(
      statuses.every((status) => status === 201 || status === 503 || status === 'cut'),
      statuses.join(),
    );
    assert.equal(await serving.ended, 0);
    for (const line of serving.lines) assert.ok(!JSON.stringify(line).includes(key));
    const rows = (await json(['ledger', 'list', '--limit', '100'])) as { outcome: string }[];
    const applied = rows.filter(({ outcome }) => outcome === 'applied').length;
    assert.equal(applied, sandbox.stored('User').length, 'every drained call has its outcome');
    assert.equal(rows.filter(({ outcome }) => outcome === null).length, 0);
  });

  it("works on a running gateway with a person's token, by role", async () => {
    await writeConfig();
    const person = await token(['people', 'issue', 'alice@example.com']);
    const serving = await serve();
    try {
      const admin = ['--admin', serving.admin];
      const asAlice = { SALLYPORT_ADMIN_TOKEN: person.token };
      const { code, out } = await run(['keys', 'issue', 'full', ...admin, '--json'], asAlice);
      assert.equal(code, 0);
      const issued = JSON.parse(out) as { token: string; key: { id: string } };
      const call = () =>
        fetch(`${serving.data}/scim/sandbox/Users?count=1`, {
          headers: { authorization: `Bearer ${issued.token}` },
        });
      assert.equal((await call()).status, 200);
      assert.equal((await run(['ledger', 'list', ...admin], {})).code, 1, 'no token');
      const wrong = await run(['ledger', 'list', ...admin], {
        SALLYPORT_ADMIN_TOKEN: issued.token,
      });
      assert.equal(wrong.code, 1, "a client's key is no person's token");
      const list = await run(['ledger', 'list', ...admin, '--json'], asAlice);
      const rows = JSON.parse(list.out) as { id: string; client: string }[];
      assert.ok(rows.length > 0 && rows.every(({ client }) => client === 'full'));
      const shown = await run(['ledger', 'show', String(rows[0]?.id), ...admin], asAlice);
      assert.equal(shown.code, 0, shown.err);
      assert.equal((await run(['ledger', 'verify', ...admin], asAlice)).code, 0);
      const role = await run(['people', 'issue', 'alice@example.com', ...admin], asAlice);
      assert.equal(role.code, 1);
      assert.match(role.err, /role admin/);
      const revoked = await run(['keys', 'revoke', issued.key.id, ...admin], asAlice);
      assert.equal(revoked.code, 0, revoked.err);
      assert.equal((await call()).status, 401);
    } finally {
      serving.signal('SIGTERM');
      await serving.ended;
    }
  });

  it('lists, shows, exports and verifies offline; a touched export is found out', async () => {
    const rows = (await json(['ledger', 'list', '--limit', '1'])) as { id: string }[];
    const shown = (await json(['ledger', 'show', String(rows[0]?.id)])) as { row: { id: string } };
    assert.equal(shown.row.id, rows[0]?.id);
    const plain = await run(['ledger', 'list', '--config', config()]);
    assert.match(plain.out, /^id +at +client/);
    assert.equal((await run(['ledger', 'show', 'led_nonsense', '--config', config()])).code, 1);
    const exported = await run(['ledger', 'export', '--format', 'ndjson', '--config', config()]);
    assert.equal(exported.code, 0, exported.err);
    const file = join(directory, 'export.ndjson');
    await writeFile(file, exported.out);
    const pem = await readFile(join(directory, 'data/checkpoint.key'), 'utf8');
    const publicKey = join(directory, 'checkpoint.pub');
    const shownKey = createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'pem' });
    await writeFile(publicKey, shownKey);
    const offline = ['ledger', 'verify', '--file', file, '--public-key', publicKey];
    const good = await run(offline);
    assert.equal(good.code, 0, good.out + good.err);
    assert.match(good.out, /^verified: /);
    await writeFile(file, exported.out.replace('"client":"full"', '"client":"Full"'));
    const bad = await run(offline);
    assert.equal(bad.code, 1);
    assert.match(bad.out, /^NOT verified/);
    const ocsf = await run(['ledger', 'export', '--format', 'ocsf', '--config', config()]);
    assert.equal(ocsf.code, 0);
    for (const line of ocsf.out.trimEnd().split('\n'))
      assert.ok('class_uid' in (JSON.parse(line) as object));
  });

  it('rotates and revokes keys without a gateway, recorded as local', async () => {
    const { id } = await token(['keys', 'issue', 'reader', '--expires', '30d']);
    const rotated = (await json(['keys', 'rotate', 'reader', '--overlap', '1h'])) as {
      ending: string[];
    };
    assert.deepEqual(rotated.ending, [id]);
    assert.equal((await run(['keys', 'revoke', id, '--config', config()])).code, 0);
    assert.equal((await run(['keys', 'revoke', 'nonsense', '--config', config()])).code, 1);
    const keys = (await json(['keys', 'list'])) as {
      id: string;
      standing: boolean;
      issuedBy: string;
    }[];
    const mine = keys.find((key) => key.id === id);
    assert.equal(mine?.standing, false);
    assert.equal(mine?.issuedBy, 'local');
    assert.ok(!JSON.stringify(keys).includes('hash'));
  });

  it('starts with the last good file where the present one is bad, unless strict', async () => {
    await writeConfig((text) => `${text}\nnonsense: true\n`);
    const strict = await run(['serve', '--strict', '--config', config()]);
    assert.equal(strict.code, 1);
    assert.match(strict.err, /gateway\.yaml:\d+:\d+: /);
    const serving = await serve();
    const ready = (await (await fetch(`${serving.admin}/readyz?verbose`)).json()) as {
      ready: boolean;
      checks: { name: string; ok: boolean; detail: string }[];
    };
    assert.equal(ready.ready, true);
    const check = ready.checks.find(({ name }) => name === 'config');
    assert.equal(check?.ok, false);
    assert.match(check?.detail ?? '', /last good/);
    assert.ok(serving.lines.some(({ event }) => event === 'config.last-good'));
    serving.signal('SIGTERM');
    assert.equal(await serving.ended, 0);
    await writeConfig();
  });

  it('explains a call without sending it', async () => {
    const body = join(directory, 'body.json');
    await writeFile(body, JSON.stringify(user('Explained@Example.com')));
    const count = sandbox.seen().length;
    const args = ['explain', '--client', 'full', 'POST', '/scim/sandbox/Users', '--body', body];
    const facts = (await json(args)) as {
      decision: string;
      calls: { body: { userName: string } }[];
    };
    assert.equal(facts.decision, 'allow');
    assert.equal(facts.calls[0]?.body.userName, 'explained@example.com');
    const denied = await run([
      'explain',
      '--client',
      'reader',
      'DELETE',
      '/scim/sandbox/Users/1',
      '--config',
      config(),
    ]);
    assert.equal(denied.code, 1);
    assert.equal(sandbox.seen().length, count);
  });

  it('explains each operation of a Bulk, in the order in which they would run', async () => {
    const body = join(directory, 'bulk.json');
    await writeFile(
      body,
      JSON.stringify(
        bulk([
          post('a', '/Groups', group('a', ['bulkId:b'])),
          post('b', '/Groups', group('b', ['bulkId:a'])),
          { method: 'DELETE', path: '/Users/1' },
        ]),
      ),
    );
    const args = ['POST', '/scim/sandbox/Bulk', '--body', body];
    const facts = (await json(['explain', '--client', 'full', ...args])) as Explained;
    assert.equal(facts.decision, 'allow');
    assert.deepEqual(
      facts.operations.map(({ position, actions, addedLater, calls }) => [
        position,
        actions,
        addedLater,
        calls.length,
      ]),
      [
        [2, ['groups:create'], ['a'], 1],
        [1, ['groups:create', 'groups:add-member'], [], 1],
        [3, ['users:delete'], [], 1],
      ],
    );
    const denied = await run(['explain', '--client', 'reader', ...args, '--config', config()]);
    assert.equal(denied.code, 1);
    assert.match(denied.out, /deny/);
  });
});

type Explained = Readonly<{
  decision: string;
  operations: readonly Readonly<{
    position: number;
    actions: readonly string[];
    addedLater: readonly string[];
    calls: readonly unknown[];
  }>[];
}>;
