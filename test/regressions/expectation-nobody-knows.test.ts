/**
 * `Expect: a-miracle` was answered by node itself: 417, no code, no request id. Found by the garbage
 * campaign.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { makeListener } from '../../src/http/listener.ts';

const ask = (port: number, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1' });
    socket.setEncoding('utf8').on('data', (part: string) => {
      answer += part;
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
    socket.write(text);
  });

test('an expectation nobody knows is ignored, and the call answered as any other', async () => {
  const listener = makeListener((_incoming, outgoing) => {
    outgoing.writeHead(204, { connection: 'close' });
    outgoing.end();
  });
  const { port } = await listener.start({ host: '127.0.0.1', port: 0 });
  try {
    const answer = await ask(port, 'GET / HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 204 /);
  } finally {
    await listener.stop(1_000);
  }
});
