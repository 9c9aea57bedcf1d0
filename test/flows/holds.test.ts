/**
 * Changes that wait for people, with a whole gateway: held, shown, approved and rejected over the admin
 * API and the command line, released once, through a restart and a change of the configuration.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { makeHoldsDesk } from '../../src/holds/holds-desk.ts';
import type { LedgerId } from '../../src/ids.ts';
import { silentObserver } from '../../src/telemetry/observe.ts';
import { mainConfig, startFixture, type Answered, type Fixture } from '../support/fixture.ts';
import { runInProcess } from '../support/run-program.ts';
import { base, errorExtension, patch, user } from '../support/scim-calls.ts';
import { issueToken } from '../support/people.ts';

const people = ['alice', 'bob', 'carol', 'viewer'] as const;
type Name = (typeof people)[number];

const config = (url: string): string =>
  mainConfig(url)
    .replace(
      'people: [{ name: alice@example.com,',
      `people: [${people
        .slice(1)
        .map(
          (name) =>
            `{ name: ${name}@example.com, roles: [${name === 'viewer' ? 'viewer' : 'viewer, operator, approver'}], until: 2099-12-31 }`,
        )
        .join(', ')}, { name: alice@example.com,`,
    )
    .replace('full: { owner: iam@example.com,', 'full: { owner: carol@example.com,')
    .replace(
      '    before: capture\n',
      '    before: capture\n    approval: { required: [users:deactivate, users:delete], by: 1 }\n',
    );

describe('a change that waits for people', () => {
  let fixture: Fixture;
  const tokens = new Map<Name, string>();
  before(async () => {
    fixture = await startFixture({ config, deps: { watch: true } });
    for (const name of people) {
      tokens.set(name, await issueToken(fixture, `${name}@example.com`));
    }
  });
  after(() => fixture.stop());

  const run = (name: Name, ...args: string[]) =>
    runInProcess([...args, '--admin', `http://127.0.0.1:${fixture.gateway.admin.port}`], {
      SALLYPORT_ADMIN_TOKEN: String(tokens.get(name)),
    });
  const json = async (name: Name, ...args: string[]) => {
    const ran = await run(name, ...args, '--json');
    return { code: ran.code, err: ran.err, value: JSON.parse(ran.out || 'null') as unknown };
  };
  const approve = async (name: Name, id: string, ...more: string[]) => {
    const { code, value, err } = await json(name, 'holds', 'approve', id, ...more);
    const [decided] = (value ?? []) as Record<string, unknown>[];
    return { code, err, ...decided } as { code: number; err: string } & Record<string, string>;
  };
  const heldId = (answered: Answered): string => {
    assert.equal(answered.status, 403, answered.text);
    const { code, holdId } = answered.body[errorExtension] as Record<string, string>;
    assert.equal(code, 'mutation_held');
    assert.match(holdId ?? '', /^hld_/);
    return holdId as string;
  };
  let made = 0;
  const newUser = async (): Promise<string> => {
    made += 1;
    const body = user(`held-${made}@example.com`);
    const { status, text, body: answer } = await fixture.ask('POST', `${base}/Users`, { body });
    assert.equal(status, 201, text);
    return String(answer['id']);
  };
  const write = (id: string, path: string, value: unknown) =>
    fixture.ask('PATCH', `${base}/Users/${id}`, { body: patch({ op: 'replace', path, value }) });
  const off = (id: string) => write(id, 'active', false);
  const read = async (id: string) => (await fixture.ask('GET', `${base}/Users/${id}`)).body;
  const active = async (id: string): Promise<unknown> => (await read(id))['active'];

  it('is held, shown to those who decide, and let out once by somebody else', async () => {
    const id = await newUser();
    const hold = heldId(await off(id));
    assert.equal(await active(id), true);
    assert.equal(heldId(await off(id)), hold);
    const listed = await json('viewer', 'holds', 'list');
    const [row] = listed.value as Record<string, unknown>[];
    assert.deepEqual([row?.['id'], row?.['calls'], row?.['state']], [hold, 2, 'pending']);
    assert.deepEqual([row?.['about'], row?.['resourceId']], [null, null]);
    const named = await run('bob', 'holds', 'list', '--subjects');
    assert.match(named.out, /about\n(.*\n)*hld_.* held-1@example\.com\n/);
    assert.match(
      (await run('viewer', 'holds', 'list', '--subjects')).err,
      /operators and approvers/,
    );
    const shown = await run('bob', 'holds', 'show', hold);
    assert.match(shown.out, /^about +"held-1@example\.com"$/m);
    assert.match(
      shown.out,
      new RegExp(`^next +holds approve ${hold} --version [0-9a-f]{12}$`, 'm'),
    );
    assert.match(shown.out, /- active = true\n\s+\+ active = false/);
    assert.match(shown.out, /carol@example.com +owner of the client/);
    const plain = await run('viewer', 'holds', 'show', hold);
    assert.ok(!plain.out.includes(id) && plain.out.includes('shown to operators and approvers'));
    const owner = await approve('carol', hold);
    assert.equal(owner.code, 1);
    assert.match(String(owner['note']), /owner of the client/);
    assert.match((await run('viewer', 'holds', 'approve', hold)).err, /role approver/);
    const done = await approve('bob', hold);
    assert.deepEqual([done.code, done['state'], done['outcome']], [0, 'released', 'applied']);
    assert.equal(await active(id), false);
    const entry = await fixture.gateway.context.ledger.show(done['entry'] as LedgerId);
    assert.equal(entry?.row.client, 'full');
    const again = await approve('bob', hold);
    assert.deepEqual([again.code, again['note']], [1, 'it was released already']);
  });

  it('does not go out where the resource changed since, and then with what is there now', async () => {
    const id = await newUser();
    const hold = heldId(await off(id));
    assert.equal((await write(id, 'title', 'CTO')).status, 200);
    const first = await approve('bob', hold);
    assert.deepEqual([first.code, first['state']], [1, 'pending']);
    assert.equal(await active(id), true);
    const second = await approve('bob', hold);
    assert.equal(second['state'], 'released', JSON.stringify(second));
    assert.deepEqual([await active(id), (await read(id))['title']], [false, 'CTO']);
  });

  it('survives a restart, and another configuration asks anew', async () => {
    const id = await newUser();
    const approvals = async (from: number, to: number): Promise<void> => {
      await fixture.rewrite((text) => text.replace(`by: ${from} }`, `by: ${to} }`));
      await fixture.gateway.reload();
    };
    await approvals(1, 2);
    const hold = heldId(await off(id));
    // Fewer are asked for by now, but not of what was held before.
    await approvals(2, 1);
    await fixture.restart(systemClock);
    assert.equal((await approve('bob', hold))['note'], '1 of 2 approvals');
    await fixture.rewrite((text) => text.replace('rate: 60/m', 'rate: 59/m'));
    await fixture.gateway.reload();
    // Bob's word was for the configuration before.
    assert.equal((await approve('alice', hold))['note'], '1 of 2 approvals');
    assert.equal(await active(id), true);
    assert.equal((await approve('bob', hold))['state'], 'released');
    assert.equal(await active(id), false);
  });

  it('goes out once where its gateway died between the approval and the release', async () => {
    const id = await newUser();
    const hold = heldId(await off(id));
    const { foundation, context } = fixture.gateway;
    // The last word is on disk, and then nothing more happens.
    const desk = makeHoldsDesk({
      ...context,
      store: foundation.stores.holds,
      keyRing: foundation.keyRing,
      observer: silentObserver,
      issuersOf: () => Promise.resolve([]),
      changedBy: () => Promise.resolve(null),
      endOf: () => Promise.resolve(null),
      release: () => Promise.resolve(null),
    });
    const [decided] = await desk.approve([hold], { name: 'bob@example.com', local: false }, null);
    assert.equal(decided?.state, 'approved');
    await fixture.restart(systemClock);
    while ((await active(id)) !== false);
    const [row] = (await json('bob', 'holds', 'list', '--state', 'all')).value as Record<
      string,
      unknown
    >[];
    assert.deepEqual([row?.['id'], row?.['state']], [hold, 'released']);
    const { value } = await json('bob', 'ledger', 'list', '--subject', id);
    const entries = (value as Record<string, unknown>[]).filter(
      (entry) => entry['hold'] === hold && entry['decision'] === 'allow',
    );
    assert.equal(entries.length, 1);
  });

  it('is not approved by whoever applied a change of what its client may do', async () => {
    const id = await newUser();
    const hold = heldId(await off(id));
    // It widens, so it waits for a person.
    await fixture.rewrite((text) =>
      text.replace('activate, deactivate, delete]', 'activate, deactivate, delete, entitle]'),
    );
    while (fixture.gateway.status().waiting === null) await active(id);
    const applied = await run('alice', 'config', 'apply');
    assert.equal(applied.code, 0, applied.err);
    const refused = await approve('alice', hold);
    assert.match(String(refused['note']), /last changed what this client may do/);
    assert.equal((await approve('bob', hold))['state'], 'released');
    assert.equal(await active(id), false);
  });

  it('is rejected for good, with a reason, and the call that comes again hears so', async () => {
    const id = await newUser();
    const hold = heldId(await off(id));
    const rejected = await run('bob', 'holds', 'reject', hold, '--reason', 'wrong person');
    assert.equal(rejected.code, 0, rejected.err);
    const again = await off(id);
    assert.equal(again.status, 403);
    assert.equal((again.body[errorExtension] as Record<string, string>)['code'], 'action_denied');
    assert.equal(await active(id), true);
  });

  it('goes out in part: twelve of a batch, and the rest never', async () => {
    const ids: string[] = [];
    for (let each = 0; each < 15; each += 1) {
      const id = await newUser();
      heldId(await off(id));
      ids.push(id);
    }
    const { value } = await json('bob', 'holds', 'batches');
    const [batch] = value as Record<string, string>[];
    assert.equal(batch?.['pending'], 15);
    const name = String(batch?.['batch']);
    const some = await json('bob', 'holds', 'approve', '--batch', name, '--limit', '12');
    assert.equal((some.value as unknown[]).length, 12, some.err);
    const rest = await run('bob', 'holds', 'reject', '--batch', name, '--reason', 'a broken sync');
    assert.equal(rest.code, 0, rest.err);
    const states = await Promise.all(ids.map(active));
    assert.deepEqual(
      states,
      ids.map((_, at) => at >= 12),
    );
    assert.deepEqual((await json('bob', 'holds', 'list', '--batch', name)).value, []);
  });
});
