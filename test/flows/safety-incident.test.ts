/**
 * The day a sync goes wrong: it suspends 400 of 500 people at a real SCIM server. 25 go out, 375 wait; an
 * approver sees the batch, lets 12 out and rejects the rest. Who must leave at once is not delayed.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import { startFixture, targetToken, type Answered, type Fixture } from '../support/fixture.ts';
import { commandLineOf, tokenOf, withPeople, type AtCommandLine } from '../support/people.ts';
import { changesSeen, deactivation, errorIn, holdOf, withRules } from '../support/safety-scene.ts';
import { base, user } from '../support/scim-calls.ts';

const population = 500;
const suspended = 400;
const limit = 25;
const released = 12;
const rule = 'guards.mass-leave';

const config = withRules({
  target: `    guards:
      - { name: mass-leave, actions: [users:deactivate, users:delete], count: ${limit}, in: 1h, per: tenant }
`,
  grants: '      - { client: leavers, users: { actions: [read, deactivate] }, urgent: 5/h }\n',
  clients:
    '  leavers: { owner: sec@example.com, purpose: out within the minute, expires: 2099-12-31, auth: [{ apiKey: {} }] }\n',
  change: (text) =>
    withPeople(text, { alice: ['viewer', 'operator', 'approver'], watch: ['viewer'] }),
});

type Row = Readonly<Record<string, unknown>>;

/** Runs `act` for each, eight at a time; results in the order of what was given. */
const eightAtOnce = async <Item, Result>(
  items: readonly Item[],
  act: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> => {
  const results: Result[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const at = next;
      next += 1;
      results[at] = await act(items[at] as Item);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return results;
};

describe('a sync that suspends four of five', () => {
  let fixture: Fixture;
  let alice: AtCommandLine;
  let ids: readonly string[];
  before(async () => {
    fixture = await startFixture({ config, clients: ['full', 'leavers'] });
    alice = commandLineOf(fixture, await tokenOf(fixture, 'alice'));
    // They were there before the gateway was.
    ids = await eightAtOnce(
      Array.from({ length: population }, (_, at) => at),
      async (at) => {
        const answer = await request(`${fixture.sandbox.url}/Users`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${targetToken}`,
            'content-type': 'application/scim+json',
          },
          body: JSON.stringify(user(`person${at}@example.com`)),
        });
        return ((await answer.body.json()) as { id: string }).id;
      },
    );
  });
  after(() => fixture.stop());

  const leave = (id: string, client = 'full'): Promise<Answered> =>
    fixture.ask('PATCH', `${base}/Users/${id}`, {
      body: deactivation,
      key: fixture.keys[client] as string,
    });
  const inactive = (): ReadonlySet<string> =>
    new Set(
      fixture.sandbox
        .stored('User')
        .filter(({ active }) => active === false)
        .map(({ id }) => String(id)),
    );
  const answers = new Map<string, Answered>();
  const urgent: Readonly<{ answer: Answered; syncAsked: number }>[] = [];
  let sixth: string;

  it('stops at the guard, and the urgent leavers go past it', async () => {
    assert.equal(fixture.sandbox.stored('User').length, population);
    const seen = changesSeen(fixture);
    const leavers = ids.slice(suspended, suspended + 6);
    let asked = 0;
    /** The one whose turn it is in the midst of the sync, once the window is full. */
    const leaveUrgently = async (): Promise<void> => {
      const id = leavers.pop() as string;
      const answer = await leave(id, 'leavers');
      urgent.push({ answer, syncAsked: asked });
    };
    await eightAtOnce(ids.slice(0, suspended), async (id) => {
      asked += 1;
      const turn = asked;
      answers.set(id, await leave(id));
      if (turn % 70 === 60) await leaveUrgently();
    });
    assert.equal(urgent.length, 5);
    for (const { answer, syncAsked } of urgent) {
      assert.equal(answer.status, 200, answer.text);
      assert.ok(syncAsked < suspended, 'the sync was still at it');
    }
    // The sixth within the hour is like any other.
    sixth = leavers[0] as string;
    holdOf(await leave(sixth, 'leavers'), rule);
    const all = [...answers.values()];
    assert.equal(all.filter(({ status }) => status === 200).length, limit);
    const held = all.filter(({ status }) => status === 403).map((each) => holdOf(each, rule));
    assert.equal(new Set(held).size, suspended - limit);
    assert.equal(changesSeen(fixture) - seen, limit + 5);
    assert.equal(inactive().size, limit + 5);
    assert.ok(!inactive().has(sixth));
  });

  it('shows the batch to whoever decides, and to a viewer without values', async () => {
    const batches = await alice.json<readonly Row[]>('holds', 'batches');
    const batch = batches.find(({ client }) => client === 'full');
    assert.deepEqual(
      [batch?.['pending'], batch?.['rule'], batch?.['actions'], batch?.['route']],
      [suspended - limit, rule, 'users:deactivate', 'sandbox'],
    );
    // The leaver of the other client waits beside it, not in it.
    assert.equal(batches.find(({ client }) => client === 'leavers')?.['pending'], 1);
    const told = await alice.run('holds', 'batches');
    assert.equal(told.code, 0, told.err);
    assert.match(told.out, /375/);
    const listed = await alice.json<readonly Row[]>(
      'holds',
      'list',
      '--batch',
      String(batch?.['batch']),
      '--limit',
      '1000',
    );
    assert.equal(listed.length, suspended - limit);
    const id = String(listed[0]?.['id']);
    const shown = await alice.run('holds', 'show', id);
    assert.match(shown.out, /- active = true\n\s+\+ active = false/);
    assert.match(shown.out, /guards\.mass-leave/);
    const watch = commandLineOf(fixture, await tokenOf(fixture, 'watch'));
    const plain = await watch.run('holds', 'show', id);
    assert.equal(plain.code, 0, plain.err);
    assert.doesNotMatch(plain.out, /active = |person\d/);
    const refused = await watch.run('holds', 'approve', id);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /approver/);
  });

  it('lets twelve out and never the rest; the server and the ledger agree', async () => {
    const batches = await alice.json<readonly Row[]>('holds', 'batches');
    const batch = String(batches.find(({ client }) => client === 'full')?.['batch']);
    const some = await alice.json<readonly Row[]>(
      'holds',
      'approve',
      '--batch',
      batch,
      '--limit',
      String(released),
    );
    assert.deepEqual(
      some.map(({ state, outcome }) => [state, outcome]),
      Array.from({ length: released }, () => ['released', 'applied']),
    );
    const rest = await alice.json<readonly Row[]>(
      'holds',
      'reject',
      '--batch',
      batch,
      '--reason',
      'the source was empty',
    );
    assert.equal(rest.length, suspended - limit - released);
    assert.ok(rest.every(({ state }) => state === 'rejected'));
    const now = inactive();
    assert.equal(ids.slice(0, suspended).filter((id) => now.has(id)).length, limit + released);
    assert.equal(now.size, limit + released + 5);

    const rows = await alice.json<readonly Row[]>('ledger', 'list', '--limit', '1000');
    const by = (client: string, decision: string) =>
      rows.filter((row) => row['client'] === client && row['decision'] === decision);
    const sent = by('full', 'allow');
    assert.equal(sent.length, limit + released);
    assert.ok(sent.every(({ outcome }) => outcome === 'applied'));
    assert.equal(sent.filter(({ hold }) => hold !== null).length, released);
    const subjects = sent.map(({ resource }) => (resource as { id: string }).id);
    assert.deepEqual(
      new Set(subjects),
      new Set(ids.slice(0, suspended).filter((id) => now.has(id))),
    );
    assert.equal(by('full', 'hold').length, suspended - limit);
    assert.equal(by('leavers', 'allow').length, 5);
    assert.equal(by('leavers', 'hold').length, 1);
    const acts = [];
    for await (const line of fixture.gateway.context.exportLedger({ format: 'ndjson' })) {
      if (/holds\.(approve|reject)/.test(line)) acts.push(line);
    }
    assert.ok(acts.length >= 2, 'who decided is recorded');
    assert.ok(acts.every((line) => line.includes('alice@example.com')));
    assert.ok((await fixture.gateway.context.ledger.list({ limit: 1 })).length > 0);
  });

  it('hears of it when it comes again, and nothing more goes out', async () => {
    const seen = changesSeen(fixture);
    const still = ids.slice(0, suspended).filter((id) => !inactive().has(id));
    const again = await eightAtOnce(still.slice(0, 40), (id) => leave(id));
    for (const answer of again) assert.equal(errorIn(answer)['code'], 'action_denied', answer.text);
    assert.equal(changesSeen(fixture), seen);
    assert.ok(!inactive().has(sixth), 'the sixth still waits for a person');
    assert.equal((await alice.json<readonly Row[]>('holds', 'list')).length, 1);
  });
});
