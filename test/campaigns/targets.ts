/**
 * Ill targets behind one gateway: each gets its coded error and each of its mutations its outcome,
 * while a healthy target behind the same gateway notices nothing. A breaker opens and closes again;
 * a crowded queue turns away. One round asks every target and plays the breaker once.
 */
import type { Socket } from 'node:net';
import { allowedEntries, chainProblems, withStore } from './audit.ts';
import {
  badTargets,
  startBadTarget,
  type BadTarget,
  type RunningTarget,
  timeout,
} from './bad-targets.ts';
import type { Campaign, CampaignOptions } from './campaign.ts';
import {
  campaignConfig,
  issueLoadKey,
  makeHome,
  routePart,
  startGatewayProcess,
  targetPart,
  type Home,
} from './gateway-process.ts';
import { makeLoadClient, newUser, type LoadAnswer, type LoadClient } from './load-client.ts';
import { startUsersTarget } from './users-target.ts';

const timeoutMs = 1_000;
/** The time-out of the ill: whoever waited for one of them would stand out, on a busy machine too. */
const healthyMsMax = timeoutMs;
const healthyClients = 4;
const readsEach = 2;
const createsEach = 3;
const openMs = 1_000;
/** Answers are capped at 8 MiB; sockets and kernels hold some more of each call. */
const streamedPerCallMax = 32 * 1_048_576;

const plain = `, timeout: ${timeoutMs}ms, settleAfter: 1h, breaker: { minimum: 10000 }`;
const fragile = `, timeout: ${timeoutMs}ms, settleAfter: 1h, breaker: { failures: 50%, minimum: 5, window: 10s, open: ${openMs}ms }`;
const crowded = `, timeout: ${timeoutMs}ms, settleAfter: 1h, breaker: { minimum: 10000 }, limits: { concurrent: 1, queue: 1, wait: 300ms }`;

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Collects what went wrong; `expect` compares. */
type Judge = Readonly<{
  problems: string[];
  expect(what: string, got: unknown, wanted: unknown): void;
}>;

const makeJudge = (): Judge => {
  const problems: string[] = [];
  return {
    problems,
    expect: (what, got, wanted) => {
      if (got !== wanted) problems.push(`${what}: ${String(got)}, not ${String(wanted)}`);
    },
  };
};

type Scene = Readonly<{
  client: LoadClient;
  judge: Judge;
  /** Outcome that each entry must have, by ledger id. */
  due: Map<string, string>;
  figures: { calls: number; creates: number };
}>;

let names = 0;
const create = (scene: Scene, route: string): Promise<LoadAnswer | null> => {
  names += 1;
  scene.figures.creates += 1;
  return scene.client.ask('POST', `/scim/${route}/Users`, newUser(`user-${names}@example.com`));
};

const read = (scene: Scene, route: string): Promise<LoadAnswer | null> => {
  scene.figures.calls += 1;
  return scene.client.ask('GET', `/scim/${route}/Users/u1`);
};

const expectDue = (scene: Scene, what: string, answer: LoadAnswer | null, due: string): void => {
  const id = answer?.ledgerId ?? null;
  if (id === null) scene.judge.problems.push(`${what}: no ledger id`);
  else scene.due.set(id, due);
};

/** Reads and creates at one ill target, all at once. */
const askBad = async (scene: Scene, bad: BadTarget): Promise<void> => {
  const { judge } = scene;
  const { name } = bad;
  const expectedOf = (answer: LoadAnswer | null): BadTarget['expected'] =>
    bad.endless === true && answer?.status === timeout.status
      ? { ...bad.expected, ...timeout }
      : bad.expected;
  const reads = Array.from({ length: readsEach }, () => read(scene, name));
  const creates = Array.from({ length: createsEach }, () => create(scene, name));
  for (const answer of await Promise.all(reads)) {
    const expected = expectedOf(answer);
    judge.expect(`${name} read: status`, answer?.status, expected.status);
    judge.expect(`${name} read: code`, answer?.code, expected.code);
  }
  for (const answer of await Promise.all(creates)) {
    const expected = expectedOf(answer);
    judge.expect(`${name} create: status`, answer?.status, expected.status);
    judge.expect(`${name} create: code`, answer?.code, expected.code);
    judge.expect(`${name} create: outcome said`, answer?.outcome, expected.said);
    if (expected.status === 429) judge.expect(`${name}: Retry-After`, answer?.retryAfter, '60');
    expectDue(scene, `${name} create`, answer, expected.outcome);
  }
};

const isTurnedAway = (answer: LoadAnswer | null): boolean =>
  answer?.status === 503 && answer.code === 'target_overloaded' && Number(answer.retryAfter) > 0;

/** One slot, one place in the queue: the rest is turned away at once, and nothing of it was sent. */
const crowd = async (scene: Scene): Promise<void> => {
  const answers = await Promise.all(Array.from({ length: 5 }, () => create(scene, 'crowded')));
  const away = answers.filter(isTurnedAway);
  scene.judge.expect('crowded: turned away', away.length, 4);
  const sent = answers.filter((answer) => !isTurnedAway(answer));
  scene.judge.expect('crowded: sent and timed out', sent[0]?.code, 'target_timeout');
  for (const answer of away) expectDue(scene, 'crowded', answer, 'not-sent');
  for (const answer of sent) expectDue(scene, 'crowded', answer, 'in-doubt');
};

/** A target that resets connections while it is down, and answers otherwise. */
type Flaky = { down: boolean };

const serveFlaky =
  (flaky: Flaky) =>
  (socket: Socket): void => {
    const body = JSON.stringify({
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      id: 'u1',
      userName: 'u1@example.com',
    });
    socket.on('data', () => {
      if (flaky.down) socket.resetAndDestroy();
      else {
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-type: application/scim+json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
        );
      }
    });
  };

/** Down until it opens; open, nothing arrives; up, one probe closes it. */
const playBreaker = async (scene: Scene, flaky: Flaky, target: RunningTarget): Promise<void> => {
  const { judge } = scene;
  flaky.down = true;
  let opened = false;
  for (let at = 0; at < 20 && !opened; at += 1) opened = isTurnedAway(await read(scene, 'flaky'));
  judge.expect('breaker: opened', opened, true);
  const before = target.seen().connections;
  const [first, ...rest] = await Promise.all([
    create(scene, 'flaky'),
    ...Array.from({ length: 4 }, () => read(scene, 'flaky')),
  ]);
  judge.expect('breaker open: create turned away', isTurnedAway(first), true);
  judge.expect('breaker open: reads turned away', rest.filter(isTurnedAway).length, 4);
  judge.expect('breaker open: connections made', target.seen().connections - before, 0);
  expectDue(scene, 'breaker open', first, 'not-sent');
  flaky.down = false;
  await sleep(openMs + 50);
  judge.expect('breaker: the probe', (await read(scene, 'flaky'))?.status, 200);
  for (let at = 0; at < 5; at += 1) {
    judge.expect('breaker closed again', (await read(scene, 'flaky'))?.status, 200);
  }
};

type Healthy = { readonly times: number[]; bad: number; running: boolean };

/** Creates and reads at the healthy target until told to stop. */
const keepHealthy = async (client: LoadClient, healthy: Healthy, at: number): Promise<void> => {
  const note = (answer: LoadAnswer | null): string => {
    if (answer === null || answer.status > 299) healthy.bad += 1;
    else healthy.times.push(answer.ms);
    return answer?.resourceId ?? '';
  };
  for (let turn = 0; healthy.running; turn += 1) {
    const user = newUser(`healthy-${at}-${turn}@example.com`);
    const id = note(await client.ask('POST', '/scim/healthy/Users', user));
    note(await client.ask('GET', `/scim/healthy/Users/${id}`));
    note(await client.ask('DELETE', `/scim/healthy/Users/${id}`));
    await sleep(5);
  }
};

const percentile = (times: readonly number[], share: number): number => {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
};

type Neighbours = Readonly<{
  bad: ReadonlyMap<string, RunningTarget>;
  flaky: Flaky;
  stop(): Promise<void>;
}>;

const startNeighbours = async (): Promise<Neighbours> => {
  const flaky: Flaky = { down: true };
  const all = [
    ...badTargets,
    { name: 'crowded', serve: (): void => {} },
    { name: 'flaky', serve: serveFlaky(flaky) },
  ];
  const bad = new Map<string, RunningTarget>();
  for (const each of all) bad.set(each.name, await startBadTarget(each));
  return {
    bad,
    flaky,
    stop: async () => {
      await Promise.all([...bad.values()].map((target) => target.stop()));
    },
  };
};

const configOf = (healthyUrl: string, { bad }: Neighbours): string => {
  const special: ReadonlyMap<string, string> = new Map([
    ['flaky', fragile],
    ['crowded', crowded],
  ]);
  const parts = [...bad].map(([name, { url }]) =>
    targetPart(name, url, special.get(name) ?? plain),
  );
  const routes = ['healthy', ...bad.keys()].map((name) => routePart(name));
  return campaignConfig(
    ['targets:', targetPart('healthy', healthyUrl), ...parts, 'routes:', ...routes, ''].join('\n'),
  );
};

/** Plays all rounds against a gateway that runs. */
const playRounds = async (
  scene: Scene,
  neighbours: Neighbours,
  { rounds, print }: CampaignOptions,
): Promise<void> => {
  const flaky = neighbours.bad.get('flaky') as RunningTarget;
  for (let round = 1; round <= rounds; round += 1) {
    const known = scene.judge.problems.length;
    await Promise.all([
      ...badTargets.map((bad) => askBad(scene, bad)),
      crowd(scene),
      playBreaker(scene, neighbours.flaky, flaky),
    ]);
    if (scene.judge.problems.length > known) print(`round ${round} went wrong`);
  }
};

const auditOutcomes = (home: Home, scene: Scene): Promise<number> =>
  withStore(home, async (foundation) => {
    const rows = await allowedEntries(foundation);
    for (const [id, outcome] of scene.due) {
      const row = rows.get(id);
      scene.judge.expect(`${id} at ${row?.target}: outcome`, row?.outcome, outcome);
    }
    scene.judge.problems.push(...(await chainProblems(foundation)));
    return [...rows.values()].filter(({ outcome }) => outcome === null).length;
  });

const run = async (options: CampaignOptions) => {
  const target = await startUsersTarget();
  const neighbours = await startNeighbours();
  const home = await makeHome(configOf(target.url, neighbours));
  const judge = makeJudge();
  try {
    const token = await issueLoadKey(home);
    const gateway = await startGatewayProcess(home);
    const client = makeLoadClient({ base: gateway.data, token, connections: 256 });
    const scene: Scene = { client, judge, due: new Map(), figures: { calls: 0, creates: 0 } };
    const healthy: Healthy = { times: [], bad: 0, running: true };
    const streamed = (): number => neighbours.bad.get('gigabyte')?.seen().bytes ?? 0;
    try {
      const load = Array.from({ length: healthyClients }, (_, at) =>
        keepHealthy(client, healthy, at),
      );
      await playRounds(scene, neighbours, options);
      healthy.running = false;
      await Promise.all(load);
    } finally {
      healthy.running = false;
      await client.close();
      await gateway.end('SIGTERM');
    }
    const open = await auditOutcomes(home, scene);
    const p99 = percentile(healthy.times, 0.99);
    const streams = options.rounds * (readsEach + createsEach);
    if (p99 > healthyMsMax) judge.problems.push(`the healthy target's p99 is ${p99.toFixed(1)} ms`);
    if (streamed() > streams * streamedPerCallMax) judge.problems.push('streams were not cut off');
    for (const line of judge.problems.slice(0, 30)) options.print(line);
    return {
      ok:
        judge.problems.length === 0 && healthy.bad === 0 && healthy.times.length > 0 && open === 0,
      figures: {
        rounds: options.rounds,
        'ill targets': badTargets.length,
        'reads at ill targets': scene.figures.calls,
        'creates at ill targets': scene.figures.creates,
        'outcomes compared': scene.due.size,
        'entries without outcome': open,
        'bytes taken of each gigabyte': Math.round(streamed() / streams),
        'healthy: calls': healthy.times.length,
        'healthy: not 2xx': healthy.bad,
        'healthy: p50 ms': percentile(healthy.times, 0.5).toFixed(1),
        'healthy: p99 ms': p99.toFixed(1),
        problems: judge.problems.length,
      },
    };
  } finally {
    await neighbours.stop();
    await target.stop();
    await home.remove();
  }
};

export const campaign: Campaign = {
  name: 'targets',
  claim:
    'an ill target gets its coded error and each mutation its outcome; its neighbours do not notice',
  roundsDefault: 10,
  run,
};
