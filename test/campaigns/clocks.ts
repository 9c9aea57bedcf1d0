/**
 * Lets the wall clock of one of two gateways jump under load, by an hour and by 400 days, forwards and
 * back, and fires its long timers (upkeep, checkpoints) while it is wrong. One round is all four jumps.
 */
import { issueKey } from '../../src/callers/keys.ts';
import { systemClock } from '../../src/clock.ts';
import { isRefusal } from '../../src/errors.ts';
import type { Gateway } from '../../src/gateway.ts';
import { systemRandom, type LedgerId } from '../../src/ids.ts';
import { withStore } from './audit.ts';
import { seededNumbers, type Campaign, type CampaignOptions } from './campaign.ts';
import { campaignConfig, targetAndRoute, type Home } from './gateway-process.ts';
import { startGatewayHere } from './gateway-here.ts';
import { makeJumpingClock, type JumpingClock } from './jumping-clock.ts';
import {
  makeLoadClient,
  newUser,
  renamed,
  type LoadAnswer,
  type LoadClient,
} from './load-client.ts';
import { auditStore, sleep, withSeveral, type Several } from './several-gateways.ts';
import { startUsersTarget, type UsersTarget } from './users-target.ts';

const hourMs = 3_600_000;
const jumps = [hourMs, -hourMs, 400 * 24 * hourMs, -400 * 24 * hourMs];
const workers = 3;
const calmMs = 150;
const wrongMs = 250;
const shortLifeMs = 1_500;
const rightAgainWithinMs = 5_000;
const problemsShown = 20;

type Seat = Readonly<{ gateway: Gateway; client: LoadClient; expired: LoadClient }>;

type Scene = Readonly<{
  seats: readonly [Seat, Seat];
  clock: JumpingClock;
  problems: string[];
  acknowledged: Set<string>;
  counts: { untrusted: number; reads: number; expiredRefused: number; rightAgainMs: number };
  now: { running: boolean; wrong: boolean };
}>;

const told = (answer: LoadAnswer | null): string =>
  answer === null ? 'broken' : `${answer.status} ${answer.code ?? ''}`.trim();

/** Is it the answer of a gateway whose clock cannot be trusted? */
const isUntrusted = (answer: LoadAnswer | null): boolean =>
  answer?.status === 503 && answer.code === 'clock_untrusted' && Number(answer.retryAfter) > 0;

const work = async (scene: Scene, at: 0 | 1, path: string): Promise<void> => {
  const { seats, now, counts, acknowledged, problems } = scene;
  const { client } = seats[at];
  for (let count = 0; now.running; count += 1) {
    const wrongBefore = now.wrong;
    const answers = [
      await client.ask('PATCH', path, renamed(`change ${count}`)),
      await client.ask('GET', path),
    ];
    for (const answer of answers) {
      if (answer?.status === 200) {
        if (answer.ledgerId === null) counts.reads += 1;
        else acknowledged.add(answer.ledgerId);
      } else if (at === 0 && (wrongBefore || now.wrong) && isUntrusted(answer)) {
        counts.untrusted += 1;
      } else
        problems.push(
          `gateway ${at}: ${told(answer)} while its clock ${wrongBefore ? 'was wrong' : 'was right'}`,
        );
    }
    await sleep(5);
  }
};

/** What must hold while the clock is wrong, whichever way it jumped. */
const probe = async ({ seats, problems, counts }: Scene, path: string, jump: number) => {
  const [wrong, right] = seats;
  const expect = (what: string, answer: LoadAnswer | null, holds: boolean): void => {
    if (!holds) problems.push(`${what} after a jump of ${jump / hourMs} h: ${told(answer)}`);
  };
  for (const [method, body] of [
    ['PATCH', renamed('probe')],
    ['GET', undefined],
  ] as const) {
    const answer = await wrong.client.ask(method, path, body);
    expect(`${method} with a good key`, answer, isUntrusted(answer));
    const old = await wrong.expired.ask(method, path, body);
    expect(`${method} with an expired key`, old, isUntrusted(old));
    const elsewhere = await right.expired.ask(method, path, body);
    expect(`${method} with an expired key elsewhere`, elsewhere, elsewhere?.status === 401);
    counts.expiredRefused += 2;
  }
};

const playJump = async (scene: Scene, path: string, jump: number): Promise<void> => {
  const { clock, now, seats, problems, counts } = scene;
  await sleep(calmMs);
  now.wrong = true;
  clock.jump(jump);
  await probe(scene, path, jump);
  clock.fireLong();
  await sleep(wrongMs);
  await probe(scene, path, jump);
  clock.jump(0);
  const since = performance.now();
  for (;;) {
    const answer = await seats[0].client.ask('PATCH', path, renamed('right again'));
    if (answer?.status === 200) break;
    if (performance.now() - since > rightAgainWithinMs) {
      problems.push(`after a jump of ${jump / hourMs} h and back: still ${told(answer)}`);
      break;
    }
    await sleep(10);
  }
  counts.rightAgainMs = Math.max(counts.rightAgainMs, performance.now() - since);
  now.wrong = false;
  const old = await seats[0].expired.ask('GET', path);
  if (old?.status !== 401) problems.push(`an expired key, clock right again: ${told(old)}`);
};

/** A key of `load` that ends in a moment. */
const shortLivedKey = (home: Home): Promise<string> =>
  withStore(home, async ({ stores }) => {
    const issued = await issueKey(
      { clock: systemClock, random: systemRandom, store: stores.keys },
      {
        kind: 'client',
        holder: 'load',
        environment: 'test',
        issuedBy: 'campaign',
        holderExpiresAt: systemClock.now() + shortLifeMs,
      },
    );
    if (isRefusal(issued)) throw new Error(issued.detail);
    return issued.token;
  });

/** Which of the acknowledged entries lost their body: pruned before its time. */
const bodiesGone = async ({ seats, acknowledged }: Scene): Promise<readonly string[]> => {
  const { ledger } = seats[1].gateway.foundation;
  const gone: string[] = [];
  for (const id of acknowledged) {
    const shown = await ledger.show(id as LedgerId);
    if (shown === null || shown.body === null)
      gone.push(`${id} lost its ${shown === null ? 'record' : 'body'}`);
  }
  return gone;
};

const prepare = async (several: Several, clock: JumpingClock): Promise<Scene> => {
  const [home] = several.homes as readonly [Home];
  const expiredToken = await shortLivedKey(home);
  const issuedAt = performance.now();
  const seats: Seat[] = [];
  for (const [at, one] of several.homes.entries()) {
    const gateway = await startGatewayHere(one, at === 0 ? clock : systemClock);
    const base = `http://127.0.0.1:${gateway.data.port}`;
    const client = makeLoadClient({ base, token: several.token, connections: workers + 1 });
    const expired = makeLoadClient({ base, token: expiredToken, connections: 1 });
    seats.push({ gateway, client, expired });
  }
  await sleep(Math.max(0, shortLifeMs + 50 - (performance.now() - issuedAt)));
  return {
    seats: seats as [Seat, Seat],
    clock,
    problems: [],
    acknowledged: new Set(),
    counts: { untrusted: 0, reads: 0, expiredRefused: 0, rightAgainMs: 0 },
    now: { running: true, wrong: false },
  };
};

const stopAll = async ({ seats }: Scene): Promise<void> => {
  for (const { gateway, client, expired } of seats) {
    await client.close();
    await expired.close();
    await gateway.stop(2_000);
  }
};

const play = async (several: Several, target: UsersTarget, options: CampaignOptions) => {
  const { rounds, seed, print } = options;
  const draw = seededNumbers(seed);
  const scene = await prepare(several, makeJumpingClock());
  const { seats, now, problems, acknowledged, counts } = scene;
  const makeUser = async (name: string): Promise<string> => {
    const made = await seats[1].client.ask('POST', '/scim/users/Users', newUser(name));
    if (made?.status !== 201) throw new Error(`no user was made: ${told(made)}`);
    return `/scim/users/Users/${made.resourceId}`;
  };
  let gone: readonly string[];
  try {
    const steady = await makeUser('steady@example.com');
    const paths = await Promise.all(
      Array.from({ length: 2 * workers }, (_unused, one) => makeUser(`user-${one}@example.com`)),
    );
    const working = paths.map((path, one) => work(scene, one % 2 === 0 ? 0 : 1, path));
    for (let round = 1; round <= rounds; round += 1) {
      for (const jump of jumps.toSorted(() => draw() - 0.5)) await playJump(scene, steady, jump);
    }
    now.running = false;
    await Promise.all(working);
    gone = await bodiesGone(scene);
  } finally {
    now.running = false;
    await stopAll(scene);
  }
  const audit = await auditStore(several.homes[0] as Home, target, acknowledged);
  print(audit.verified);
  const found = [...problems, ...gone, ...audit.problems];
  for (const line of found.slice(0, problemsShown)) print(line);
  return {
    ok: found.length === 0 && counts.untrusted > 0,
    figures: {
      jumps: rounds * jumps.length,
      'mutations acknowledged': acknowledged.size,
      'reads answered 200': counts.reads,
      'answered 503 clock_untrusted under load': counts.untrusted,
      'expired key refused': counts.expiredRefused,
      'long timers fired while wrong': scene.clock.fired(),
      'works again after, at most (ms)': Math.round(counts.rightAgainMs),
      'records or bodies pruned': gone.length,
      entries: audit.entries.size,
      problems: found.length,
    },
  };
};

const settings = ', settleAfter: 10ms, timeout: 2s, breaker: { minimum: 10000 }';

const run = (options: CampaignOptions) =>
  withSeveral(
    startUsersTarget(),
    (url) => ({
      gateways: 2,
      config: campaignConfig(targetAndRoute('users', url, settings)),
      lease: '5s',
      connections: 0,
    }),
    (several, target) => play(several, target, options),
  );

export const campaign: Campaign = {
  name: 'clocks',
  claim: 'while its wall clock is wrong a gateway decides nothing by time, and prunes nothing',
  roundsDefault: 10,
  run,
};
