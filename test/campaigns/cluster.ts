/**
 * Three gateways on one PostgreSQL and one Redis: what they admit together, the order of mutations of
 * one resource through all of them, how fast a revoked key is refused everywhere, and one proof over
 * all chains. One round is one mutation of that resource.
 */
import { request } from 'undici';
import type { Campaign, CampaignOptions } from './campaign.ts';
import { admittedTogether } from './cluster-limits.ts';
import { campaignConfig, issueKeyOf, targetAndRoute } from './gateway-process.ts';
import { makeLoadClient, newUser, renamed } from './load-client.ts';
import {
  auditStore,
  withSeveral,
  sleep,
  type Audit,
  type Seat,
  type Several,
} from './several-gateways.ts';
import { startUsersTarget, type Arrival, type UsersTarget } from './users-target.ts';

const rate = { perSecond: 60, burst: 30 };
const connections = 4;
const revokedWithinMs = 1_000;
const knownWithinMs = 5_000;
const person = 'alice@example.com';

const configOf = (target: string): string =>
  campaignConfig(
    targetAndRoute(
      'users',
      target,
      ', timeout: 3s, breaker: { minimum: 10000 }, limits: { concurrent: 64, queue: 1000, wait: 20s }',
      { turns: 'shared', clients: ['rated'] },
    ),
    {
      others: `  rated: { owner: iam@example.com, purpose: what is counted, expires: 2099-12-31, auth: [{ apiKey: {} }], limits: { reads: { rate: ${rate.perSecond}/s, burst: ${rate.burst} } } }`,
      admin: `, people: [{ name: ${person}, roles: [viewer, operator, approver], until: 2099-12-31 }]`,
    },
  );

type Scene = Readonly<{ several: Several; target: UsersTarget; path: string; problems: string[] }>;

const mutate = async (
  { path, problems }: Scene,
  { client }: Seat,
  name: string,
): Promise<string | null> => {
  const answer = await client.ask('PATCH', path, renamed(name));
  if (answer?.status === 200) return answer.ledgerId;
  problems.push(`PATCH ${name}: ${answer?.status ?? 'broken'} ${answer?.code ?? ''}`);
  return null;
};

/** Half of the mutations from all sides at once, half one after the other through alternating gateways. */
const changeOneUser = async (scene: Scene, count: number) => {
  const { seats } = scene.several;
  const atOnce = Math.ceil(count / 2);
  const began = performance.now();
  let given = 0;
  const worker = async (seat: Seat): Promise<void> => {
    while (given < atOnce) await mutate(scene, seat, `at once ${(given += 1)}`);
  };
  await Promise.all(
    seats.flatMap((seat) => Array.from({ length: connections }, () => worker(seat))),
  );
  const between = performance.now();
  const numbered: (string | null)[] = [];
  for (let number = 0; number < count - atOnce; number += 1) {
    numbered.push(await mutate(scene, seats[number % seats.length] as Seat, `number ${number}`));
  }
  return {
    numbered,
    atOncePerSecond: Math.round((atOnce * 1_000) / (between - began)),
    inTurnPerSecond: Math.round(((count - atOnce) * 1_000) / (performance.now() - between)),
  };
};

/** Pairs of neighbours at the target of which the later one began before the earlier was answered. */
const overlapping = (arrivals: readonly Arrival[]): number =>
  arrivals.filter((arrival, at) => {
    const earlier = arrivals[at - 1];
    return earlier !== undefined && arrival.arrivedAt < (earlier.answeredAt ?? Infinity);
  }).length;

/** Neighbours in this list that are the other way round at the target or in the ledger. */
const misplaced = (values: readonly number[]): number =>
  values.filter((value, at) => at > 0 && value < (values[at - 1] as number)).length;

const judgeOrder = (
  audit: Audit,
  changes: readonly Arrival[],
  numbered: readonly (string | null)[],
) => {
  const place = new Map(changes.map(({ ledgerId }, at) => [ledgerId, at]));
  return {
    'mutations of one resource': changes.length,
    'overlapping at the target': overlapping(changes),
    // A turn is given before its intent is recorded, so their times are the order of turns.
    'against the order of their turns': misplaced(
      changes.map(({ ledgerId }) => Date.parse(audit.entries.get(ledgerId ?? '')?.at ?? '')),
    ),
    'numbered changes out of order': misplaced(numbered.map((id) => place.get(id) ?? -1)),
  };
};

const asPerson = async (seat: Seat, token: string, path: string, body: object) => {
  const response = await request(`${seat.gateway.admin}/api/v1${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.body.text();
  if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${text}`);
  return JSON.parse(text) as { token: string; key: { id: string } };
};

/** Asks until the answer has this status; gives ms since `since`, or Infinity after `mostMs`. */
const until = async (
  { seat, token, path }: Readonly<{ seat: Seat; token: string; path: string }>,
  status: number,
  { since, mostMs }: Readonly<{ since: number; mostMs: number }>,
): Promise<number> => {
  const client = makeLoadClient({ base: seat.gateway.data, token, connections: 1 });
  try {
    for (;;) {
      const answer = await client.ask('GET', path);
      const ms = performance.now() - since;
      if (answer?.status === status) return ms;
      if (ms > mostMs) return Number.POSITIVE_INFINITY;
      await sleep(2);
    }
  } finally {
    await client.close();
  }
};

/** Issues and revokes keys at the first gateway; gives how long the others took, ms, worst first. */
const revokeEverywhere = async ({ several, path }: Scene, token: string, times: number) => {
  const [first, ...others] = several.seats as readonly [Seat, ...Seat[]];
  const known: number[] = [];
  const refused: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const issued = await asPerson(first, token, '/keys', { holder: 'load' });
    const wait = (status: number, mostMs: number): Promise<number[]> => {
      const since = performance.now();
      return Promise.all(
        others.map((seat) => until({ seat, token: issued.token, path }, status, { since, mostMs })),
      );
    };
    known.push(...(await wait(200, knownWithinMs)));
    const refusing = wait(401, knownWithinMs);
    await asPerson(first, token, `/keys/${issued.key.id}/revoke`, {});
    refused.push(...(await refusing));
  }
  return { known: Math.round(Math.max(...known)), refused: Math.round(Math.max(...refused)) };
};

const play = async (several: Several, target: UsersTarget, { rounds, print }: CampaignOptions) => {
  const problems: string[] = [];
  const [seat] = several.seats as readonly [Seat];
  const rated = await issueKeyOf(seat.home, 'keys', 'rated');
  const alice = await issueKeyOf(seat.home, 'people', person);
  const made = await seat.client.ask('POST', '/scim/users/Users', newUser('one@example.com'));
  if (made?.status !== 201) throw new Error(`no user was made: ${JSON.stringify(made)}`);
  const scene: Scene = { several, target, path: `/scim/users/Users/${made.resourceId}`, problems };
  const bases = several.seats.map(({ gateway }) => gateway.data);
  const seconds = Math.min(20, Math.max(3, rounds / 100));
  const admitted = await admittedTogether({
    bases,
    token: rated,
    path: scene.path,
    seconds,
    ...rate,
  });
  print(admitted.line);
  const { numbered, ...speed } = await changeOneUser(scene, rounds);
  print(`${speed.atOncePerSecond}/s at once, ${speed.inTurnPerSecond}/s one after the other`);
  const keys = await revokeEverywhere(scene, alice, Math.max(1, Math.round(rounds / 200)));
  await several.stopGateways();
  const audit = await auditStore(
    seat.home,
    target,
    numbered.filter((id) => id !== null),
  );
  print(audit.verified);
  const changes = target.arrivals().filter(({ method }) => method === 'PATCH');
  const order = judgeOrder(audit, changes, numbered);
  const found = [...problems, ...audit.problems];
  for (const line of found.slice(0, 20)) print(line);
  const { 'mutations of one resource': arrived, ...disorder } = order;
  return {
    ok:
      found.length === 0 &&
      admitted.ok &&
      arrived === rounds &&
      Object.values(disorder).every((count) => count === 0) &&
      keys.refused <= revokedWithinMs,
    figures: {
      ...admitted.figures,
      ...order,
      'at once, per second': speed.atOncePerSecond,
      'one after the other, per second': speed.inTurnPerSecond,
      'new key known elsewhere after, at most (ms)': keys.known,
      'revoked key refused elsewhere after, at most (ms)': keys.refused,
      problems: found.length,
    },
  };
};

const run = (options: CampaignOptions) =>
  withSeveral(
    startUsersTarget(),
    (url) => ({ gateways: 3, config: configOf(url), lease: '5s', connections }),
    (several, target) => play(several, target, options),
  );

export const campaign: Campaign = {
  name: 'cluster',
  claim: 'three gateways on one store admit, order, revoke and record as one',
  roundsDefault: 2_000,
  run,
};
