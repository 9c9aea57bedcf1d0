/**
 * Kills the gateway without warning, over and over, in the middle of a load of creates, patches and
 * deletes, and holds its ledger against what the target saw. One round is one kill: at any moment, as
 * the first bytes of a mutation arrive at the target, or while commits stall (a gateway that did not
 * wait for them would have sent what is lost then).
 */
import DatabaseConstructor from 'better-sqlite3';
import { allowedEntries, chainProblems, compareWithTruth, missingOf, withStore } from './audit.ts';
import { seededNumbers, type Campaign, type CampaignOptions } from './campaign.ts';
import {
  campaignConfig,
  issueLoadKey,
  makeHome,
  runCommand,
  startGatewayProcess,
  targetAndRoute,
  type Home,
} from './gateway-process.ts';
import { makeLoadClient, newUser, renamed, type LoadClient } from './load-client.ts';
import { startUsersTarget, type UsersTarget } from './users-target.ts';

const clientCount = 16;
/** When the kill comes after the load began, ms. */
const killAfterMs = { least: 150, most: 700 };
const targetDelayMsMax = 8;
const stallMs = 40;
/** Changes closer together than `settleAfter` explain each other, and stay in doubt. */
const settings = ', settleAfter: 10ms, timeout: 3s, breaker: { minimum: 10000 }';
/** Time the last gateway gets to settle what the kills left, ms: a round of recovery begins every two seconds, reads twice, a second apart, and takes 64. */
const settlingMs = (open: number): number => 3_600 + 3_200 * Math.floor(open / 64);

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

type Load = { running: boolean; readonly acknowledged: Set<string>; unexpected: number };

/** One client: its own user through a whole life, again and again. */
const live = async (client: LoadClient, load: Load, name: string): Promise<void> => {
  const acknowledged = async (method: string, path: string, body?: unknown) => {
    const answer = await client.ask(method, `/scim/users${path}`, body);
    // A broken connection is what a kill looks like; anything but success is not.
    if (answer === null) load.running = false;
    else if (answer.status > 299 || answer.ledgerId === null) load.unexpected += 1;
    else load.acknowledged.add(answer.ledgerId);
    return answer;
  };
  for (let life = 0; load.running; life += 1) {
    const made = await acknowledged('POST', '/Users', newUser(`${name}-${life}@example.com`));
    const path = `/Users/${made?.resourceId ?? ''}`;
    for (let change = 0; load.running && change < 3; change += 1) {
      await acknowledged('PATCH', path, renamed(`${name} ${life} ${change}`));
    }
    if (load.running) await acknowledged('DELETE', path);
  }
};

/** Set by a round that kills when the next mutation arrives at the target. */
type Ambush = { strike: (() => void) | null };

type Round = Readonly<{
  home: Home;
  token: string;
  round: number;
  draw: () => number;
  target: UsersTarget;
  ambush: Ambush;
}>;

/** Resolves once the kill is under way. */
const nextArrival = (ambush: Ambush, kill: () => void): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      ambush.strike = null;
      clearTimeout(timer);
      kill();
      resolve();
    };
    const timer = setTimeout(done, killAfterMs.most);
    ambush.strike = done;
  });

/** Kills while another connection holds the store's write lock. */
const whileStalled = async (home: Home, kill: () => Promise<void>): Promise<void> => {
  const blocker = new DatabaseConstructor(home.storePath, { timeout: 5_000 });
  try {
    blocker.exec('BEGIN IMMEDIATE');
    await sleep(stallMs);
    await kill();
    blocker.exec('ROLLBACK');
  } finally {
    blocker.close();
  }
};

/** Starts a gateway, loads it, kills it; resolves with what was acknowledged. */
const playRound = async (played: Round): Promise<Load> => {
  const { home, token, round, draw, target, ambush } = played;
  const gateway = await startGatewayProcess(home);
  const client = makeLoadClient({ base: gateway.data, token, connections: clientCount });
  const load: Load = { running: true, acknowledged: new Set(), unexpected: 0 };
  try {
    const lives = Array.from({ length: clientCount }, (_, at) =>
      live(client, load, `r${round}c${at}`),
    );
    await sleep(killAfterMs.least + draw() * (killAfterMs.most - killAfterMs.least));
    const moment = draw();
    if (moment < 0.4) await nextArrival(ambush, () => process.kill(gateway.pid, 'SIGKILL'));
    const kill = (): Promise<void> => gateway.end('SIGKILL');
    await (moment > 0.7 ? whileStalled(home, kill) : kill());
    load.running = false;
    await Promise.all(lives);
  } finally {
    await gateway.end('SIGKILL');
    await client.close();
  }
  await target.idle();
  return load;
};

const run = async ({ rounds, seed, print }: CampaignOptions) => {
  const draw = seededNumbers(seed);
  const ambush: Ambush = { strike: null };
  const target = await startUsersTarget({
    delayMs: () => Math.floor(draw() * targetDelayMsMax),
    arrived: () => ambush.strike?.(),
  });
  const home = await makeHome(campaignConfig(targetAndRoute('users', target.url, settings)));
  const problems: string[] = [];
  let acknowledged = 0;
  let unexpected = 0;
  let openAtKill = 0;
  let audited = 0;
  try {
    const token = await issueLoadKey(home);
    for (let round = 1; round <= rounds; round += 1) {
      const load = await playRound({ home, token, round, draw, target, ambush });
      const fresh = target.arrivals().slice(audited);
      audited += fresh.length;
      acknowledged += load.acknowledged.size;
      unexpected += load.unexpected;
      await withStore(home, async (foundation) => {
        problems.push(...(await chainProblems(foundation)));
        const seen = fresh.map(({ ledgerId }) => ledgerId ?? 'no ledger id');
        for (const id of await missingOf(foundation, new Set([...seen, ...load.acknowledged]))) {
          problems.push(`round ${round}: ${id} is not in the ledger`);
        }
        const open = await foundation.ledger.unsettled(1_000);
        openAtKill += open.filter(({ outcome }) => outcome === null).length;
      });
      if (round % 10 === 0) print(`round ${round}: ${audited} mutations seen`);
    }
    const last = await startGatewayProcess(home);
    await sleep(settlingMs(openAtKill));
    await last.end('SIGTERM');
    const verified = await runCommand(home, ['ledger', 'verify']);
    print(verified.output.trim());
    const rows = await withStore(home, allowedEntries);
    const truth = compareWithTruth(rows, target.arrivals());
    for (const line of [...problems, ...truth.wrong].slice(0, 20)) print(line);
    return {
      ok:
        problems.length === 0 &&
        truth.wrong.length === 0 &&
        truth.withoutOutcome === 0 &&
        unexpected === 0 &&
        verified.code === 0 &&
        audited > 0,
      figures: {
        rounds,
        'mutations seen by the target': audited,
        'answers acknowledged (2xx)': acknowledged,
        'other answers': unexpected,
        'missing or broken': problems.length,
        entries: rows.size,
        'entries open at a kill': openAtKill,
        'entries without outcome': truth.withoutOutcome,
        applied: truth.applied,
        rejected: truth.rejected,
        'not-sent': truth.notSent,
        'in-doubt': truth.inDoubt,
        'in-doubt, in truth made': truth.inDoubtButMade,
        'settled by read-back': truth.settledByReadBack,
        'outcomes against the truth': truth.wrong.length,
      },
    };
  } finally {
    await target.stop();
    await home.remove();
  }
};

export const campaign: Campaign = {
  name: 'crash',
  claim: 'a kill at any moment loses no record of what reached the target, and no outcome lies',
  roundsDefault: 50,
  run,
};
