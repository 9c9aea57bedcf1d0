/** Reload and shutdown: unchanged targets keep their connections, changed ones finish their calls. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Socket } from 'node:net';
import {
  create,
  launch,
  makeTestClock,
  options,
  read,
  serveRaw,
  target,
  until,
} from './harness.ts';

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}';

test('a reload keeps what did not change and lets the rest end after its calls', async (t) => {
  const held: Socket[] = [];
  const server = await serveRaw(t, (socket, chunk) => {
    if (chunk.includes('POST ')) held.push(socket);
    else socket.write(ok);
  });
  const base = `http://127.0.0.1:${server.port}`;
  const limits = { limits: { concurrent: 1 } };
  const first = target(base, limits);
  const targets = launch(t, first);
  await targets.send('slack', read, options());
  targets.reconcile({ slack: { ...first } });
  await targets.send('slack', read, options());
  assert.equal(server.sockets.size, 1, 'same digest, same connection');

  const pending = targets.send('slack', create, options());
  await until(() => held.length === 1);
  targets.reconcile({ slack: target(base, limits, { digest: 'two' }) });
  const again = await targets.send('slack', read, options());
  assert.equal(again.kind, 'answered');
  assert.equal(server.sockets.size, 2);
  held[0]?.write(ok);
  assert.equal((await pending).kind, 'answered', 'the old one finished its call');
  await until(() => server.sockets.size === 1);

  targets.reconcile({});
  await until(() => server.sockets.size === 0);
  const gone = await targets.send('slack', create, options());
  assert.deepEqual([gone.kind, 'code' in gone && gone.code], ['not-sent', 'target_unconfigured']);
  assert.deepEqual(targets.state(), []);
});

test('close refuses new calls, waits, then cuts: what was on the wire is in doubt, what waited is not sent', async (t) => {
  const server = await serveRaw(t, () => {});
  const clock = makeTestClock();
  const targets = launch(
    t,
    target(`http://127.0.0.1:${server.port}`, { limits: { concurrent: 1 }, timeout: '10s' }),
    { clock },
  );
  const written = targets.send('slack', create, options({}, clock));
  await until(() => server.bytes() > 0);
  const waiting = targets.send('slack', create, options({}, clock));
  const closing = targets.close(1_000);
  const late = await targets.send('slack', create, options({}, clock));
  assert.deepEqual([late.kind, 'code' in late && late.code], ['not-sent', 'shutting_down']);
  const before = server.bytes();
  clock.advance(1_000);
  await closing;
  assert.equal((await written).kind, 'in-doubt');
  const dropped = await waiting;
  assert.deepEqual(
    [dropped.kind, 'code' in dropped && dropped.code],
    ['not-sent', 'shutting_down'],
  );
  assert.equal(server.bytes(), before);
});

test('close without calls ends at once', async (t) => {
  const server = await serveRaw(t, (socket) => socket.write(ok));
  const targets = launch(t, target(`http://127.0.0.1:${server.port}`));
  await targets.send('slack', read, options());
  await targets.close(60_000);
  await until(() => server.sockets.size === 0);
});

test('concurrency is the limit of connections and of calls on the wire', async (t) => {
  let open = 0;
  let most = 0;
  const server = await serveRaw(t, (socket) => {
    open += 1;
    most = Math.max(most, open);
    setImmediate(() => {
      open -= 1;
      socket.write(ok);
    });
  });
  const targets = launch(
    t,
    target(`http://127.0.0.1:${server.port}`, { limits: { concurrent: 4 } }),
  );
  const sent = await Promise.all(
    Array.from({ length: 100 }, (_, n) =>
      targets.send('slack', create, options({ client: `c${n % 3}` })),
    ),
  );
  assert.ok(sent.every(({ kind }) => kind === 'answered'));
  assert.ok(most <= 4);
  assert.ok(server.sockets.size <= 4);
  assert.equal(targets.state()[0]?.running, 0);
});
