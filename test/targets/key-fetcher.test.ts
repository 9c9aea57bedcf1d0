/** The key fetcher against a real https server, and a flood that must not drive it. */
import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { after, before, describe, it, type TestContext } from 'node:test';
import { keyFetcherLimits, makeKeyFetcher } from '../../src/targets/key-fetcher.ts';
import { serveKeys, trustOurselves, trustTheSystem } from '../support/key-server.ts';
import { makeTestClock } from './harness.ts';

before(trustOurselves);
after(trustTheSystem);

const make = (t: TestContext, allowPrivate: readonly string[] = ['127.0.0.1']) => {
  const clock = makeTestClock();
  const fetcher = makeKeyFetcher({ clock, allowPrivate });
  t.after(() => fetcher.close());
  return { clock, fetcher };
};

describe('what is fetched', () => {
  it('is kept for ten minutes, then fetched again', async (t) => {
    let text = 'first';
    const { base, asked } = await serveKeys(t, (_request, response) => response.end(text));
    const { clock, fetcher } = make(t);
    assert.equal(await fetcher.fetch(`${base}/keys`), 'first');
    text = 'second';
    clock.advance(keyFetcherLimits.freshMs - 1);
    assert.equal(await fetcher.fetch(`${base}/keys`), 'first');
    assert.equal(asked().length, 1);
    clock.advance(1);
    assert.equal(await fetcher.fetch(`${base}/keys`), 'second');
    assert.deepEqual(asked(), ['/keys', '/keys']);
  });

  it('is fetched again on demand, at most once a minute', async (t) => {
    let text = 'first';
    const { base, asked } = await serveKeys(t, (_request, response) => response.end(text));
    const { clock, fetcher } = make(t);
    await fetcher.fetch(`${base}/keys`);
    text = 'second';
    clock.advance(keyFetcherLimits.pauseMs - 1);
    assert.equal(await fetcher.fetch(`${base}/keys`, { again: true }), 'first');
    clock.advance(1);
    assert.equal(await fetcher.fetch(`${base}/keys`, { again: true }), 'second');
    assert.equal(asked().length, 2);
  });

  it('bridges failures for a day, and no longer', async (t) => {
    let status = 200;
    const { base } = await serveKeys(t, (_request, response) => {
      response.statusCode = status;
      response.end('keys');
    });
    const { clock, fetcher } = make(t);
    await fetcher.fetch(`${base}/keys`);
    status = 500;
    clock.advance(keyFetcherLimits.staleMs - 1);
    assert.equal(await fetcher.fetch(`${base}/keys`), 'keys');
    clock.advance(1);
    assert.equal(await fetcher.fetch(`${base}/keys`), null);
  });

  it('is fetched once however many ask at a time', async (t) => {
    const { base, asked } = await serveKeys(t, (_request, response) => response.end('keys'));
    const { fetcher } = make(t);
    const all = await Promise.all(Array.from({ length: 50 }, () => fetcher.fetch(`${base}/keys`)));
    assert.ok(all.every((text) => text === 'keys'));
    assert.equal(asked().length, 1);
  });

  it('is not asked for again within a minute of a failure', async (t) => {
    let status = 500;
    const { base, asked } = await serveKeys(t, (_request, response) => {
      response.statusCode = status;
      response.end('keys');
    });
    const { clock, fetcher } = make(t);
    assert.equal(await fetcher.fetch(`${base}/keys`), null);
    status = 200;
    clock.advance(keyFetcherLimits.pauseMs - 1);
    assert.equal(await fetcher.fetch(`${base}/keys`), null);
    assert.equal(asked().length, 1);
    clock.advance(1);
    assert.equal(await fetcher.fetch(`${base}/keys`), 'keys');
  });
});

describe('what is refused', () => {
  const cases: readonly (readonly [string, RequestListener])[] = [
    ['a redirect', (_request, response) => response.writeHead(302, { location: '/other' }).end()],
    ['an error', (_request, response) => response.writeHead(404).end('keys')],
    ['too long an answer', (_request, response) => response.end(Buffer.alloc(262_145, 'a'))],
    [
      'an endless answer',
      (_request, response) => {
        const chunk = Buffer.alloc(65_536, 'a');
        const more = (): void => void (response.destroyed || response.write(chunk, more));
        more();
      },
    ],
    ['what is no UTF-8', (_request, response) => response.end(Buffer.from([0xff, 0xfe]))],
    [
      'what is compressed',
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    ],
    ['a broken connection', (request) => request.socket.destroy()],
  ];
  for (const [what, answer] of cases) {
    it(what, async (t) => {
      const { base, asked } = await serveKeys(t, answer);
      assert.equal(await make(t).fetcher.fetch(`${base}/keys`), null);
      assert.deepEqual(asked(), ['/keys']);
    });
  }

  it('takes an answer of exactly the longest length', async (t) => {
    const { base } = await serveKeys(t, (_request, response) =>
      response.end(Buffer.alloc(keyFetcherLimits.answerBytesMax, 'a')),
    );
    assert.equal((await make(t).fetcher.fetch(`${base}/keys`))?.length, 262_144);
  });

  it('an answer that does not end within the deadline', async (t) => {
    let reached: () => void = () => {};
    const there = new Promise<void>((resolve) => (reached = resolve));
    const { base } = await serveKeys(t, (_request, response) => {
      response.write('half');
      reached();
    });
    const { clock, fetcher } = make(t);
    const fetching = fetcher.fetch(`${base}/keys`);
    await there;
    clock.advance(keyFetcherLimits.deadlineMs);
    assert.equal(await fetching, null);
  });

  it('private addresses that nobody allowed', async (t) => {
    const { base, asked } = await serveKeys(t, (_request, response) => response.end('keys'));
    assert.equal(await make(t, []).fetcher.fetch(`${base}/keys`), null);
    assert.deepEqual(asked(), []);
  });

  it('certificates that nobody vouches for', async (t) => {
    const { base } = await serveKeys(t, (_request, response) => response.end('keys'));
    trustTheSystem();
    const text = await make(t).fetcher.fetch(`${base}/keys`);
    trustOurselves();
    assert.equal(text, null);
  });

  it('addresses that are not https, or hold more than an address', async (t) => {
    const { base, asked } = await serveKeys(t, (_request, response) => response.end('keys'));
    const { fetcher } = make(t);
    const host = base.slice('https://'.length);
    for (const url of [
      `http://${host}/keys`,
      `https://user:pass@${host}/keys`,
      `${base}/keys#fragment`,
      'file:///etc/passwd',
      '',
      'https://',
      `${base}/${'a'.repeat(2_048)}`,
    ]) {
      assert.equal(await fetcher.fetch(url), null, url);
    }
    assert.deepEqual(asked(), []);
  });
});

describe('a flood', () => {
  it('of unknown keys makes one fetch a minute', async (t) => {
    const { base, asked } = await serveKeys(t, (_request, response) => response.end('{"keys":[]}'));
    const { clock, fetcher } = make(t);
    for (let count = 0; count < 10_000; count++) {
      await fetcher.fetch(`${base}/keys`, { again: true });
    }
    assert.equal(asked().length, 1);
    clock.advance(keyFetcherLimits.pauseMs);
    await fetcher.fetch(`${base}/keys`, { again: true });
    assert.equal(asked().length, 2);
  });

  it('of addresses makes one fetch a minute for their source, and evicts nothing', async (t) => {
    const { base, asked } = await serveKeys(t, (request, response) => {
      response.statusCode = request.url === '/good' || request.url === '/keys' ? 200 : 404;
      response.end('text');
    });
    const { clock, fetcher } = make(t);
    await fetcher.fetch(`${base}/keys`);
    assert.equal(await fetcher.fetch(`${base}/good`, { source: 'sns' }), 'text');
    for (let count = 0; count < 10_000; count++) {
      assert.equal(await fetcher.fetch(`${base}/${count}`, { source: 'sns' }), null);
    }
    assert.deepEqual(asked(), ['/keys', '/good']);
    assert.equal(await fetcher.fetch(`${base}/good`, { source: 'sns' }), 'text');
    // What was good once does not wait behind what a flood names.
    clock.advance(keyFetcherLimits.freshMs);
    await fetcher.fetch(`${base}/bad`, { source: 'sns' });
    assert.equal(await fetcher.fetch(`${base}/good`, { source: 'sns' }), 'text');
    assert.deepEqual(asked(), ['/keys', '/good', '/bad', '/good']);
    for (let minute = 0; minute < 100; minute++) {
      clock.advance(keyFetcherLimits.pauseMs);
      await fetcher.fetch(`${base}/flood-${minute}`, { source: 'sns' });
    }
    const before2 = asked().length;
    clock.advance(1);
    assert.equal(await fetcher.fetch(`${base}/keys`), 'text');
    assert.equal(asked().length, before2 + 1);
  });

  it('of configured addresses is limited in all', async (t) => {
    const { base, asked } = await serveKeys(t, (_request, response) => response.end('x'));
    const { fetcher } = make(t);
    for (let count = 0; count < 70; count++) await fetcher.fetch(`${base}/${count}`);
    assert.equal(asked().length, keyFetcherLimits.fetchesPerMinuteMax);
  });
});
