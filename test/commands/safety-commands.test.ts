/** Freezes, protection and overrides on the command line, through a gateway and on the store alone. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { mainConfig, startFixture, targetToken, type Fixture } from '../support/fixture.ts';
import { runSallyport, type Ran } from '../support/sallyport-process.ts';
import { sqliteStore } from '../support/test-store.ts';
import { issueToken } from '../support/people.ts';

let fixture: Fixture;
const tokens = new Map<string, string>();
before(async () => {
  fixture = await startFixture({
    store: sqliteStore,
    config: (url) =>
      mainConfig(url)
        .replace(
          /people: \[.*\]/,
          'people: [{ name: ann@example.com, roles: [admin], until: 2099-12-31 }, { name: bob@example.com, roles: [approver], until: 2099-12-31 }]',
        )
        .replace(
          '    timeout: 5s\n',
          `    timeout: 5s
    tenant: suite
    protected: [{ name: glass, users: { ids: [id-1] }, never: [deactivate] }]
`,
        ),
  });
  for (const holder of ['ann@example.com', 'bob@example.com']) {
    tokens.set(holder, await issueToken(fixture, holder));
  }
});
after(() => fixture.stop());

/** As a person at the gateway, or on the store's files. */
const run = async (args: readonly string[], who: string | null): Promise<Ran> => {
  const where =
    who === null
      ? ['--config', fixture.configPath]
      : ['--admin', `http://127.0.0.1:${fixture.gateway.admin.port}`];
  const token = who === null ? {} : { SALLYPORT_ADMIN_TOKEN: tokens.get(who) as string };
  return runSallyport(
    [...args, ...where],
    { SANDBOX_TOKEN: targetToken, ...token },
    fixture.directory,
  );
};
const json = async (args: readonly string[], who: string | null): Promise<unknown> => {
  const { code, out, err } = await run([...args, '--json'], who);
  assert.equal(code, 0, `${args.join(' ')}: ${err}`);
  return JSON.parse(out);
};
const [ann, bob] = ['ann@example.com', 'bob@example.com'];
const ask = ['overrides', 'ask', 'full', '--tenant', 'suite', '--rule', 'glass', '--until', '2h'];

it('freezes and thaws by a name alone, and takes two people for an override', async () => {
  const frozen = await json(['freeze', 'full', '--reason', 'a leak'], ann);
  assert.deepEqual(frozen, { frozen: 'full', scope: 'client' });
  assert.deepEqual(await json(['thaw', 'full'], ann), { thawed: 'full', scope: 'client' });
  const several = await run(['freeze', 'sandbox', '--reason', 'a leak'], ann);
  assert.equal(several.code, 1);
  assert.match(several.err, /tenant suite, route sandbox/);

  const tenantless = ask.filter((word) => word !== '--tenant' && word !== 'suite');
  const missing = await run([...tenantless, '--reason', 'taken over'], ann);
  assert.equal(missing.err, 'tenant: it is needed, and is missing\n');

  const asked = (await json([...ask, '--reason', 'taken over'], ann)) as { id: string };
  await json(['overrides', 'approve', asked.id], bob);
  assert.match((await run(['overrides', 'list'], ann)).out, /in-force +suite +glass +full/);
  await json(['overrides', 'end', asked.id], ann);
});

it('shows and forgets on the store alone; an override needs names', async () => {
  const mark = { tenant: 'suite', rule: 'glass', word: 'users', id: 'id-1', at: 1_700_000_000_000 };
  await fixture.gateway.foundation.stores.protectionMarks.add([mark], null);
  await fixture.gateway.stop(2_000);
  assert.match((await run(['protection', 'list'], null)).out, /suite +glass +users +id-1 +\d{4}-/);
  const nameless = await run([...ask, '--reason', 'taken over'], null);
  assert.equal(nameless.code, 1);
  assert.match(nameless.err, /named people/);
  const forget = ['protection', 'forget', 'id-1', '--tenant', 'suite', '--rule', 'glass'];
  await json([...forget, '--reason', 'marked by mistake'], null);
  const { out } = await run(['ledger', 'export'], null);
  assert.match(out, /"act":"protection\.forget","actor":"local"/);
});
