/** Who may not pass is refused as interface.md §3 says, and nothing of it reaches the target. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startFixture, type Answered, type Fixture } from '../support/fixture.ts';
import {
  assertScimError,
  base,
  errorExtension,
  group,
  make,
  must,
  patch,
  user,
} from '../support/scim-calls.ts';

const extensionOf = ({ body }: Answered) => body[errorExtension] as Record<string, unknown>;

describe('refusals', () => {
  let fixture: Fixture;
  let ann: string;
  let wiki: string;
  let admins: string;
  before(async () => {
    fixture = await startFixture();
    ann = await make(
      fixture,
      'Users',
      user('ann@example.com', {
        displayName: 'Ann',
        phoneNumbers: [{ value: '+491701234567', type: 'mobile' }],
      }),
    );
    wiki = await make(fixture, 'Groups', group('app-wiki', [ann]));
    admins = await make(fixture, 'Groups', group('sales'));
  });
  after(() => fixture.stop());

  const narrow = () => ({ key: fixture.keys['narrow'] as string });
  const reader = () => ({ key: fixture.keys['reader'] as string });
  const stranger = () => ({ key: fixture.keys['stranger'] as string });
  /** Asserts that the target saw no mutation while `run` ran. */
  const unseen = async (run: () => Promise<unknown>): Promise<void> => {
    const count = fixture.sandbox.seen().length;
    await run();
    assert.equal(fixture.sandbox.seen().length, count, 'a refused call reached the target');
  };

  it('refuses every credential that is no key of this gateway with one and the same answer', () =>
    unseen(async () => {
      const good = fixture.keys['full'] as string;
      const wrong = `${good.slice(0, -2)}${good.endsWith('AA') ? 'EE' : 'AA'}`;
      const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
      const headers: readonly Record<string, string>[] = [
        {},
        { authorization: 'Bearer ' },
        { authorization: 'Bearer nonsense' },
        { authorization: `Bearer ${wrong}` },
        { authorization: `Bearer ${good.replace('_test_', '_production_')}` },
        { authorization: good },
        { authorization: `Digest ${good}` },
        { authorization: basic(`x:${wrong}`) },
        { authorization: `Bearer ${good}`, 'x-api-key': wrong },
        { cookie: `authorization=${good}` },
      ];
      const details = new Set<string>();
      for (const each of headers) {
        const answer = await fixture.ask('POST', `${base}/Users`, {
          key: null,
          body: user('nobody@example.com'),
          headers: each,
        });
        details.add(assertScimError(answer, 401, 'caller_refused'));
        assert.equal(answer.headers['www-authenticate'], 'Bearer realm="sallyport"');
      }
      assert.equal(details.size, 1);
      const inQuery = await fixture.ask('GET', `${base}/Users?access_token=${good}`, { key: null });
      assert.equal(inQuery.status, 401);
    }));

  it('takes a key as Bearer, X-API-Key and Basic password', async () => {
    const key = fixture.keys['reader'] as string;
    const ways = [
      { authorization: `bearer ${key}` },
      { 'x-api-key': key },
      { authorization: `Basic ${Buffer.from(`any:${key}`).toString('base64')}` },
    ];
    for (const headers of ways) {
      const answer = await fixture.ask('GET', `${base}/Users/${ann}`, { key: null, headers });
      assert.equal(answer.status, 200);
    }
  });

  it('refuses a client without any grant, discovery too', () =>
    unseen(async () => {
      const asked = [
        ['GET', '/Users', undefined],
        ['GET', '/ServiceProviderConfig', undefined],
        ['POST', '/Users', user('x@example.com')],
        ['DELETE', `/Users/${ann}`, undefined],
      ] as const;
      for (const [method, path, body] of asked) {
        const answer = await fixture.ask(method, `${base}${path}`, {
          ...stranger(),
          ...(body === undefined ? {} : { body }),
        });
        const { rule } = extensionOf(answer) as { rule: string };
        assertScimError(answer, 403, 'action_denied', { rule });
      }
    }));

  it('refuses an action that was not granted, naming it and whom to ask', () =>
    unseen(async () => {
      const asked = [
        [narrow(), 'DELETE', `/Users/${ann}`, undefined, 'users:delete'],
        [
          narrow(),
          'PATCH',
          `/Users/${ann}`,
          patch({ op: 'replace', path: 'active', value: false }),
          'users:deactivate',
        ],
        [
          narrow(),
          'PATCH',
          `/Users/${ann}`,
          patch({ op: 'replace', path: 'userName', value: 'b@example.com' }),
          'users:rename',
        ],
        [narrow(), 'GET', '/Users', undefined, 'users:search'],
        [reader(), 'POST', '/Users', user('x@example.com'), 'users:create'],
        [reader(), 'GET', `/Groups/${wiki}`, undefined, 'groups:read'],
      ] as const;
      for (const [who, method, path, body, action] of asked) {
        const answer = await fixture.ask(method, `${base}${path}`, {
          ...who,
          ...(body === undefined ? {} : { body }),
        });
        const { rule } = extensionOf(answer) as { rule: string };
        const detail = assertScimError(answer, 403, 'action_denied', { rule });
        assert.ok(detail.includes(action), detail);
        assert.ok(detail.includes('owner'), detail);
      }
    }));

  it('refuses an attribute that was not granted, naming it', () =>
    unseen(async () => {
      const denied = [
        ['nickName', patch({ op: 'replace', path: 'nickName', value: 'A' })],
        ['nickName', patch({ op: 'replace', value: { title: 'Dr', nickName: 'A' } })],
        ['nickName', patch({ op: 'remove', path: 'nickName' })],
      ] as const;
      for (const [name, body] of denied) {
        const answer = await fixture.ask('PATCH', `${base}/Users/${ann}`, { ...narrow(), body });
        const { rule } = extensionOf(answer) as { rule: string };
        const detail = assertScimError(answer, 403, 'attribute_denied', { rule });
        assert.ok(detail.includes(name), detail);
      }
    }));

  it('hides what may not be read: answers, projections, filters and sort', async () => {
    const one = await fixture.ask('GET', `${base}/Users/${ann}`, narrow());
    assert.equal(one.status, 200);
    assert.ok(!one.text.includes('+49170'), one.text);
    const asked = await fixture.ask(
      'GET',
      `${base}/Users/${ann}?attributes=phoneNumbers`,
      narrow(),
    );
    assert.ok(!asked.text.includes('+49170'), asked.text);
    const patched = await fixture.ask('PATCH', `${base}/Users/${ann}`, {
      ...narrow(),
      body: patch({ op: 'replace', path: 'title', value: 'Dr' }),
    });
    assert.equal(patched.status, 200, patched.text);
    assert.ok(!patched.text.includes('+49170'), patched.text);
    const probe = patch({ op: 'remove', path: 'phoneNumbers[value eq "+491701234567"]' });
    const probed = await fixture.ask('PATCH', `${base}/Users/${ann}`, { ...narrow(), body: probe });
    assert.equal(probed.status, 403);
  });

  it('refuses a condition that does not hold, judged on the normalised value', async () => {
    const joiner = (userName: string) => user(userName, { active: undefined, title: 'x' });
    await unseen(async () => {
      const answer = await fixture.ask('POST', `${base}/Users`, {
        ...narrow(),
        body: joiner('someone@other.example'),
      });
      assertScimError(answer, 403, 'condition_denied', { rule: 'permissions.join.users.when' });
    });
    const body = joiner('SOMEONE@Example.com');
    const good = await fixture.ask('POST', `${base}/Users`, { ...narrow(), body });
    assert.equal(good.status, 201, good.text);
  });

  it('refuses groups outside the pattern, members too, and a rename into or out of it', async () => {
    const add = (value: string) => patch({ op: 'add', path: 'members', value: [{ value }] });
    const inside = await fixture.ask('PATCH', `${base}/Groups/${wiki}`, {
      ...narrow(),
      body: add(ann),
    });
    assert.equal(inside.status, 200, inside.text);
    await unseen(async () => {
      const outside = await fixture.ask('PATCH', `${base}/Groups/${admins}`, {
        ...narrow(),
        body: add(ann),
      });
      const { rule } = extensionOf(outside) as { rule: string };
      assert.equal(outside.status, 403, outside.text);
      assertScimError(outside, 403, 'action_denied', { rule });
      const hidden = await fixture.ask('GET', `${base}/Groups/${admins}`, narrow());
      assert.equal(hidden.status, 403);
      const into = patch({ op: 'replace', path: 'displayName', value: 'domain-admins' });
      const renamed = await fixture.ask('PATCH', `${base}/Groups/${wiki}`, { body: into });
      assert.equal(renamed.status, 403, 'judged on the new name');
      const made = await fixture.ask('POST', `${base}/Groups`, { body: group('new-admins') });
      assert.equal(made.status, 403);
    });
  });

  it('thins a list of groups and counts what is shown', async () => {
    await must(fixture, 'POST', '/Groups', { body: group('app-mail') });
    const all = await must(fixture, 'GET', '/Groups');
    const resources = all.body['Resources'] as readonly { displayName: string }[];
    assert.ok(resources.every(({ displayName }) => !displayName.endsWith('-admins')));
    const filter = encodeURIComponent('displayName eq "app-mail"');
    const found = await must(fixture, 'GET', `/Groups?filter=${filter}&excludedAttributes=members`);
    assert.equal(found.body['totalResults'], 1);
  });

  it('refuses over the rate with 429, RateLimit fields and Retry-After', async () => {
    let answer: Answered | null = null;
    const count = fixture.sandbox.seen().length;
    for (let index = 0; index < 40; index++) {
      const body = patch({ op: 'replace', path: 'title', value: `T${index}` });
      answer = await fixture.ask('PATCH', `${base}/Users/${ann}`, { ...narrow(), body });
      assert.match(String(answer.headers['ratelimit-policy']), /;q=60;w=60/);
      assert.match(String(answer.headers['ratelimit']), /;r=\d+;t=\d+/);
      if (answer.status !== 200) break;
      assert.equal(answer.headers['retry-after'], undefined);
    }
    assert.ok(answer !== null);
    const { rule } = extensionOf(answer) as { rule: string };
    assertScimError(answer, 429, 'rate_limited', { rule });
    assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/);
    assert.match(String(answer.headers['ratelimit']), /;r=0;t=\d+/);
    assert.ok(fixture.sandbox.seen().length - count <= 30);
  });

  it('refuses a body over the cap, and serves the next call', () =>
    unseen(async () => {
      const body = user('big@example.com', { title: 'x'.repeat(70_000) });
      const answer = await fixture.ask('POST', `${base}/Users`, { body });
      assertScimError(answer, 413, 'body_too_large');
      assert.equal(answer.headers['connection'], 'close');
      const next = await fixture.ask('GET', `${base}/Users/${ann}`);
      assert.equal(next.status, 200);
    }));

  it('refuses bodies that are not the JSON of the call', () =>
    unseen(async () => {
      const bodies: readonly (readonly [string | Buffer, number, string, string | undefined])[] = [
        ['', 400, 'body_malformed', 'invalidSyntax'],
        ['{', 400, 'body_malformed', 'invalidSyntax'],
        ['[]', 400, 'body_malformed', 'invalidSyntax'],
        ['null', 400, 'body_malformed', 'invalidSyntax'],
        [
          '{"userName":"a@example.com","username":"b@example.com"}',
          400,
          'request_suspicious',
          undefined,
        ],
        [
          '{"userName":"a@example.com","userName":"b@example.com"}',
          400,
          'request_suspicious',
          undefined,
        ],
        [
          Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
          400,
          'body_malformed',
          'invalidSyntax',
        ],
      ];
      for (const [raw, status, code, scimType] of bodies) {
        const answer = await fixture.ask('POST', `${base}/Users`, { raw });
        assert.equal(
          (extensionOf(answer) as { code: string }).code,
          code,
          `${raw.toString()}: ${answer.text}`,
        );
        assertScimError(answer, status, code, scimType === undefined ? {} : { scimType });
      }
    }));

  it('refuses bad filters, paths, media types and methods with their own codes', () =>
    unseen(async () => {
      const filter = encodeURIComponent('userName eq');
      const bad = await fixture.ask('GET', `${base}/Users?filter=${filter}`);
      assertScimError(bad, 400, 'filter_malformed', { scimType: 'invalidFilter' });
      const path = await fixture.ask('PATCH', `${base}/Users/${ann}`, {
        body: patch({ op: 'replace', path: 'emails[type eq', value: 'x' }),
      });
      assertScimError(path, 400, 'path_malformed', { scimType: 'invalidPath' });
      const media = await fixture.ask('POST', `${base}/Users`, {
        body: user('m@example.com'),
        headers: { 'content-type': 'text/plain' },
      });
      assertScimError(media, 415, 'media_type_unsupported');
      const method = await fixture.ask('PUT', `${base}/Users`, { body: user('m@example.com') });
      assertScimError(method, 405, 'method_unsupported');
      assert.match(String(method.headers['allow']), /GET/);
    }));

  it("records refusals of mutations and none of another client's secrets", async () => {
    const rows = await fixture.gateway.context.ledger.list({ client: 'narrow', limit: 500 });
    const denials = rows.filter(({ decision }) => decision === 'deny');
    assert.ok(denials.length > 5);
    for (const row of denials) {
      assert.equal(row.outcome, null);
      assert.notEqual(row.rule, '');
    }
  });
});
