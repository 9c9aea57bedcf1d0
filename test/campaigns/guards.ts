/**
 * One guard before three gateways on one PostgreSQL: whoever asks, wherever, while Redis forgets all it
 * knew, exactly as many go out as the guard lets, and every other one waits. One round is twenty users.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { withStore } from './audit.ts';
import type { Campaign, CampaignOptions } from './campaign.ts';
import { campaignConfig, targetAndRoute } from './gateway-process.ts';
import { newUser } from './load-client.ts';
import { auditStore, sleep, withSeveral, type Seat, type Several } from './several-gateways.ts';
import { startUsersTarget, type UsersTarget } from './users-target.ts';

const limit = 25;
const usersPerRound = 20;
const connections = 32;

const configOf = (target: string): string =>
  campaignConfig(
    targetAndRoute(
      'users',
      target,
      `, timeout: 5s, breaker: { minimum: 10000 }, limits: { concurrent: 64, queue: 1000, wait: 20s }, guards: [{ name: leave, actions: ["users:deactivate", "users:delete"], count: ${limit}, in: 1h, per: tenant, then: hold }]`,
    ),
  );

const deactivation = {
  schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
  Operations: [{ op: 'replace', path: 'active', value: false }],
};

const makeUsers = async (seats: readonly Seat[], count: number): Promise<readonly string[]> => {
  const ids: string[] = [];
  let next = 0;
  const worker = async ({ client }: Seat): Promise<void> => {
    while (next < count) {
      const name = `u${(next += 1)}@example.com`;
      const made = await client.ask('POST', '/scim/users/Users', newUser(name));
      if (made?.status !== 201 || made.resourceId === null) {
        throw new Error(`no user was made: ${JSON.stringify(made)}`);
      }
      ids.push(made.resourceId);
    }
  };
  await Promise.all(seats.flatMap((seat) => Array.from({ length: 4 }, () => worker(seat))));
  return ids;
};

/** Redis' inline form (https://redis.io/docs/latest/develop/reference/protocol-spec/#inline-commands). */
const forgetAll = async (port: number): Promise<void> => {
  const socket = connect(port, '127.0.0.1');
  socket.write('FLUSHALL\r\n');
  await once(socket, 'data');
  socket.destroy();
};

/** All of them at once, over all gateways in turn; Redis forgets everything a few times meanwhile. */
const deactivateAll = async (several: Several, ids: readonly string[]) => {
  const answers = new Map<string, number>();
  const note = (word: string): void => void answers.set(word, (answers.get(word) ?? 0) + 1);
  const flushing = { done: false, times: 0 };
  const flush = (async () => {
    while (!flushing.done) {
      await forgetAll(several.redis.port);
      flushing.times += 1;
      await sleep(20);
    }
  })();
  await Promise.all(
    ids.map(async (id, index) => {
      const { client } = several.seats[index % several.seats.length] as Seat;
      const answer = await client.ask('PATCH', `/scim/users/Users/${id}`, deactivation);
      note(answer === null ? 'broken' : `${answer.status} ${answer.code ?? ''}`.trim());
    }),
  );
  flushing.done = true;
  await flush;
  return { answers, flushed: flushing.times };
};

const pendingIn = (seat: Seat): Promise<number> =>
  withStore(seat.home, async ({ stores }) => {
    let found = 0;
    let before: Parameters<typeof stores.holds.list>[0]['before'];
    for (;;) {
      const page = await stores.holds.list({
        states: ['pending'],
        limit: 1_000,
        ...(before === undefined ? {} : { before }),
      });
      found += page.length;
      before = page.at(-1)?.id;
      if (page.length < 1_000) return found;
    }
  });

const play = async (several: Several, target: UsersTarget, { rounds, print }: CampaignOptions) => {
  const users = rounds * usersPerRound;
  const ids = await makeUsers(several.seats, users);
  const { answers, flushed } = await deactivateAll(several, ids);
  for (const [answer, times] of answers) print(`${answer}: ${times}`);
  await several.stopGateways();
  const [seat] = several.seats as readonly [Seat];
  const sent = target.arrivals().filter(({ method }) => method === 'PATCH').length;
  const pending = await pendingIn(seat);
  const audit = await auditStore(seat.home, target, []);
  for (const line of audit.problems.slice(0, 20)) print(line);
  const allowed = Math.min(limit, users);
  return {
    ok:
      audit.problems.length === 0 &&
      sent === allowed &&
      pending === users - allowed &&
      answers.get('200') === allowed,
    figures: {
      'deactivations asked for at once': users,
      'let by the guard': limit,
      'sent to the target': sent,
      'held for people': pending,
      'times Redis forgot everything': flushed,
      problems: audit.problems.length,
    },
  };
};

const run = (options: CampaignOptions) =>
  withSeveral(
    startUsersTarget(),
    (target) => ({ gateways: 3, config: configOf(target), lease: '15s', connections }),
    (several, target) => play(several, target, options),
  );

export const campaign: Campaign = Object.freeze({
  name: 'guards',
  claim: 'however many ask at however many gateways at once, a guard lets exactly its count go out',
  roundsDefault: 25,
  run,
});
