/** A target that deviates from the RFC wherever it can: the gateway's answers stay right and honest. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { startFixture, type Answered, type Fixture } from '../support/fixture.ts';
import { startHostileTarget, type HostileTarget } from '../support/hostile-target.ts';
import { assertScimError, group, patch, user } from '../support/scim-calls.ts';

let target: HostileTarget;
let fixture: Fixture;

/** Several doors to one hostile system, each as its dialect says it is. */
const config = (base: string): string => {
  const store = `
store:
  url: sqlite:data/sallyport.db
  encryptionKeys: ["\${file:data/store.key}"]
  checkpoints: { key: "\${file:data/checkpoint.key}", every: 1m, to: [log] }`;
  const shared = `baseUrl: ${base}, allowPrivate: [127.0.0.0/8], timeout: 5s, tenant: hostile, retry: { attempts: 2 }`;
  const doors: readonly (readonly [name: string, dialect: string, route: string])[] = [
    ['plain', 'dialect: rfc', ''],
    ['verified', 'dialect: rfc', 'before: capture, verify: [users:update, users:deactivate],'],
    ['aws', 'dialect: aws-identity-center', 'before: capture,'],
    ['google', 'dialect: google', 'before: capture,'],
    ['snowflake', 'dialect: snowflake', ''],
    ['entra', 'dialect: entra', ''],
    ['keycloak', 'dialect: keycloak', ''],
    ['atlassian', 'dialect: atlassian', ''],
    [
      'posted',
      'knobs: { search: post, mediaType: application/json, accept: application/json, acceptOnDelete: false }',
      '',
    ],
  ];
  return `
version: 1
environment: test
server: { listen: 127.0.0.1:0 }
admin: { listen: 127.0.0.1:0, people: [] }${store}
clients:
  full: { owner: iam@example.com, purpose: everything, expires: 2099-12-31, auth: [{ apiKey: {} }] }
targets:
${doors.map(([name, dialect]) => `  ${name}: { ${shared}, ${dialect} }`).join('\n')}
permissions:
  all:
    users: { actions: [read, search, create, update, rename, recovery, activate, deactivate, delete] }
    groups: { actions: [read, search, create, update, delete, add-member, remove-member, replace-members] }
routes:
${doors.map(([name, , route]) => `  ${name}: { path: /${name}, scim: ${name}, ${route} grants: [{ client: full, use: all }] }`).join('\n')}
`;
};

before(async () => {
  target = await startHostileTarget();
  fixture = await startFixture({ config: () => config(target.url), clients: ['full'] });
});
after(async () => {
  await fixture.stop();
  await target.stop();
});
beforeEach(() => {
  for (const name of Object.keys(target.switches)) {
    delete target.switches[name as keyof typeof target.switches];
  }
});

const ask = (method: string, path: string, body?: unknown): Promise<Answered> =>
  fixture.ask(method, path, body === undefined ? {} : { body });
const filtered = (path: string, filter: string): Promise<Answered> =>
  ask('GET', `${path}?filter=${encodeURIComponent(filter)}`);

let count = 0;
const newUser = async (more: object = {}): Promise<string> => {
  count += 1;
  const created = await ask('POST', '/plain/Users', user(`u${count}@example.com`, more));
  assert.equal(created.status, 201, created.text);
  return String(created.body['id']);
};
const namesIn = (answered: Answered): readonly unknown[] => {
  assert.equal(answered.status, 200, answered.text);
  return (answered.body['Resources'] as { userName: string }[]).map(({ userName }) => userName);
};

describe('filters', () => {
  it('T20 a list of one synthetic user is never believed', async () => {
    const id = await newUser({ title: 'T20' });
    const { userName } = target.store.look('Users', id) as { userName: string };
    target.switches.synthetic = true;
    const asked = target.requests.length;
    assertScimError(await ask('GET', '/snowflake/Users'), 400, 'filter_malformed', {
      scimType: 'invalidFilter',
    });
    const malformed = await filtered('/snowflake/Users', 'title eq "T20"');
    assertScimError(malformed, 400, 'filter_malformed', { scimType: 'invalidFilter' });
    assert.equal(target.requests.length, asked, 'nothing was asked that cannot be answered');
    assert.deepEqual(namesIn(await ask('GET', '/snowflake/Users?count=1')), []);
    const found = await filtered(
      '/snowflake/Users',
      `userName eq "${userName}" and active eq true`,
    );
    assert.deepEqual(namesIn(found), [userName]);
    const other = await filtered(
      '/snowflake/Users',
      `userName eq "${userName}" and active eq false`,
    );
    assert.deepEqual(namesIn(other), []);
  });

  it('T20 C28 a look-up that the target answers with somebody else finds nobody', async () => {
    target.switches.synthetic = true;
    const found = await filtered(
      '/plain/Users',
      'emails[type eq "work" and value eq "x@example.com"]',
    );
    assert.deepEqual(namesIn(found), []);
    assert.equal(found.body['totalResults'], 0);
  });

  it('T26 a value path is asked in its dotted form and judged here, element by element', async () => {
    const value = `t26-${count}@example.com`;
    const id = await newUser({
      emails: [
        { type: 'work', value },
        { type: 'home', value: 'h@example.com' },
      ],
    });
    const { userName } = target.store.look('Users', id) as { userName: string };
    const found = await filtered(
      '/keycloak/Users',
      `emails[type eq "work" and value eq "${value}"]`,
    );
    assert.deepEqual(namesIn(found), [userName]);
    assert.match(
      decodeURIComponent(target.requests.at(-1)?.query ?? ''),
      /emails\.type eq "work" and/,
    );
    const crossed = await filtered(
      '/keycloak/Users',
      `emails[type eq "home" and value eq "${value}"]`,
    );
    assert.deepEqual(namesIn(crossed), [], 'two elements together do not match one value path');
  });

  it('T13 a page is as long as the target gives it, and says so', async () => {
    await ask('GET', '/atlassian/Users?count=1000&sortBy=userName');
    const query = new URLSearchParams(target.requests.at(-1)?.query);
    assert.equal(query.get('count'), '100');
    assert.equal(query.get('sortBy'), null);
  });

  it('T16 count=0 counts without a bad request', async () => {
    await newUser();
    target.switches.badRequests = true;
    const counted = await ask('GET', '/entra/Users?count=0');
    assert.deepEqual(namesIn(counted), []);
    assert.ok(Number(counted.body['totalResults']) > 0);
  });

  it('T15 pages of a target without pages are cut here', async () => {
    const value = `t15-${count}`;
    const ids = [await newUser({ title: value }), await newUser({ title: value })];
    const page = await ask(
      'GET',
      `/google/Users?filter=${encodeURIComponent(`title eq "${value}"`)}&startIndex=2&count=1`,
    );
    assert.equal(namesIn(page).length, 1, page.text);
    assert.equal(page.body['totalResults'], ids.length);
    assert.equal(page.body['startIndex'], 2);
    assert.equal(new URLSearchParams(target.requests.at(-1)?.query).get('startIndex'), null);
  });

  it('a filter goes out as POST .search where the target is asked so', async () => {
    target.switches.htmlNotFound = true;
    const found = await filtered('/posted/Users', 'userName eq "secret@example.com"');
    assertScimError(found, 502, 'target_unreachable');
    const sent = target.requests.at(-1);
    assert.equal(`${sent?.method} ${sent?.path}?${sent?.query}`, 'POST /Users/.search?');
    assert.match(sent?.body ?? '', /"filter":"userName eq \\"secret@example.com\\""/);
  });
});

describe('answers', () => {
  it('C34 an HTML 404 is no absence; only the target itself can say that', async () => {
    const gone = await ask('GET', '/plain/Users/nobody');
    assertScimError(gone, 404, 'target_refused');
    target.switches.htmlNotFound = true;
    assertScimError(await ask('GET', '/plain/Users/nobody'), 502, 'target_unreachable');
    const change = patch({ op: 'replace', path: 'title', value: 'x' });
    const changed = await ask('PATCH', '/plain/Users/nobody', change);
    assert.equal(changed.status, 502, changed.text);
  });

  it('T16 an unknown id that is answered 400 is a 404, another 400 is none', async () => {
    target.switches.badRequests = true;
    assertScimError(await ask('GET', '/entra/Users/nobody'), 404, 'target_refused');
    assertScimError(await ask('GET', '/plain/Users/nobody'), 400, 'target_refused');
  });

  it('T13 a 404 for a user says that a deactivated one looks the same', async () => {
    const detail = assertScimError(
      await ask('GET', '/atlassian/Users/nobody'),
      404,
      'target_refused',
    );
    assert.match(detail, /deactivated users too/);
    const other = assertScimError(
      await ask('GET', '/atlassian/Groups/none'),
      404,
      'target_refused',
    );
    assert.doesNotMatch(other, /deactivated/);
  });

  it('T14 an empty answer to a PATCH is completed by a read', async () => {
    const id = await newUser();
    target.switches.emptyPatch = true;
    const changed = await ask(
      'PATCH',
      `/google/Users/${id}`,
      patch({ op: 'replace', path: 'title', value: 'T14' }),
    );
    assert.equal(changed.status, 200, changed.text);
    assert.equal(changed.body['title'], 'T14');
    const asked = patch({ op: 'replace', path: 'title', value: 'x' });
    const named = await ask('PATCH', `/plain/Users/${id}?attributes=title`, asked);
    assert.equal(named.status, 200, 'RFC 7644 §3.5.2: attributes asked for are answered');
    assert.equal(named.body['title'], 'x');
  });

  it('T31 T33 a success without effect is found by reading back, and said', async () => {
    const id = await newUser();
    target.switches.pretends = ({ method }) => method === 'PATCH';
    const asked = patch({ op: 'replace', path: 'active', value: false });
    const refused = await ask('PATCH', `/verified/Users/${id}`, asked);
    const detail = assertScimError(refused, 502, 'target_refused', {
      outcome: 'in-doubt',
      ledgerId: String(refused.headers['sallyport-ledger-id']),
    });
    assert.match(detail, /does not hold/);
    assert.match(detail, /active/, 'the differing paths are named');
  });

  it('T4 members that are never shown are unknown, not none', async () => {
    const id = await newUser();
    const made = await ask('POST', '/plain/Groups', group(`T4 ${count}`, [id]));
    const groupId = String(made.body['id']);
    target.switches.hidesMembers = true;
    const added = await ask(
      'PATCH',
      `/aws/Groups/${groupId}`,
      patch({ op: 'add', path: 'members', value: [{ value: id }] }),
    );
    assert.ok(added.status < 300, added.text);
    assert.equal(
      target.mutations.at(-1)?.method,
      'PATCH',
      'an add is sent, whatever the answer shows',
    );
    const { ledger } = fixture.gateway.context;
    const entry = await ledger.show(String(added.headers['sallyport-ledger-id']) as never);
    assert.ok(entry?.body !== null && entry?.body !== undefined);
    assert.ok(
      !Object.keys(Object(entry.body.before)).includes('members'),
      'no before-image of members',
    );
    assert.equal(entry.body.expected, null, 'nothing that a read-back could prove');
  });

  it('a storm of 429 is passed on with its Retry-After, and ends', async () => {
    const id = await newUser();
    target.switches.storm = { left: 1, retryAfter: '1' };
    const read = await ask('GET', `/plain/Users/${id}`);
    assert.equal(read.status, 200, 'a read is asked again');
    target.switches.storm = { left: 1, retryAfter: '7' };
    const asked = patch({ op: 'replace', path: 'title', value: 'storm' });
    const refused = await ask('PATCH', `/plain/Users/${id}`, asked);
    assert.equal(refused.status, 429, refused.text);
    assert.equal(refused.headers['retry-after'], '7');
    const done = await ask('PATCH', `/plain/Users/${id}`, asked);
    assert.ok(done.status < 300, done.text);
  });

  it('T9 T16 media types are those the target takes', async () => {
    const id = await newUser();
    await ask('PATCH', `/posted/Users/${id}`, patch({ op: 'replace', path: 'title', value: 'T9' }));
    const sent = target.requests.at(-1)?.incoming.headers;
    assert.equal(sent?.['content-type'], 'application/json');
    assert.equal(sent?.accept, 'application/json');
    const gone = await ask('DELETE', `/posted/Users/${id}`);
    assert.equal(gone.status, 204, gone.text);
    assert.equal(target.requests.at(-1)?.incoming.headers.accept, undefined);
  });
});
