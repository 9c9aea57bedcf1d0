/** Changes of one resource take effect in the order they came, and none is lost among many. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import { base, group, make, membersOf, patch, read, user } from '../support/scim-calls.ts';

describe('many changes at once', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({
      // On a busy machine 200 changes in a row may take longer than the 20 s a turn is waited for.
      config: (url) =>
        mainConfig(url).replace('timeout: 5s', 'timeout: 5s\n    limits: { wait: 2m }'),
    });
  });
  after(() => fixture.stop());

  it('50 concurrent changes of one user are recorded and take effect one after another', async () => {
    const id = await make(fixture, 'Users', user('busy@example.com'));
    const count = fixture.sandbox.seen().length;
    const titles = Array.from({ length: 50 }, (_, index) => `T${index}`);
    const answers = await Promise.all(
      titles.map((title) =>
        fixture.ask('PATCH', `${base}/Users/${id}`, {
          body: patch({ op: 'replace', path: 'title', value: title }),
        }),
      ),
    );
    // Each answer shows its own change: nobody else's came between it and its read of the target.
    answers.forEach((answer, index) => {
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.body['title'], titles[index]);
    });
    const seen = fixture.sandbox
      .seen()
      .slice(count)
      .map(({ ledgerId }) => String(ledgerId));
    assert.equal(seen.length, 50);
    assert.deepEqual(seen, [...seen].sort(), 'the target saw them in the order of the ledger');
    const last = answers.find((answer) => answer.headers['sallyport-ledger-id'] === seen.at(-1));
    assert.equal((await read(fixture, 'Users', id))['title'], last?.body['title']);
  });

  it('200 parallel additions of one member each leave 200 members', async () => {
    const id = await make(fixture, 'Groups', group('app-crowd'));
    const members = Array.from({ length: 200 }, (_, index) => `member-${index}`);
    const answers = await Promise.all(
      members.map((value) =>
        fixture.ask('PATCH', `${base}/Groups/${id}`, {
          body: patch({ op: 'Add', path: 'members', value: [{ value }] }),
        }),
      ),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.deepEqual(await membersOf(fixture, id), [...members].sort());
  });

  it('creates of one name at once make one user', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        fixture.ask('POST', `${base}/Users`, {
          // The same call would be one call sent again: see replays.test.ts.
          body: user('once@example.com', { title: `T${index}` }),
        }),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort((a, b) => a - b);
    assert.deepEqual(statuses, [201, ...Array.from({ length: 19 }, () => 409)]);
  });
});
