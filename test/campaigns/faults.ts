/**
 * Lets the store fail under a running gateway: I/O errors before and after a commit, full disks, a
 * file that may not grow; before an intent, between it and its outcome, and after it. One round is
 * one fault. Where the system lets a campaign mount one, a really full file system comes at the end
 * (full-disk.ts).
 */
import { request } from 'undici';
import type { LedgerRow } from '../../src/ledger/record.ts';
import type { Fault } from '../../src/storage/sqlite/faults.ts';
import type { SqliteStores } from '../../src/storage/sqlite/open.ts';
import { mainConfig, startFixture, type Answered, type Fixture } from '../support/fixture.ts';
import { allowedEntries, compareWithTruth, missingOf } from './audit.ts';
import { seededNumbers, type Campaign, type CampaignOptions } from './campaign.ts';
import { fillDisk } from './full-disk.ts';
import { newUser, renamed } from './load-client.ts';
import { startUsersTarget, type UsersTarget } from './users-target.ts';

const recoveryMs = 15_000;
const lookEveryMs = 25;
const createsPerRound = 6;
const problemsShown = 20;

/** Pages as `limitPages` takes them: no more than there are, and as many as ever needed. */
const pages = { none: 1, many: 1_000_000 };

/** What goes wrong in a round, and when. */
type Plan = Readonly<{
  fault: Fault;
  /** When it is armed: before the calls, as a mutation reaches the target, or after the answers. */
  moment: 'before' | 'between' | 'after';
  /** The file may not grow either, until the round ends. */
  stuck: boolean;
  /** Looks at the head fail too: for a while nobody knows whether a commit happened. */
  blind: number;
}>;

const drawPlan = (draw: () => number): Plan => {
  const pick = <Item>(items: readonly Item[]): Item =>
    items[Math.floor(draw() * items.length)] as Item;
  return {
    fault: {
      kind: pick(['io', 'io', 'full']),
      on: 'append',
      when: pick(['before', 'after']),
      count: 1 + Math.floor(draw() * 4),
    },
    moment: pick(['before', 'between', 'after']),
    stuck: draw() < 0.3,
    blind: draw() < 0.4 ? 1 + Math.floor(draw() * 3) : 0,
  };
};

const printPlan = ({ fault, moment, stuck, blind }: Plan): string =>
  `${fault.kind} ${fault.when} ${fault.on} x${fault.count}, ${moment}${stuck ? ', no room' : ''}, blind x${blind}`;

type Scene = {
  readonly fixture: Fixture;
  readonly target: UsersTarget;
  readonly problems: string[];
  readonly figures: {
    mutations: number;
    refused: number;
    reads: number;
    unready: number;
    recoveries: number;
  };
  /** Ids of users that exist and nobody else changes. */
  readonly steady: string[];
  made: number;
  /** Mutations answered 2xx, with or without being sent. */
  succeeded: number;
};

const route = '/scim/sandbox/Users';

const wait = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, lookEveryMs);
  });

/** One mutation: done, or refused for the ledger with the time to come again; nothing else. */
const mutate = async (
  scene: Scene,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answered> => {
  const answer = await scene.fixture.ask(method, path, body === undefined ? {} : { body });
  scene.figures.mutations += 1;
  if (answer.status <= 299) {
    scene.succeeded += 1;
    if (typeof answer.headers['sallyport-ledger-id'] !== 'string') {
      scene.problems.push(`${method}: success without a ledger id`);
    }
    return answer;
  }
  scene.figures.refused += 1;
  const error = answer.body?.['urn:sallyport:error'] as { code?: string } | undefined;
  const after = Number(answer.headers['retry-after']);
  if (answer.status !== 503 || error?.code !== 'ledger_unavailable' || !(after > 0)) {
    const { status } = answer;
    scene.problems.push(`${method}: ${status} ${error?.code ?? ''}, Retry-After ${after}`);
  }
  return answer;
};

const create = async (scene: Scene): Promise<Answered> => {
  scene.made += 1;
  return mutate(scene, 'POST', route, newUser(`user-${scene.made}@example.com`));
};

const read = async (scene: Scene): Promise<void> => {
  const { status } = await scene.fixture.ask('GET', `${route}/${scene.steady[0]}`);
  scene.figures.reads += 1;
  if (status !== 200) scene.problems.push(`a read was answered ${status}`);
};

/** While the ledger takes nothing, /readyz says so; asked only where it takes nothing before and after. */
const checkReadiness = async ({ fixture, problems, figures }: Scene): Promise<void> => {
  const { ledger } = fixture.gateway.foundation;
  const before = ledger.writable();
  const { statusCode, body } = await request(
    `http://127.0.0.1:${fixture.gateway.admin.port}/readyz`,
  );
  await body.dump();
  if (before !== ledger.writable()) return;
  if (statusCode !== (before ? 200 : 503)) {
    problems.push(`/readyz ${statusCode} while writable is ${before}`);
  }
  if (!before) figures.unready += 1;
};

/** A wave of calls of every kind at once. */
const wave = async (scene: Scene): Promise<void> => {
  const { steady } = scene;
  const leaving = steady.pop() as string;
  const answers = await Promise.all([
    ...Array.from({ length: createsPerRound }, () => create(scene)),
    mutate(scene, 'PATCH', `${route}/${steady[0]}`, renamed(`name ${scene.made}`)),
    mutate(scene, 'DELETE', `${route}/${leaving}`),
    read(scene),
    read(scene),
  ]);
  if (answers[createsPerRound + 1]?.status !== 204) steady.push(leaving);
  for (const answer of answers.slice(0, createsPerRound) as Answered[]) {
    if (answer.status === 201) steady.push(String(answer.body['id']));
  }
};

/** Sends creates until one is made again; nobody lends a hand. */
const recover = async (scene: Scene): Promise<void> => {
  const until = performance.now() + recoveryMs;
  for (;;) {
    const { status, body } = await create(scene);
    if (status === 201) {
      scene.figures.recoveries += 1;
      scene.steady.push(String(body['id']));
      return;
    }
    if (performance.now() > until) throw new Error(`no recovery in ${recoveryMs} ms`);
    await wait();
  }
};

/** Enough users for a round: two waves delete one each, and one stays to be read and changed. */
const restock = async (scene: Scene): Promise<void> => {
  do await recover(scene);
  while (scene.steady.length < 3);
};

/** Armed by a round that wants its fault as a mutation reaches the target. */
type Ambush = { strike: (() => Promise<void>) | null };

const playRound = async (scene: Scene, ambush: Ambush, plan: Plan): Promise<void> => {
  const stores = scene.fixture.gateway.foundation.stores as SqliteStores;
  const arrivedBefore = scene.target.arrivals().length;
  const succeededBefore = scene.succeeded;
  const strike = async (): Promise<void> => {
    if (plan.stuck) await stores.limitPages(pages.none);
    await stores.injectFault(plan.fault);
    if (plan.blind > 0) {
      await stores.injectFault({ kind: 'io', on: 'head', when: 'before', count: plan.blind });
    }
  };
  if (plan.moment === 'before') await strike();
  if (plan.moment === 'between') ambush.strike = strike;
  await wave(scene);
  ambush.strike = null;
  if (plan.moment === 'after') await strike();
  await Promise.all([checkReadiness(scene), wave(scene)]);
  await checkReadiness(scene);
  await read(scene);
  if (plan.stuck) await stores.limitPages(pages.many);
  await restock(scene);
  await scene.target.idle();
  const arrived = scene.target.arrivals().length - arrivedBefore;
  const succeeded = scene.succeeded - succeededBefore;
  if (arrived !== succeeded) {
    scene.problems.push(`${arrived} mutations arrived, ${succeeded} were answered with success`);
  }
};

/** Every allowed entry, once each has an outcome (or time is up). */
const settledEntries = async ({ fixture }: Scene): Promise<ReadonlyMap<string, LedgerRow>> => {
  const until = performance.now() + recoveryMs;
  for (;;) {
    const rows = await allowedEntries(fixture.gateway.foundation);
    const settled = [...rows.values()].every(({ outcome }) => outcome !== null);
    if (settled || performance.now() > until) return rows;
    await wait();
  }
};

const judge = async (scene: Scene, print: (line: string) => void) => {
  const { fixture, target, problems, figures } = scene;
  const { foundation, context } = fixture.gateway;
  const rows = await settledEntries(scene);
  const truth = compareWithTruth(rows, target.arrivals());
  const sent = target.arrivals().map(({ ledgerId }) => ledgerId ?? 'no ledger id');
  const missing = await missingOf(foundation, sent);
  const verified = await context.verifyLedger(null);
  const found = [
    ...problems,
    ...truth.wrong,
    ...missing.map((id) => `${id} reached the target unrecorded`),
    ...verified.problems.map(({ code, message }) => `verify: ${code} ${message}`),
  ];
  for (const line of found.slice(0, problemsShown)) print(line);
  return {
    ok: found.length === 0 && verified.ok && truth.withoutOutcome === 0 && figures.refused > 0,
    figures: {
      'mutations asked': figures.mutations,
      'refused (503 ledger_unavailable)': figures.refused,
      'mutations arrived': sent.length,
      'unrecorded at the target': missing.length,
      'reads answered 200': figures.reads,
      'times seen unready': figures.unready,
      recoveries: figures.recoveries,
      'entries without outcome': truth.withoutOutcome,
      'not-sent (refused, found on disk)': truth.notSent,
      'outcomes against the truth': truth.wrong.length,
      'records verified': verified.records,
      problems: found.length,
    },
  };
};

/** The injected part alone. */
const injectFaults = async ({ rounds, seed, print }: CampaignOptions) => {
  const draw = seededNumbers(seed);
  const ambush: Ambush = { strike: null };
  const target = await startUsersTarget({
    arrived: async () => {
      const { strike } = ambush;
      ambush.strike = null;
      await strike?.();
    },
  });
  const fixture = await startFixture({ config: () => mainConfig(target.url), clients: ['full'] });
  const scene: Scene = {
    fixture,
    target,
    problems: [],
    figures: { mutations: 0, refused: 0, reads: 0, unready: 0, recoveries: 0 },
    steady: [],
    made: 0,
    succeeded: 0,
  };
  try {
    await restock(scene);
    for (let round = 1; round <= rounds; round += 1) {
      const plan = drawPlan(draw);
      const known = scene.problems.length;
      await playRound(scene, ambush, plan);
      if (scene.problems.length > known) print(`round ${round} went wrong: ${printPlan(plan)}`);
    }
    return await judge(scene, print);
  } finally {
    await fixture.stop();
    await target.stop();
  }
};

export const campaign: Campaign = {
  name: 'faults',
  claim: 'while the store fails, mutations are refused and never sent, reads go on, and it heals',
  roundsDefault: 60,
  run: async (options) => {
    const injected = await injectFaults(options);
    const filled = await fillDisk(options.print);
    return {
      ok: injected.ok && filled.ok,
      figures: { rounds: options.rounds, ...injected.figures, ...filled.figures },
    };
  },
};
