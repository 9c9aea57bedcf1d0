/** A caller that hangs up while the target holds its call. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Fixture } from './fixture.ts';
import type { SlowTarget } from './slow-target.ts';

/** Sends the call as client `full`, hangs up once the target holds it, and opens the target once that was seen. */
export const callAndHangUp = async (
  fixture: Fixture,
  slow: SlowTarget,
  { method, path, body }: Readonly<{ method: string; path: string; body: string }>,
): Promise<void> => {
  const finished = fixture.observed.length;
  const socket = connect(fixture.gateway.data.port, '127.0.0.1');
  socket.write(
    [
      `${method} ${path} HTTP/1.1`,
      'host: localhost',
      `authorization: Bearer ${fixture.keys['full']}`,
      `content-length: ${body.length}`,
      '',
      body,
    ].join('\r\n'),
  );
  await slow.waiting(1);
  socket.destroy();
  await new Promise((resolve) => {
    socket.once('close', resolve);
  });
  // A call that passes whole tells that the gateway has seen the hang-up of the one before it.
  assert.equal((await fixture.ask('GET', '/nowhere')).status, 404);
  slow.open();
  while (!fixture.observed.slice(finished).some(({ abandoned }) => abandoned)) {
    await fixture.ask('GET', '/nowhere');
  }
};
