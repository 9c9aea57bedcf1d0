/** A source that falls silent: told on /metrics and in the log of a running gateway, and that it is back. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { request } from 'undici';
import { systemClock, type Clock } from '../../src/clock.ts';
import { makeLog } from '../../src/telemetry/log.ts';
import { makeObserver } from '../../src/telemetry/make-observer.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import {
  hookConfig,
  hookEnv,
  standardMessage,
  startHookReceiver,
  type HookReceiver,
} from '../support/hooks.ts';

/** A clock whose minutes between two looks at the sources are short. */
const quickMinutes: Clock = {
  ...systemClock,
  after: (ms, run) => systemClock.after(ms === 60_000 ? 25 : ms, run),
};
const silentAfterMs = 2_000;
const lines: string[] = [];
const log = makeLog({ level: 'info', destination: { write: (text) => void lines.push(text) } });
let receiver: HookReceiver;
let fixture: Fixture;
before(async () => {
  receiver = await startHookReceiver();
  const observer = makeObserver({ log, clock: systemClock });
  fixture = await startFixture({
    config: (url) =>
      hookConfig(receiver.url)(url).replace(
        'secrets: ["${env:HOOK_SECRET}"] }',
        `secrets: ["\${env:HOOK_SECRET}"], silentAfter: ${silentAfterMs}ms }`,
      ),
    env: hookEnv,
    clock: quickMinutes,
    observer,
    deps: { metrics: () => observer.prometheus() },
  });
});
after(async () => {
  await fixture.stop();
  await receiver.stop();
});

type Line = Readonly<{ event?: string; route?: string; level?: unknown; last_at?: string }>;

const toldOf = async (event: string): Promise<readonly Line[]> => {
  await log.flush();
  const all = lines.join('').split('\n').filter(Boolean);
  return all.map((text) => JSON.parse(text) as Line).filter((line) => line.event === event);
};

/** Value of the gauge for a route, or null where there is none. */
const silentOf = async (route: string): Promise<string | null> => {
  const answer = await request(`http://127.0.0.1:${fixture.gateway.admin.port}/metrics`);
  const text = await answer.body.text();
  const found = new RegExp(
    `^sallyport_webhooks_silent\\S*\\{[^}]*"${route}"[^}]*\\} ([0-9.]+)`,
    'm',
  ).exec(text);
  return found?.[1] ?? null;
};

const until = async (done: () => Promise<boolean>, what: string): Promise<void> => {
  const end = performance.now() + 10_000;
  while (!(await done())) {
    if (performance.now() > end) assert.fail(`never ${what}: ${lines.join('')}`);
    await later(20);
  }
};

it('a source is told when it falls silent, and that it is back', async () => {
  const post = async (id: string): Promise<number> => {
    const body = '{"type":"moved","user":"ann@example.com"}';
    const message = standardMessage({ id, at: Date.now(), body });
    return (await fixture.ask('POST', '/hooks/hr', message)).status;
  };
  await until(async () => (await silentOf('hr')) === '1', 'silent from the beginning');
  assert.deepEqual(
    (await toldOf('webhook.silent')).map(({ route }) => route),
    ['hr'],
  );
  const before = Date.now();
  assert.equal(await post('msg_back'), 202);
  const heardBy = Date.now();
  await until(async () => (await silentOf('hr')) === '0', 'back');
  assert.deepEqual(
    (await toldOf('webhook.returned')).map(({ route }) => route),
    ['hr'],
  );
  await until(async () => (await silentOf('hr')) === '1', 'silent again');
  assert.ok(Date.now() - before >= silentAfterMs, 'not before its time');
  const [, again, ...more] = await toldOf('webhook.silent');
  assert.deepEqual(more, []);
  const lastAt = Date.parse(again?.last_at ?? '');
  assert.ok(lastAt >= before && lastAt <= heardBy, 'when it was heard last');
  // Nobody expects anything of a route without silentAfter.
  assert.equal(await silentOf('github'), null);
});
