/**
 * An approved change of which the target made nothing: the approval is used up, and the change waits
 * anew, or its caller brings it again. It is never answered as if it were made.
 */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { printHold } from '../../src/commands/hold-text.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import { user } from '../support/scim-calls.ts';
import { approver, holdOf, rowsOf, withRules } from '../support/safety-scene.ts';

const approval = 'routes.frail.approval';
const path = '/scim/frail/Users';

describe('a release of which nothing came', () => {
  let fixture: Fixture;
  let server: Server;
  let port = 0;
  let made = 0;
  let answer: () => Promise<number> = () => Promise.resolve(201);
  const listen = async (): Promise<void> => {
    server = createServer((request, response) => {
      request.resume().on('end', () => {
        const asked = request.method === 'GET' ? Promise.resolve(200) : answer();
        void asked.then((status) => {
          if (status === 201) made += 1;
          response.writeHead(status, { 'content-type': 'application/scim+json' });
          response.end(JSON.stringify({ ...user('frail@example.com'), id: `f${made}` }));
        });
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', resolve);
    });
    port = (server.address() as AddressInfo).port;
  };
  const shut = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  before(async () => {
    await listen();
    fixture = await startFixture({
      clients: ['full'],
      config: withRules({
        targets: `  frail:
    baseUrl: http://127.0.0.1:${port}/v2
    auth: [{ bearer: "\${env:SANDBOX_TOKEN}" }]
    allowPrivate: [127.0.0.0/8]
    breaker: { minimum: 1000 }
`,
        routes: `  frail:
    path: /scim/frail
    scim: frail
    before: capture
    grants: [{ client: full, use: provision }]
    approval: { required: [users:create] }
`,
        change: (text) => `${text}holds: { pending: 2 }\n`,
      }),
    });
  });
  after(async () => {
    await fixture.stop();
    await shut();
  });
  beforeEach(() => {
    made = 0;
    answer = () => Promise.resolve(201);
  });
  const desk = () => fixture.gateway.context.holds;
  const create = (name: string) => fixture.ask('POST', path, { body: user(`${name}@example.com`) });
  const held = async (name: string): Promise<string> => holdOf(await create(name), approval);
  const shownOf = async (id: string): Promise<string> => {
    // By then all outcomes so far are on disk.
    await rowsOf(fixture, id);
    return printHold(await desk().show(id, true));
  };

  it('waits anew where nothing reached the target, for the caller as well', async () => {
    const hold = await held('anew');
    await shut();
    const [unsent] = await desk().approve([hold], approver, null);
    assert.deepEqual(
      [unsent?.ok, unsent?.state, unsent?.outcome],
      [false, 'released', 'not-sent'],
      JSON.stringify(unsent),
    );
    const [, anew = ''] =
      /^nothing was made of it \(target_unreachable\): it waits anew as (hld_\w+)$/.exec(
        unsent?.note ?? '',
      ) ?? [];
    assert.match(await shownOf(hold), /not-sent: nothing reached the target/);
    assert.match(await shownOf(anew), /target_unreachable, .*: alice@example\.com/);
    assert.equal(await held('anew'), anew);
    await listen();
    // Used up is used up.
    assert.equal((await desk().approve([hold], approver, null))[0]?.ok, false);
    const [sent] = await desk().approve([anew], approver, null);
    assert.deepEqual([sent?.ok, sent?.outcome], [true, 'applied'], JSON.stringify(sent));
    assert.equal(made, 1);
    await rowsOf(fixture, anew);
    assert.equal((await create('anew')).status, 201);
    assert.equal(made, 1);
  });

  it('is held again when its caller comes, where it could not be kept by itself', async () => {
    const hold = await held('again');
    const others: string[] = [];
    answer = async () => {
      others.push(await held('one'), await held('two'));
      return 401;
    };
    const [refused] = await desk().approve([hold], approver, null);
    assert.equal(
      refused?.note,
      'nothing was made of it (target_credential_refused): its caller must send it again',
    );
    await rowsOf(fixture, hold);
    await desk().reject(others, approver, 'in the way');
    answer = () => Promise.resolve(201);
    const anew = await held('again');
    assert.notEqual(anew, hold);
    assert.equal(made, 0);
    const [sent] = await desk().approve([anew], approver, null);
    assert.equal(sent?.outcome, 'applied', JSON.stringify(sent));
    assert.equal(made, 1);
  });
});
