/** C14: a client reads its own values again as long as the target holds our normal form of them. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import { base, make, must, patch, read, user } from '../support/scim-calls.ts';

type Shown = Record<string, unknown> & {
  userName: string;
  emails: readonly { value: string; type: string }[];
};

/** As `full` on the same target and with the same rights, on a route without a profile. */
const twoRoutes = (url: string): string => `${mainConfig(url)}  plain:
    path: /scim/plain
    scim: sandbox
    before: needed
    grants:
      - { client: full, use: provision }
      - { client: reader, users: { actions: [read, search] } }
`;

describe('C14: values as they were sent', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({ config: twoRoutes });
  });
  after(() => fixture.stop());

  const sent = (name: string) => ({
    userName: `${name}@Example.COM`,
    emails: [{ value: `${name}@Example.COM`, type: 'work' }],
  });
  const normal = (name: string) => `${name.toLowerCase()}@example.com`;
  const shown = async (id: string, ask = {}): Promise<Shown> =>
    (await must(fixture, 'GET', `/Users/${id}`, ask)).body as Shown;
  const elsewhere = async (id: string, body: object) => {
    const changed = await fixture.ask('PATCH', `/scim/plain/Users/${id}`, { body });
    assert.equal(changed.status, 200, changed.text);
  };

  it('come back in answers to writes, reads, lists and look-ups; others see what is held', async () => {
    const made = await must(fixture, 'POST', '/Users', { body: user('', sent('Ann')) });
    const id = String(made.body['id']);
    const filter = encodeURIComponent('userName eq "Ann@Example.COM"');
    const lists = await Promise.all(
      ['', `?filter=${filter}`].map(async (query) => {
        const { body } = await must(fixture, 'GET', `/Users${query}`);
        return (body['Resources'] as readonly Shown[]).find((each) => each['id'] === id);
      }),
    );
    const changed = await must(fixture, 'PATCH', `/Users/${id}`, {
      body: patch({ op: 'replace', path: 'title', value: 'T' }),
    });
    for (const each of [made.body, await shown(id), ...lists, changed.body]) {
      assert.equal(each?.['userName'], 'Ann@Example.COM');
      assert.deepEqual((each as Shown).emails, sent('Ann').emails);
    }
    const stored = fixture.sandbox.stored('User').find((each) => each['id'] === id);
    assert.equal(stored?.['userName'], normal('Ann'));
    const other = await shown(id, { key: fixture.keys['reader'] });
    assert.equal(other.userName, normal('Ann'));
    const plain = await fixture.ask('GET', `/scim/plain/Users/${id}`);
    assert.equal(
      plain.body['userName'],
      normal('Ann'),
      'a route without a profile shows what is held',
    );
  });

  it('end where somebody else changes the value, and where the client sends another', async () => {
    const id = await make(fixture, 'Users', user('', sent('Bob')));
    await elsewhere(id, patch({ op: 'replace', path: 'userName', value: 'robert@example.com' }));
    assert.equal((await shown(id)).userName, 'robert@example.com');
    assert.deepEqual((await shown(id)).emails, sent('Bob').emails);
    await elsewhere(id, patch({ op: 'replace', path: 'userName', value: normal('Bob') }));
    assert.equal((await shown(id)).userName, 'Bob@Example.COM', 'it is held again');
    await must(fixture, 'PATCH', `/Users/${id}`, {
      body: patch({ op: 'replace', path: 'userName', value: 'BOBBY@example.com' }),
    });
    await elsewhere(id, patch({ op: 'replace', path: 'userName', value: normal('Bob') }));
    assert.equal((await shown(id)).userName, normal('Bob'), 'the older form is forgotten');
    await must(fixture, 'PATCH', `/Users/${id}`, { body: patch({ op: 'remove', path: 'emails' }) });
    const emails = [{ value: 'Bob@example.com', type: 'work' }];
    await elsewhere(id, patch({ op: 'add', path: 'emails', value: emails }));
    assert.deepEqual((await shown(id)).emails, emails);
  });

  it('are learned where nothing needs to be sent, and stay out of projections and read lists', async () => {
    const created = await fixture.ask('POST', '/scim/plain/Users', {
      body: user(normal('Cid')),
    });
    const id = String(created.body['id']);
    const written = fixture.sandbox.seen().length;
    const same = await must(fixture, 'PATCH', `/Users/${id}`, {
      body: patch({ op: 'replace', path: 'userName', value: 'CID@example.com' }),
    });
    assert.equal(fixture.sandbox.seen().length, written, 'nothing was sent');
    assert.equal(same.body['userName'], 'CID@example.com');
    assert.equal((await shown(id)).userName, 'CID@example.com');
    const projected = await must(fixture, 'GET', `/Users/${id}?attributes=active`);
    assert.equal(projected.body['userName'], undefined);
  });

  it('end the loop of a client that compares and updates: its second round writes nothing', async () => {
    const source = ['Dan', 'Eve', 'Fay'].map((name) => ({
      ...sent(name),
      externalId: name,
      displayName: ` ${name} `,
    }));
    /** Creates who is missing, updates who differs, as a synchroniser does; gives its writes. */
    const round = async (): Promise<number> => {
      let writes = 0;
      for (const wanted of source) {
        const filter = encodeURIComponent(`externalId eq "${wanted.externalId}"`);
        const found = await must(fixture, 'GET', `/Users?filter=${filter}`);
        const [there] = found.body['Resources'] as readonly Shown[];
        const differs =
          there !== undefined &&
          Object.entries(wanted).some(
            ([name, value]) => JSON.stringify(there[name]) !== JSON.stringify(value),
          );
        if (there !== undefined && !differs) continue;
        writes += 1;
        const body = user('', wanted);
        if (there === undefined) await must(fixture, 'POST', '/Users', { body });
        else await must(fixture, 'PUT', `/Users/${String(there['id'])}`, { body });
      }
      return writes;
    };
    assert.deepEqual([await round(), await round(), await round()], [3, 0, 0]);
  });

  it('never reach the target, the ledger or a before-image', async () => {
    const id = await make(fixture, 'Users', user('', sent('Gus')));
    const title = patch({ op: 'replace', path: 'title', value: 'T' });
    const done = await must(fixture, 'PATCH', `/Users/${id}`, { body: title });
    assert.equal((await read(fixture, 'Users', id))['userName'], 'Gus@Example.COM');
    const entry = await fixture.gateway.foundation.ledger.show(
      done.headers['sallyport-ledger-id'] as never,
    );
    const text = JSON.stringify(entry);
    assert.ok(text.includes(normal('Gus')) && !text.includes('Gus@Example.COM'));
    const again = await fixture.ask('GET', `${base}/Users/${id}`);
    assert.equal(
      again.headers['etag'],
      (await fixture.ask('GET', `/scim/plain/Users/${id}`)).headers['etag'],
    );
  });
});
