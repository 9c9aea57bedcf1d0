/** Deliveries and events on the command line, against a running gateway and on the store alone. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { deliveryId, type DeliveryId, type EventId } from '../../src/ids.ts';
import { mainConfig, startFixture, targetToken, type Fixture } from '../support/fixture.ts';
import { keepWebhook, withWebhook } from '../support/kept-webhooks.ts';
import { runSallyport, type Ran } from '../support/sallyport-process.ts';
import { sqliteStore } from '../support/test-store.ts';
import { issueToken } from '../support/people.ts';

const lane = 'hr/old';
let fixture: Fixture;
let event: EventId;
let delivery: DeliveryId;
let token = '';
before(async () => {
  fixture = await startFixture({
    config: (url) => withWebhook(mainConfig(url)),
    store: sqliteStore,
  });
  event = await keepWebhook(fixture.gateway, { deliveries: { line: 1, lane }, count: 2 });
  delivery = deliveryId({ event, item: 0, name: 'old' });
  token = await issueToken(fixture, 'alice@example.com');
});
after(() => fixture.stop());

const run = async (args: readonly string[], admin: boolean): Promise<Ran> => {
  const where = admin
    ? ['--admin', `http://127.0.0.1:${fixture.gateway.admin.port}`]
    : ['--config', fixture.configPath];
  const env = { SANDBOX_TOKEN: targetToken, ...(admin ? { SALLYPORT_ADMIN_TOKEN: token } : {}) };
  const ran = await runSallyport([...args, ...where], env, fixture.directory);
  assert.ok(!`${ran.out}${ran.err}`.includes(targetToken), 'a secret is shown');
  return ran;
};
const json = async (args: readonly string[], admin: boolean): Promise<unknown> => {
  const { code, out, err } = await run([...args, '--json'], admin);
  assert.equal(code, 0, `${args.join(' ')}: ${err}`);
  return JSON.parse(out);
};

/** What holds both ways. */
const reads = async (admin: boolean): Promise<void> => {
  const rows = (await json(['deliveries', 'list', '--lane', lane], admin)) as { id: string }[];
  assert.equal(rows.at(-1)?.id, delivery);
  const columns = await run(['deliveries', 'list', '--event', event, '--state', 'waiting'], admin);
  assert.match(columns.out, /^id +lane +kind +state/);
  assert.match(columns.out, new RegExp(`${event.slice(4)}_1_old +${lane} +mover +waiting`));
  const shown = (await json(['deliveries', 'show', delivery], admin)) as { tries: unknown[] };
  assert.deepEqual(shown.tries, []);
  const events = (await json(['events', 'list', '--route', 'hr', '--since', '1h'], admin)) as {
    id: string;
  }[];
  assert.deepEqual(
    events.map(({ id }) => id),
    [event],
  );
  assert.match((await run(['events', 'list'], admin)).out, / true {2}1 ready, 1 waiting$/m);
  const message = await run(['events', 'show', event], admin);
  assert.equal(message.code, 0, message.err);
  assert.ok(!message.out.includes('\u202e'), 'no bidi character reaches the terminal');
  assert.match(message.out, /u202e/);
  const verified = await run(['events', 'verify', event], admin);
  assert.equal(verified.code, 0, verified.err);
  assert.match(verified.out, /"keyId": "secrets\[0\]"/);
  assert.equal((await run(['events', 'show', 'evt_x'], admin)).code, 1);
  assert.equal((await run(['deliveries', 'list', '--state', 'gone'], admin)).code, 1);
};

it('reads and acts through a running gateway', async () => {
  await reads(true);
  const again = await json(['deliveries', 'retry', delivery, '--rate', '1/m'], true);
  assert.equal((again as { again: number }).again, 1);
  const late = ['deliveries', 'discard', deliveryId({ event, item: 1, name: 'old' })];
  const wordless = await run(late, true);
  assert.equal(wordless.code, 1);
  assert.match(wordless.err, /reason/);
  await json([...late, '--reason', 'nobody wants it'], true);
});

it('reads and acts on the store where no gateway runs, recorded as local', async () => {
  await keepWebhook(fixture.gateway, { deliveries: { line: 2, lane: 'hr/other' } });
  const busy = await run(['deliveries', 'list'], false);
  assert.equal(busy.code, 1, 'state is asked of the gateway while it runs');
  await fixture.gateway.stop(2_000);
  const replayed = await json(['events', 'replay', event], false);
  assert.equal((replayed as { again: number }).again, 2);
  const nothing = await run(['deliveries', 'retry', '--lane', 'hr/none'], false);
  assert.equal(nothing.code, 1);
  assert.match(nothing.err, /nothing to send again/);
  const range = ['events', 'replay', '--route', 'hr', '--since', '1h', '--rate', '5/s'];
  const { again, leftAlone } = (await json(range, false)) as { again: number; leftAlone: string[] };
  assert.equal(again, 2);
  assert.deepEqual(leftAlone, [deliveryId({ event, item: 1, name: 'old' })], 'it waits anyway');
  assert.equal((await run(['events', 'verify', event], false)).code, 0);
  const { out } = await run(['ledger', 'export'], false);
  assert.match(out, /"act":"events\.replay","actor":"local"/);
  const other = (await json(['deliveries', 'list', '--lane', 'hr/other'], false)) as {
    id: string;
  }[];
  assert.equal(other.length, 1);
});
