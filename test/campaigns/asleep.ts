/**
 * Puts one of two gateways to sleep (SIGSTOP) with calls under way, until its lease has ended and the
 * other settled for it; the target answers meanwhile, and the answers wait in the sleeper's sockets.
 * Then it wakes. One round is one such sleep.
 */
import { request } from 'undici';
import { parseLedgerId, type LedgerId } from '../../src/ids.ts';
import { withStore } from './audit.ts';
import { seededNumbers, type Campaign, type CampaignOptions } from './campaign.ts';
import { campaignConfig, issueKeyOf, targetAndRoute, type Home } from './gateway-process.ts';
import { newUser, renamed } from './load-client.ts';
import {
  auditStore,
  withSeveral,
  sleep,
  type Audit,
  type Seat,
  type Several,
} from './several-gateways.ts';
import { instant, startUsersTarget, type Arrival, type UsersTarget } from './users-target.ts';

const leaseMs = 2_000;
const sleepers = 8;
const others = 2;
/** Time the target takes before a change and again before its answer, ms: a sleep finds calls in both. */
const slowMs = 250;
const person = 'alice@example.com';
const takenOverWithinMs = 15_000;
const awakeWithinMs = 15_000;
const settlingMs = 6_000;
const lookEveryMs = 100;
const edgeMs = 100;
/** The first of so many sleeps lasts until the other gateway has read back what was under way. */
const deepEvery = 10;
const readBackMs = 5_000;
const problemsShown = 20;

const configOf = (url: string): string =>
  campaignConfig(
    targetAndRoute('users', url, ', settleAfter: 10ms, timeout: 1s, breaker: { minimum: 10000 }'),
    { admin: `, people: [{ name: ${person}, roles: [viewer, operator], until: 2099-12-31 }]` },
  );

/** What one sleep found. */
type Sleep = Readonly<{
  wokenAt: number;
  /** Ledger ids of what the target answered while it slept, oldest first. */
  underWay: readonly string[];
  /** And of what was answered so shortly before that the outcome may not have been recorded. */
  perhaps: readonly string[];
}>;

type Scene = Readonly<{
  several: Several;
  target: UsersTarget;
  alice: string;
  draw: () => number;
  sleeps: Sleep[];
  problems: string[];
  acknowledged: Set<string>;
  /** Answers of the sleeper's calls by status and code. */
  answers: Map<string, number>;
  /** When a mutation of each seat that went well began, newest. */
  well: number[];
  now: { running: boolean };
  awakeMs: number[];
}>;

const seatOf = (scene: Scene, at: number): Seat => scene.several.seats[at] as Seat;

/** Changes its own user over and over, through one seat. */
const change = async (scene: Scene, at: number, path: string): Promise<void> => {
  const { now, acknowledged, answers, problems, well } = scene;
  for (let count = 0; now.running; count += 1) {
    const began = instant();
    const answer = await seatOf(scene, at).client.ask('PATCH', path, renamed(`change ${count}`));
    const told = answer === null ? 'broken' : `${answer.status} ${answer.code ?? ''}`.trim();
    if (answer?.status === 200 && answer.ledgerId !== null) {
      acknowledged.add(answer.ledgerId);
      well[at] = Math.max(well[at] ?? 0, began);
    } else {
      if (at > 0 || answer === null) problems.push(`a change on gateway ${at}: ${told}`);
      await sleep(50);
    }
    if (at === 0) answers.set(told, (answers.get(told) ?? 0) + 1);
  }
};

const lastOf = (path: string): string => path.split('/').at(-1) ?? '';
const idsOf = (arrivals: readonly Arrival[]): readonly string[] =>
  arrivals.flatMap(({ ledgerId }) => (ledgerId === null ? [] : [ledgerId]));

const makeUser = async (scene: Scene, at: number, name: string): Promise<string> => {
  const made = await seatOf(scene, at).client.ask('POST', '/scim/users/Users', newUser(name));
  if (made?.status !== 201) throw new Error(`no user was made: ${JSON.stringify(made)}`);
  return `/scim/users/Users/${made.resourceId}`;
};

/** Is every one of these settled, says the gateway that is awake? */
const settledByOther = async (scene: Scene, ids: readonly string[]): Promise<boolean> => {
  for (const id of ids) {
    const { statusCode, body } = await request(
      `${seatOf(scene, 1).gateway.admin}/api/v1/ledger/${id}`,
      { headers: { authorization: `Bearer ${scene.alice}` } },
    );
    const shown = (await body.json()) as { outcomes: readonly unknown[] };
    if (statusCode !== 200) throw new Error(`ledger show: ${JSON.stringify(shown)}`);
    if (shown.outcomes.length === 0) return false;
  }
  return true;
};

/** Looks until it holds; gives the ms that took, or null. */
const eventually = async (
  holds: () => boolean | Promise<boolean>,
  mostMs: number,
): Promise<number | null> => {
  const since = performance.now();
  while (!(await holds())) {
    if (performance.now() - since > mostMs) return null;
    await sleep(lookEveryMs);
  }
  return performance.now() - since;
};

const playSleep = async (
  scene: Scene,
  paths: ReadonlySet<string>,
  untilReadBack: boolean,
): Promise<void> => {
  const { target, problems, draw } = scene;
  const { pid } = seatOf(scene, 0).gateway;
  await sleep(2 * slowMs + draw() * 2 * slowMs);
  process.kill(pid, 'SIGSTOP');
  const stoppedAt = instant();
  const arrived = () => target.arrivals().filter(({ path }) => paths.has(lastOf(path)));
  const atTarget = idsOf(arrived().filter(({ answeredAt }) => answeredAt === null));
  try {
    await sleep(leaseMs);
    const taken = await eventually(() => settledByOther(scene, atTarget), takenOverWithinMs);
    if (taken === null) problems.push('the other gateway settled nothing of a gateway asleep');
    if (untilReadBack) await sleep(readBackMs);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  const wokenAt = instant();
  // Before it fell asleep, for a signal takes its moment; answered too shortly before, for outcomes ride late.
  const met = arrived().filter(({ arrivedAt }) => arrivedAt <= wokenAt);
  const answeredSince = (at: number): readonly string[] =>
    idsOf(met.filter(({ answeredAt }) => (answeredAt ?? Number.POSITIVE_INFINITY) > at));
  const underWay = answeredSince(stoppedAt);
  scene.sleeps.push({ wokenAt, underWay, perhaps: answeredSince(stoppedAt - edgeMs) });
  const awake = await eventually(() => (scene.well[0] ?? 0) >= wokenAt, awakeWithinMs);
  if (awake === null) problems.push('it did not serve again after it woke');
  else scene.awakeMs.push(awake);
};

const chainOf = (id: string | null): string => parseLedgerId(id ?? '')?.writer ?? '';

/** Entries with an outcome that came late; of these, those whose final outcome it took back. */
const lateEntries = (home: Home, ids: readonly string[]) =>
  withStore(home, async ({ ledger }) => {
    const late = new Set<string>();
    const takenBack: string[] = [];
    for (const id of ids) {
      const shown = await ledger.show(id as LedgerId);
      const outcomes = shown?.outcomes ?? [];
      if (outcomes.every(({ settledBy }) => settledBy !== 'late-send')) continue;
      late.add(id);
      const wasFinal = outcomes.some(({ outcome }) => outcome !== 'in-doubt');
      if (wasFinal && shown?.row.outcome === 'in-doubt') takenBack.push(id);
    }
    return { late, takenBack };
  });

const judge = async (scene: Scene, audit: Audit) => {
  const { target, sleeps, several } = scene;
  const underWay = sleeps.flatMap((one) => one.underWay);
  const { late, takenBack } = await lateEntries(several.homes[0] as Home, [
    ...audit.entries.keys(),
  ]);
  const unnamed = underWay.filter((id) => !late.has(id));
  const edge = sleeps.flatMap((one) => one.perhaps);
  const others = [...late].filter((id) => !edge.includes(id));
  // The chain it wrote as it fell asleep is closed: what goes out later under it has no lease.
  const stale = target
    .arrivals()
    .filter(({ ledgerId, arrivedAt }) =>
      sleeps.some(
        ({ wokenAt, underWay: [first] }) =>
          first !== undefined && chainOf(first) === chainOf(ledgerId) && arrivedAt > wokenAt,
      ),
    );
  const told = (id: string): string => `settled by ${audit.entries.get(id)?.settledBy ?? 'nobody'}`;
  return {
    figures: {
      sleeps: sleeps.length,
      'under way at the target as it fell asleep': underWay.length,
      'answered so shortly before that it was late': [...late].filter(
        (id) => !underWay.includes(id) && edge.includes(id),
      ).length,
      'late sends in the ledger': late.size,
      'of these their last word': [...audit.entries.values()].filter(
        ({ settledBy }) => settledBy === 'late-send',
      ).length,
      'under way, but not named late-send': unnamed.length,
      'final outcomes taken back by a late doubt': takenBack.length,
      'sent after the lease had ended': stale.length,
    },
    problems: [
      ...unnamed.map((id) => `${id}: under way, yet not late: ${told(id)}`),
      ...others.map((id) => `${id}: late, yet not under way: ${told(id)}`),
      ...takenBack.map((id) => `${id}: it was settled, and a late doubt took that back`),
      ...stale.map(({ ledgerId }) => `${ledgerId}: sent after the lease had ended`),
    ],
  };
};

const play = async (several: Several, target: UsersTarget, options: CampaignOptions) => {
  const { rounds, seed, print } = options;
  const [home] = several.homes as readonly [Seat['home']];
  const scene: Scene = {
    several,
    target,
    alice: await issueKeyOf(home, 'people', person),
    draw: seededNumbers(seed),
    sleeps: [],
    problems: [],
    acknowledged: new Set(),
    answers: new Map(),
    well: [],
    now: { running: true },
    awakeMs: [],
  };
  const changes: Promise<void>[] = [];
  const paths = new Set<string>();
  for (let one = 0; one < sleepers + others; one += 1) {
    const at = one < sleepers ? 0 : 1;
    const path = await makeUser(scene, at, `user-${one}@example.com`);
    if (at === 0) paths.add(lastOf(path));
    changes.push(change(scene, at, path));
  }
  for (let round = 1; round <= rounds; round += 1) {
    await playSleep(scene, paths, round % deepEvery === 1);
    if (round % 10 === 0) print(`round ${round}: ${target.arrivals().length} mutations seen`);
  }
  scene.now.running = false;
  await Promise.all(changes);
  await target.idle();
  await sleep(settlingMs);
  await several.stopGateways();
  const audit = await auditStore(home, target, scene.acknowledged);
  print(audit.verified);
  const { figures, problems } = await judge(scene, audit);
  const found = [...scene.problems, ...problems, ...audit.problems];
  for (const line of found.slice(0, problemsShown)) print(line);
  print([...scene.answers].map(([told, count]) => `${count} x ${told}`).join(', '));
  const { truth } = audit;
  return {
    ok: found.length === 0 && figures['under way at the target as it fell asleep'] > 0,
    figures: {
      ...figures,
      'served again after waking, at most (ms)': Math.round(Math.max(...scene.awakeMs)),
      'mutations seen by the target': target.arrivals().length,
      'answers acknowledged (2xx)': scene.acknowledged.size,
      entries: audit.entries.size,
      applied: truth.applied,
      'not-sent': truth.notSent,
      'in-doubt': truth.inDoubt,
      'settled by read-back': truth.settledByReadBack,
      problems: found.length,
    },
  };
};

const run = (options: CampaignOptions) =>
  withSeveral(
    startUsersTarget({ delayMs: () => slowMs }),
    (url) => ({
      gateways: 2,
      config: configOf(url),
      lease: `${leaseMs / 1_000}s`,
      connections: sleepers + 2,
    }),
    (several, target) => play(several, target, options),
  );

export const campaign: Campaign = {
  name: 'asleep',
  claim:
    'a gateway that slept past its lease sends nothing more under it, and its late answers are named',
  roundsDefault: 50,
  run,
};
