/**
 * Hookaido GHSA-g55x-rjfh-gxvm: an address was checked, and its name resolved once more to connect. Here
 * a name flips to an address that nobody allowed, where somebody listens on the same port.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Resolve } from '../../src/targets/connect-guard.ts';
import { keyFetcherLimits, makeKeyFetcher } from '../../src/targets/key-fetcher.ts';
import { serveKeys, trustOurselves, trustTheSystem } from '../support/key-server.ts';
import { launch, makeTestClock, options, read, serveHttp, target } from '../targets/harness.ts';

const allowed = '127.0.0.1';
const inside = '127.0.0.2';

/** A name that is `allowed` the first time it is asked for, and `inside` from then on. */
const flipping = () => {
  const given: string[] = [];
  const resolve: Resolve = (_host, done) => {
    const address = given.length === 0 ? allowed : inside;
    given.push(address);
    done(null, [{ address, family: 4 }]);
  };
  return { given, resolve };
};

/** Counts whoever connects to the address inside, on this port. */
const listenInside = async (t: TestContext, port: number): Promise<() => number> => {
  let count = 0;
  const server: Server = createServer((socket) => {
    count += 1;
    socket.destroy();
  });
  server.listen(port, inside);
  await once(server, 'listening');
  t.after(() => server.close());
  return () => count;
};

describe('a name that flips to another address', () => {
  before(trustOurselves);
  after(trustTheSystem);

  it('is resolved once for each connection of the key fetcher, and never connected to inside', async (t) => {
    const { base, asked } = await serveKeys(t, (_request, response) => response.end('keys'));
    const { port } = new URL(base);
    const reached = await listenInside(t, Number(port));
    const { given, resolve } = flipping();
    const clock = makeTestClock();
    const fetcher = makeKeyFetcher({ clock, allowPrivate: [allowed], resolve });
    t.after(() => fetcher.close());
    const url = `https://localhost:${port}/keys`;
    assert.equal(await fetcher.fetch(url), 'keys');
    assert.deepEqual(given, [allowed]);
    clock.advance(keyFetcherLimits.staleMs);
    assert.equal(await fetcher.fetch(url), null);
    assert.deepEqual(given, [allowed, inside]);
    assert.equal(asked().length, 1);
    assert.equal(reached(), 0);
  });

  it('is resolved once for each connection to a target, and never connected to inside', async (t) => {
    const server = await serveHttp(t, (_request, response) =>
      response.writeHead(200, { 'content-type': 'application/scim+json' }).end('{"id":"1"}'),
    );
    const reached = await listenInside(t, server.port);
    const { given, resolve } = flipping();
    const source = target(`http://target.example:${server.port}`, { allowPrivate: [allowed] });
    const targets = launch(t, source, { resolve });
    const first = await targets.send('slack', read, options());
    assert.equal(first.kind, 'answered');
    assert.deepEqual(given, [allowed]);
    for (const socket of server.sockets) socket.destroy();
    const again = await targets.send('slack', read, options());
    assert.equal(again.kind === 'answered' ? again.kind : again.code, 'target_unreachable');
    assert.ok(given.length > 1 && given.slice(1).every((address) => address === inside));
    assert.equal(reached(), 0);
  });
});
