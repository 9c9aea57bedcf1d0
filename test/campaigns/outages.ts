/**
 * Takes away, under load on two gateways, one after the other: a gateway (kill -9), PostgreSQL, Redis,
 * a connection in the middle of a commit, and the speed of the disk. One round is one of each. What
 * clients were told and what the target saw is held against the ledger in the end.
 */
import { seededNumbers, type Campaign, type CampaignOptions } from './campaign.ts';
import { campaignConfig, targetAndRoute } from './gateway-process.ts';
import { newUser } from './load-client.ts';
import { causes, type Cause } from './outage-causes.ts';
import { makeOutageLoad, type OutageLoad } from './outage-load.ts';
import { auditStore, sleep, withSeveral, type Several } from './several-gateways.ts';
import { startUsersTarget, type UsersTarget } from './users-target.ts';

const clientsPerGateway = 6;
const targetDelayMsMax = 8;
const leaseMs = 3_000;
const calmMs = 250;
const recoveryMsMax = 30_000;
const problemsShown = 20;

/**
 * Changes closer together than `settleAfter` explain each other, and stay in doubt. The guard counts every
 * second kind of change and is never full, so batches with claims and without are both cut.
 */
const settings =
  ', settleAfter: 10ms, timeout: 1s, breaker: { minimum: 10000 }, limits: { concurrent: 64, queue: 1000 }' +
  ', guards: [{ name: many, actions: ["users:create", "users:delete"], count: 1000000, in: 1h }]';

const configOf = (url: string): string =>
  campaignConfig(targetAndRoute('users', url, settings), {
    // Limits that count and never refuse: Redis is asked for every call.
    load: ', limits: { reads: 1000000/s, writes: 1000000/s }',
  });

type Scene = Readonly<{
  several: Several;
  load: OutageLoad;
  draw: () => number;
  /** By cause: worst recovery and how often it was played. */
  worst: Map<string, { times: number; recoveryMs: number; refused: number; awayMs: number }>;
  problems: string[];
}>;

const playCause = async (scene: Scene, cause: Cause): Promise<void> => {
  const { several, load, draw, worst, problems } = scene;
  await sleep(calmMs);
  const before = load.figures().refused;
  load.trouble({ broken: cause.breaksGateway ? several.seats.length - 1 : null });
  const began = performance.now();
  const healed = await cause.play(several, draw);
  const recovered = await load.recovered(healed, recoveryMsMax);
  if (recovered === null) problems.push(`${cause.name}: no recovery in ${recoveryMsMax} ms`);
  load.trouble(null);
  const was = worst.get(cause.name) ?? { times: 0, recoveryMs: 0, refused: 0, awayMs: 0 };
  worst.set(cause.name, {
    times: was.times + 1,
    recoveryMs: Math.max(was.recoveryMs, recovered ?? recoveryMsMax),
    refused: was.refused + load.figures().refused - before,
    awayMs: Math.max(was.awayMs, healed - began),
  });
};

/** Time the gateways get to settle what is open, ms: the lease of the last one killed, then rounds of recovery. */
const settlingMs = (kills: number): number => leaseMs + 6_000 + 1_000 * Math.ceil(kills / 4);

const judge = async (scene: Scene, target: UsersTarget, print: CampaignOptions['print']) => {
  const { several, load, worst, problems } = scene;
  const { acknowledged, unexpected, ...counts } = load.figures();
  const audit = await auditStore(several.seats[0]!.home, target, acknowledged);
  print(audit.verified);
  const found = [...problems, ...unexpected, ...audit.problems];
  for (const line of found.slice(0, problemsShown)) print(line);
  const { truth } = audit;
  return {
    ok: found.length === 0 && acknowledged.size > 0,
    figures: {
      'mutations seen by the target': target.arrivals().length,
      'answers acknowledged (2xx)': acknowledged.size,
      'refused (503 with Retry-After)': counts.refused,
      'refused (429 while Redis was away)': counts.limited,
      'connections broken by a kill': counts.broken,
      'reads answered 200': counts.reads,
      'slowest read (ms)': Math.round(counts.slowestReadMs),
      'slowest mutation (ms)': Math.round(counts.slowestMutationMs),
      entries: audit.entries.size,
      applied: truth.applied,
      rejected: truth.rejected,
      'not-sent': truth.notSent,
      'in-doubt': truth.inDoubt,
      'in-doubt, in truth made': truth.inDoubtButMade,
      'settled by read-back': truth.settledByReadBack,
      ...Object.fromEntries(
        [...worst].flatMap(([name, { times, recoveryMs, refused, awayMs }]) => [
          [`${name} (${times} times): recovery, at most (ms)`, Math.round(recoveryMs)],
          [`${name}: away at most (ms), refused meanwhile`, `${Math.round(awayMs)}, ${refused}`],
        ]),
      ),
      problems: found.length,
    },
  };
};

const play = async (several: Several, target: UsersTarget, options: CampaignOptions) => {
  const { rounds, seed, print } = options;
  const first = several.seats[0]!;
  const made = await first.client.ask('POST', '/scim/users/Users', newUser('steady@example.com'));
  if (made?.status !== 201) throw new Error(`no user was made: ${JSON.stringify(made)}`);
  const load = makeOutageLoad({ several, steady: made.resourceId ?? '', clientsPerGateway });
  const draw = seededNumbers(seed);
  const scene: Scene = { several, load, draw, worst: new Map(), problems: [] };
  const possible = causes.filter(({ name, needs }) => {
    const why = needs?.(several) ?? null;
    if (why !== null) print(`not played: ${name}: ${why}`);
    return why === null;
  });
  load.start();
  for (let round = 1; round <= rounds; round += 1) {
    for (const cause of possible) await playCause(scene, cause);
    if (round % 5 === 0) print(`round ${round}: ${target.arrivals().length} mutations seen`);
  }
  await load.stop();
  await target.idle();
  await sleep(settlingMs(rounds));
  await several.stopGateways();
  return judge(scene, target, print);
};

const run = (options: CampaignOptions) => {
  const draw = seededNumbers(options.seed + 1);
  return withSeveral(
    startUsersTarget({ delayMs: () => Math.floor(draw() * targetDelayMsMax) }),
    (url) => ({
      gateways: 2,
      config: configOf(url),
      lease: `${leaseMs / 1_000}s`,
      slow: true,
      connections: clientsPerGateway + 2,
    }),
    (several, target) => play(several, target, options),
  );
};

export const campaign: Campaign = {
  name: 'outages',
  claim:
    'whatever is taken away, nothing is lost, nothing goes out unrecorded, and it heals by itself',
  roundsDefault: 20,
  run,
};
