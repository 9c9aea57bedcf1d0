/** A gateway that is stopped in the middle of deliveries, while a caller takes all the time there is. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { startReceiver } from '../deliveries/outbox-fixture.ts';
import { startFixture } from '../support/fixture.ts';
import { hookConfig, hookEnv, standardMessage } from '../support/hooks.ts';

it('ends the try under way, begins none, and sends nothing twice after it starts again', async (t) => {
  const receiver = await startReceiver(t, (_got, response) => {
    setTimeout(() => void response.writeHead(204).end(), 300);
  });
  const fixture = await startFixture({ config: hookConfig(receiver.url), env: hookEnv });
  t.after(() => fixture.stop());
  const { port } = fixture.gateway.data;
  const slow = connect(port, '127.0.0.1');
  slow.on('error', () => undefined);
  slow.write('POST /hooks/hr HTTP/1.1\r\nhost: gateway\r\ncontent-length: 100\r\n\r\n{');
  const count = 12;
  for (let n = 1; n <= count; n += 1) {
    const body = `{"type":"moved","user":"ann@example.com","n":${n}}`;
    const id = `msg_stop_${n}`;
    const answer = await fixture.ask(
      'POST',
      '/hooks/hr',
      standardMessage({ id, at: Date.now(), body }),
    );
    assert.equal(answer.status, 202, answer.text);
  }
  while (receiver.got.length < 2) await new Promise((resolve) => void setTimeout(resolve, 10));
  await fixture.restart(systemClock);
  slow.destroy();
  const arrived = receiver.got.length;
  assert.ok(arrived < count / 2, `${arrived} were begun before it stood still`);
  while (receiver.got.length < count) await new Promise((resolve) => void setTimeout(resolve, 10));
  const sent = receiver.got.map(({ body }) => (JSON.parse(body.toString()) as { n: number }).n);
  assert.deepEqual(
    sent,
    Array.from({ length: count }, (_, index) => index + 1),
  );
});
