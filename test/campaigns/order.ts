/**
 * Recorded first: no byte of a mutation leaves before its intent is durable. Shown from outside by a
 * system-call trace where one can be made: for each mutation, the store is rebuilt from what had been
 * synced when its first byte was written, and must hold its intent. Elsewhere two weaker proofs: the
 * target asks the store file on each arrival whether the intent is committed (SQLite publishes a
 * commit only after its sync), and while commits are stalled nothing arrives at all. One round is
 * one mutation.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import DatabaseConstructor from 'better-sqlite3';
import { parseLedgerId } from '../../src/ids.ts';
import { finishedTrace, readTrace, tracer, whyNoTrace } from './call-trace.ts';
import { seededNumbers, type Campaign, type CampaignOptions } from './campaign.ts';
import { replayLog } from './durable-entries.ts';
import {
  campaignConfig,
  issueLoadKey,
  makeHome,
  startGatewayProcess,
  targetAndRoute,
  type Home,
} from './gateway-process.ts';
import { makeLoadClient, newUser, renamed, type LoadClient } from './load-client.ts';
import { startUsersTarget, type UsersTarget } from './users-target.ts';

const clientsMax = 8;
/** Mutations of one gateway process: its log must not be folded into the file meanwhile. */
const chunkMax = 250;
/** How long the commits are stalled; below the time a commit waits for its turn, 5 s. */
const stallMs = 400;

const sequenceOf = (ledgerId: string | null): number =>
  parseLedgerId(ledgerId ?? '')?.sequence ?? Number.POSITIVE_INFINITY;

/** `count` mutations by one to eight clients at once; resolves with how many were answered 2xx. */
const load = async (
  client: LoadClient,
  given: Readonly<{ count: number; name: string; draw: () => number }>,
): Promise<number> => {
  const budget = { left: given.count };
  let done = 0;
  const mutate = async (method: string, path: string, body?: unknown): Promise<string> => {
    budget.left -= 1;
    const answer = await client.ask(method, `/scim/users${path}`, body);
    if (answer !== null && answer.status <= 299) done += 1;
    return answer?.resourceId ?? '';
  };
  const live = async (at: number): Promise<void> => {
    for (let life = 0; budget.left > 0; life += 1) {
      const user = newUser(`${given.name}-${at}-${life}@example.com`);
      const path = `/Users/${await mutate('POST', '/Users', user)}`;
      if (budget.left > 0) await mutate('PATCH', path, renamed(`life ${life}`));
      if (budget.left > 0) await mutate('DELETE', path);
    }
  };
  const clients = 1 + Math.floor(given.draw() * clientsMax);
  await Promise.all(Array.from({ length: clients }, (_, at) => live(at)));
  return done;
};

type Played = Readonly<{ home: Home; token: string; target: UsersTarget; draw: () => number }>;
type Checked = Readonly<{
  answered: number;
  checked: number;
  violations: readonly string[];
  syncs: number;
}>;

/** Mutations whose first byte was written while the synced store did not hold their intent. */
const judgeTrace = async (home: Home, text: string): Promise<Omit<Checked, 'answered'>> => {
  const events = readTrace(text);
  const log = await readFile(`${home.storePath}-wal`);
  const replay = replayLog(await readFile(home.storePath), log);
  const violations: string[] = [];
  let checked = 0;
  let syncs = 0;
  let sent = false;
  for (const event of events) {
    if (event.kind === 'synced') {
      syncs += 1;
      replay.advance(event.bytes);
    } else if (event.kind === 'sent') {
      sent = true;
      checked += 1;
      if (!replay.holds(sequenceOf(event.ledgerId))) {
        violations.push(`${event.ledgerId} was sent at ${event.at} before it was durable`);
      }
    } else if (sent) {
      violations.push('the log began anew under the trace: play fewer mutations at once');
    }
  }
  return { checked, violations, syncs };
};

const traceChunk = async (
  { home, token, draw }: Played,
  chunk: number,
  count: number,
): Promise<Checked> => {
  const path = join(home.directory, `trace-${chunk}`);
  const gateway = await startGatewayProcess(home, tracer(path));
  const client = makeLoadClient({ base: gateway.data, token, connections: clientsMax });
  let answered = 0;
  try {
    answered = await load(client, { count, name: `chunk${chunk}`, draw });
  } finally {
    // Killed, not stopped: a good end would fold the log into the file.
    await gateway.end('SIGKILL');
    await client.close();
  }
  const judged = await judgeTrace(home, await finishedTrace(path, gateway.pid));
  return { answered, ...judged };
};

/** While another connection holds the store's write lock, commits stall; returns what arrived. */
const arrivedWhileStalled = async (
  { home, target, draw }: Played,
  client: LoadClient,
): Promise<Readonly<{ early: number; answered: number }>> => {
  const blocker = new DatabaseConstructor(home.storePath, { timeout: 5_000 });
  try {
    blocker.exec('BEGIN IMMEDIATE');
    const before = target.arrivals().length;
    const loaded = load(client, { count: clientsMax, name: 'stalled', draw });
    await new Promise<void>((resolve) => {
      setTimeout(resolve, stallMs);
    });
    const early = target.arrivals().length - before;
    blocker.exec('ROLLBACK');
    return { early, answered: await loaded };
  } finally {
    blocker.close();
  }
};

/** The proofs that need no tracer. Exported for its test, which plays them wherever it runs. */
export const proveWithoutTrace = async ({ rounds, seed, print }: CampaignOptions) => {
  const violations: string[] = [];
  let checked = 0;
  // The store exists when the first mutation arrives, and not yet when the target starts.
  let committed: ((sequence: number) => boolean) | null = null;
  const target = await startUsersTarget({
    arrived: ({ ledgerId }) => {
      checked += 1;
      if (committed?.(sequenceOf(ledgerId)) !== true) {
        violations.push(`${ledgerId} arrived before it was committed`);
      }
    },
  });
  const home = await makeHome(campaignConfig(targetAndRoute('users', target.url)));
  try {
    const token = await issueLoadKey(home);
    const gateway = await startGatewayProcess(home);
    const client = makeLoadClient({ base: gateway.data, token, connections: clientsMax });
    const store = new DatabaseConstructor(home.storePath, { readonly: true, timeout: 5_000 });
    const find = store.prepare<[number]>('SELECT 1 FROM entries WHERE sequence = ?');
    committed = (sequence) => Number.isSafeInteger(sequence) && find.get(sequence) !== undefined;
    try {
      const played = { home, token, target, draw: seededNumbers(seed) };
      const stalled = await arrivedWhileStalled(played, client);
      if (stalled.early > 0) violations.push(`${stalled.early} arrived while commits were stalled`);
      const rest = { count: rounds, name: 'seen', draw: played.draw };
      const answered = stalled.answered + (await load(client, rest));
      for (const line of violations.slice(0, 20)) print(line);
      const ok = violations.length === 0 && checked >= rounds && answered >= checked;
      return {
        ok,
        figures: {
          proof: 'the store file, asked on each arrival; stalled commits',
          'mutations checked': checked,
          'arrived while stalled': stalled.early,
          'answered 2xx': answered,
          violations: violations.length,
        },
      };
    } finally {
      store.close();
      await client.close();
      await gateway.end('SIGKILL');
    }
  } finally {
    await target.stop();
    await home.remove();
  }
};

const proveByTrace = async ({ rounds, seed, print }: CampaignOptions) => {
  const target = await startUsersTarget();
  const draw = seededNumbers(seed);
  const violations: string[] = [];
  const total = { answered: 0, checked: 0, syncs: 0 };
  let arrived = 0;
  try {
    for (let left = rounds, chunk = 0; left > 0; left -= chunkMax, chunk += 1) {
      const home = await makeHome(campaignConfig(targetAndRoute('users', target.url)));
      try {
        const token = await issueLoadKey(home);
        const played = { home, token, target, draw };
        const found = await traceChunk(played, chunk, Math.min(left, chunkMax));
        total.answered += found.answered;
        total.checked += found.checked;
        total.syncs += found.syncs;
        violations.push(...found.violations);
      } finally {
        await home.remove();
      }
    }
    arrived = target.arrivals().length;
    for (const line of violations.slice(0, 20)) print(line);
    return {
      // As many in the trace as arrived: none went out by a way that is not traced.
      ok: violations.length === 0 && total.checked >= rounds && total.checked === arrived,
      figures: {
        proof: 'system-call trace',
        'mutations checked': total.checked,
        'mutations arrived': arrived,
        'answered 2xx': total.answered,
        'syncs of the log': total.syncs,
        violations: violations.length,
      },
    };
  } finally {
    await target.stop();
  }
};

export const campaign: Campaign = {
  name: 'order',
  claim: 'the intent of each mutation is synced to disk before its first byte goes to the target',
  roundsDefault: 500,
  run: (options) => {
    const why = whyNoTrace();
    if (why === null) return proveByTrace(options);
    options.print(`no system-call trace: ${why}; the store file is asked instead`);
    return proveWithoutTrace(options);
  },
};
