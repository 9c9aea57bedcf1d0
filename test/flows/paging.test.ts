/** Pages by cursor through a whole gateway (RFC 9865), and searches by POST (RFC 7644 §3.4.3). */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mainConfig, startFixture, type Answered, type Fixture } from '../support/fixture.ts';
import { startStubTarget, type StubCall, type StubTarget } from '../support/stub-target.ts';

const searchUrn = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest';
const listUrn = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
const base = '/scim/sandbox';

const users = [1, 2, 3, 4, 5].map((each) => ({ id: `u${each}`, userName: `u${each}@example.com` }));
const group = (id: string, displayName: string) => ({ id, displayName });
const groups = [
  group('g1', 'app-1'),
  group('g2', 'top-admins'),
  group('g3', 'app-3'),
  group('g4', 'low-admins'),
  group('g5', 'app-5'),
];

/** A target that pages by index, as RFC 7644 says. */
const byIndex = ({ path, query }: StubCall) => {
  const all: readonly object[] = path === '/Groups' ? groups : users;
  const start = Number(query.get('startIndex') ?? 1);
  const count = Number(query.get('count') ?? all.length);
  const Resources = all.slice(start - 1, start - 1 + count);
  return { schemas: [listUrn], totalResults: all.length, startIndex: start, Resources };
};

/** A target that forces cursors on everybody, and knows no total (RFC 9865 §2.3). */
const byCursor = ({ path, query }: StubCall) => {
  const all: readonly object[] = path === '/Groups' ? groups : users;
  const start = Number((query.get('cursor') ?? '').replace('at-', '') || 1);
  const count = Math.min(2, Number(query.get('count') ?? 2));
  const next = start + count;
  return {
    schemas: [listUrn],
    Resources: all.slice(start - 1, next - 1),
    ...(next <= all.length ? { nextCursor: `at-${next}` } : {}),
    ...(start > 1 ? { previousCursor: `at-${start - count}` } : {}),
  };
};

let target: StubTarget;
let fixture: Fixture;
let answer: (call: StubCall) => { status?: number; body?: unknown } | object = byIndex;

before(async () => {
  target = await startStubTarget((call) => {
    const answered = answer(call);
    return 'status' in answered && typeof answered.status === 'number'
      ? { status: answered.status, body: 'body' in answered ? answered.body : null }
      : { status: 200, body: answered };
  });
  fixture = await startFixture({ config: () => mainConfig(target.url) });
});
after(async () => {
  await fixture.stop();
  await target.stop();
});

type Listed = Readonly<{
  ids: readonly string[];
  next: string | undefined;
  body: Answered['body'];
}>;

const read = async (path: string, key?: string): Promise<Listed> => {
  const ask = key === undefined ? {} : { key };
  const shown = await fixture.ask('GET', `${base}${path}`, ask);
  assert.equal(shown.status, 200, shown.text);
  const listed = shown.body['Resources'] as readonly { id: string }[];
  const next = shown.body['nextCursor'] as string | undefined;
  return { ids: listed.map(({ id }) => id), next, body: shown.body };
};

/** Every page from the first to the last, as a client reads them. */
const readAll = async (path: string): Promise<readonly Listed[]> => {
  const pages: Listed[] = [];
  let cursor: string | undefined = '';
  while (cursor !== undefined && pages.length < 10) {
    const page: Listed = await read(`${path}cursor=${cursor}`);
    pages.push(page);
    cursor = page.next;
  }
  return pages;
};

const refusedAs = async (path: string, scimType: string, key?: string): Promise<Answered> => {
  const shown = await fixture.ask('GET', `${base}${path}`, key === undefined ? {} : { key });
  assert.equal(shown.status, 400, shown.text);
  assert.equal(shown.body['scimType'], scimType);
  return shown;
};

describe('pages by cursor', () => {
  it('are made of indices where the target knows no cursors', async () => {
    answer = byIndex;
    const pages = await readAll('/Users?count=2&');
    assert.deepEqual(
      pages.map(({ ids }) => ids),
      [['u1', 'u2'], ['u3', 'u4'], ['u5']],
    );
    for (const { body } of pages) {
      assert.equal(body['totalResults'], 5);
      assert.equal(body['startIndex'], undefined);
    }
    const asked = target.calls.slice(-3).map(({ query }) => query.toString());
    assert.deepEqual(asked, ['count=2', 'startIndex=3&count=2', 'startIndex=5&count=2']);
  });

  it("are the target's own where it forces them, sealed", async () => {
    answer = byCursor;
    const first = await read('/Users?count=2');
    assert.deepEqual(first.ids, ['u1', 'u2']);
    assert.equal(first.body['totalResults'], undefined);
    assert.ok(first.next !== undefined && !first.next.includes('at-3'));
    const second = await read(`/Users?count=2&cursor=${first.next}`);
    assert.deepEqual(second.ids, ['u3', 'u4']);
    const back = String(second.body['previousCursor']);
    assert.deepEqual((await read(`/Users?count=2&cursor=${back}`)).ids, ['u1', 'u2']);
    const pages = await readAll('/Users?count=2&');
    assert.deepEqual(
      pages.flatMap(({ ids }) => ids),
      ['u1', 'u2', 'u3', 'u4', 'u5'],
    );
  });

  it('are good for one client and one search, each refused with one text', async () => {
    answer = byIndex;
    const { next } = await read('/Users?count=2&cursor=');
    assert.ok(next !== undefined);
    const calls = target.calls.length;
    const { reader } = fixture.keys;
    const flipped = (next.startsWith('A') ? 'B' : 'A') + next.slice(1);
    const details = new Set<unknown>();
    for (const [path, key] of [
      [`/Users?count=3&cursor=${next}`],
      [`/Users?count=2&filter=title%20pr&cursor=${next}`],
      [`/Users?count=2&attributes=userName&cursor=${next}`],
      [`/Groups?count=2&cursor=${next}`],
      [`/Users?count=2&cursor=${flipped}`],
      ['/Users?count=2&cursor=at-3'],
      [`/Users?count=2&cursor=${next}`, reader],
    ] as const) {
      const shown = await refusedAs(path, 'invalidCursor', key);
      details.add(shown.body['detail']);
    }
    assert.equal(details.size, 1);
    assert.equal(target.calls.length, calls, 'nothing of it reaches the target');
    await refusedAs('/Users?count=0&cursor=', 'invalidCount');
  });

  it('are authorised anew, each of them', async () => {
    const { stranger, narrow } = fixture.keys;
    for (const key of [stranger, narrow]) {
      const shown = await fixture.ask('GET', `${base}/Users?count=1&cursor=`, { key: key ?? null });
      assert.equal(shown.status, 403);
    }
  });

  it("refuse what the target refuses of its cursor, without the target's words", async () => {
    answer = byCursor;
    const { next } = await read('/Users?count=2&cursor=');
    answer = () => ({
      status: 400,
      body: {
        schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
        status: '400',
        scimType: 'expiredCursor',
        detail: 'at-3 is stale',
      },
    });
    const shown = await refusedAs(`/Users?count=2&cursor=${next}`, 'expiredCursor');
    assert.ok(!shown.text.includes('at-3'));
  });
});

describe('pages by cursor of groups, some of which are hidden', () => {
  it('show neither them nor how many there are', async () => {
    for (const how of [byIndex, byCursor]) {
      answer = how;
      const pages = await readAll('/Groups?count=2&');
      assert.deepEqual(
        pages.flatMap(({ ids }) => ids),
        ['g1', 'g3', 'g5'],
      );
      for (const { body } of pages) assert.equal(body['totalResults'], undefined);
    }
  });

  it('are pages of what may be seen where a filter is asked', async () => {
    answer = byIndex;
    const pages = await readAll('/Groups?count=2&filter=members.value%20eq%20%22u1%22&');
    assert.deepEqual(
      pages.map(({ ids }) => ids),
      [['g1', 'g3'], ['g5']],
    );
    for (const { body } of pages) assert.equal(body['totalResults'], 3);
    assert.equal(target.calls.at(-1)?.query.get('startIndex'), null);
  });

  it('are refused where a filter finds more than can be judged at once', async () => {
    answer = byCursor;
    const path = '/Groups?count=2&filter=members.value%20eq%20%22u1%22';
    await refusedAs(`${path}&cursor=`, 'tooMany');
    await refusedAs(path, 'tooMany');
  });
});

describe('a search by POST', () => {
  const search = (body: object, key?: string) =>
    fixture.ask('POST', `${base}/Users/.search`, {
      body: { schemas: [searchUrn], ...body },
      ...(key === undefined ? {} : { key }),
    });

  it('goes out as a GET, and is judged and told of as the search it is', async () => {
    answer = byIndex;
    const shown = await search({ filter: 'title eq "secret-title"', count: 2 });
    assert.equal(shown.status, 200, shown.text);
    assert.equal(shown.headers['sallyport-ledger-id'], undefined);
    const call = target.calls.at(-1);
    assert.deepEqual([call?.method, call?.path, call?.body], ['GET', '/Users', null]);
    assert.equal(call?.query.get('filter'), 'title eq "secret-title"');
    const seen = fixture.observed.at(-1);
    assert.equal(seen?.httpRoute, `${base}/Users/.search`);
    assert.deepEqual([seen?.operation, seen?.actions], ['search', ['users:search']]);
    assert.equal(seen?.mutating, false);
    assert.ok(!JSON.stringify(seen).includes('secret-title'));
    const denied = await search({ filter: 'title pr' }, fixture.keys['narrow']);
    assert.equal(denied.status, 403);
  });

  it('pages by cursor, and takes the cursors of a GET', async () => {
    answer = byIndex;
    const first = await search({ count: 2, cursor: '' });
    const cursor = first.body['nextCursor'] as string;
    const second = await search({ count: 2, cursor });
    const ids = (second.body['Resources'] as readonly { id: string }[]).map(({ id }) => id);
    assert.deepEqual(ids, ['u3', 'u4']);
    assert.deepEqual((await read(`/Users?count=2&cursor=${cursor}`)).ids, ids);
  });

  it('is served by no other method, and over no several types', async () => {
    const wrong = await fixture.ask('GET', `${base}/Users/.search`);
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers['allow'], 'POST');
    const root = await fixture.ask('POST', `${base}/.search`, { body: { schemas: [searchUrn] } });
    assert.equal(root.status, 501);
  });
});
