/**
 * Held changes before three gateways on one PostgreSQL: two people approve the same ones on two gateways
 * at the same moment, others reject some of them meanwhile, and gateways are killed between approval and
 * send, and during. One round is twelve held changes and one way of trouble.
 */
import { readFile, writeFile } from 'node:fs/promises';
import type { Campaign, CampaignOptions } from './campaign.ts';
import { campaignConfig, issueKeyOf, targetPart, type Home } from './gateway-process.ts';
import { arrivedOf, rowsOf, shares, wrongWith, type Fate, type Held } from './held-fates.ts';
import { newUser } from './load-client.ts';
import { approve, listHolds, reject, type Told } from './people.ts';
import { makeChance, type Chance } from './random.ts';
import { auditStore, sleep, withSeveral, type Seat, type Several } from './several-gateways.ts';
import { startUsersTarget, type UsersTarget } from './users-target.ts';

const people = ['alice', 'bob', 'carol'] as const;
type Name = (typeof people)[number];

const troubles = [
  'none',
  'one killed',
  'both killed',
  'killed at the send',
  'changed',
  'reloaded',
] as const;
type Trouble = (typeof troubles)[number];

const settledWithinMs = 90_000;

/** The guard lets one go out; whatever else takes access away waits, deletions by another rule. */
const configOf = (target: string): string =>
  campaignConfig(
    `
targets:
${targetPart('users', target, ', timeout: 3s, settleAfter: 10ms, breaker: { minimum: 10000 }, limits: { concurrent: 64, queue: 1000, wait: 20s }, guards: [{ name: leave, actions: ["users:deactivate"], count: 1, in: 1h, per: tenant, then: hold }]')}
routes:
  users:
    path: /scim/users
    scim: users
    before: capture
    turns: gateway
    approval: { required: ["users:delete"], expires: 1m }
    grants: [{ client: load, users: { actions: [read, search, create, update, deactivate, delete] } }]
holds: { pending: 10000, expires: 1h }
`,
    {
      admin: `, people: [${people
        .map(
          (name) => `{ name: ${name}@example.com, roles: [viewer, approver], until: 2099-12-31 }`,
        )
        .join(', ')}]`,
    },
  );

const deactivation = {
  schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
  Operations: [{ op: 'replace', path: 'active', value: false }],
};

type Scene = Readonly<{
  several: Several;
  target: UsersTarget;
  tokens: Readonly<Record<Name, string>>;
  chance: Chance;
  /** Milliseconds by which the target takes its time. */
  delay: { ms: number };
  /** Struck when the next mutation arrives at the target. */
  ambush: { strike: (() => void) | null };
  /** What approvals that were asked for again came to, and how often. */
  notes: Map<string, number>;
  problems: string[];
}>;

const seatOf = ({ several }: Scene, at: number): Seat =>
  several.seats[at % several.seats.length] as Seat;

const by = (scene: Scene, name: Name, at: number) => ({
  seat: seatOf(scene, at),
  token: scene.tokens[name],
});

const holdOne = async (scene: Scene, name: string, fate: Fate, at: number): Promise<Held> => {
  const { client } = seatOf(scene, at);
  const made = await client.ask('POST', '/scim/users/Users', newUser(`${name}@example.com`));
  const path = `/scim/users/Users/${made?.resourceId}`;
  const other = seatOf(scene, at + 1).client;
  const asked =
    fate === 'late'
      ? await other.ask('DELETE', path)
      : await other.ask('PATCH', path, deactivation);
  if (asked?.holdId === null || asked?.holdId === undefined) {
    throw new Error(`nothing was held: ${JSON.stringify(asked)}`);
  }
  return { id: asked.holdId, user: String(made?.resourceId), fate };
};

const holdAll = (scene: Scene, round: number): Promise<readonly Held[]> =>
  Promise.all(
    Object.entries(shares).flatMap(([fate, count]) =>
      Array.from({ length: count }, (_, at) =>
        holdOne(scene, `${fate}-${round}-${at}`, fate as Fate, at),
      ),
    ),
  );

const idsOf = (held: readonly Held[], ...fates: readonly Fate[]): readonly string[] =>
  held.filter(({ fate }) => fates.includes(fate)).map(({ id }) => id);

/** All that people do at the same moment, each at another gateway. */
const decideAll = (scene: Scene, held: readonly Held[], at: number) =>
  Promise.all([
    approve(by(scene, 'alice', at), idsOf(held, 'approved', 'contested')),
    approve(by(scene, 'bob', at + 1), idsOf(held, 'contested', 'approved').toReversed()),
    reject(by(scene, 'carol', at + 2), idsOf(held, 'rejected', 'contested')),
  ]);

const kill = async (scene: Scene, ats: readonly number[]): Promise<void> => {
  await Promise.all(ats.map((at) => seatOf(scene, at).gateway.end('SIGKILL')));
};

const restart = async (scene: Scene, ats: readonly number[]): Promise<void> => {
  for (const at of ats) await scene.several.restart(seatOf(scene, at));
};

/** Another configuration, which asks nothing else: approvals of the one before count no more. */
const rewrite = async (homes: readonly Home[]): Promise<void> => {
  for (const { configPath } of homes) {
    const text = await readFile(configPath, 'utf8');
    const next = text.includes('timeout: 3s')
      ? text.replace('timeout: 3s', 'timeout: 2s')
      : text.replace('timeout: 2s', 'timeout: 3s');
    await writeFile(configPath, next);
  }
};

type Play = (scene: Scene, held: readonly Held[], at: number) => Promise<void>;

/** The ways of trouble: what happens while people decide. */
const plays: Readonly<Record<Trouble, Play>> = {
  none: async (scene, held, at) => void (await decideAll(scene, held, at)),
  'one killed': async (scene, held, at) => {
    const decided = decideAll(scene, held, at);
    await sleep(scene.chance.below(120));
    await kill(scene, [at]);
    await decided;
    await restart(scene, [at]);
  },
  'both killed': async (scene, held, at) => {
    const decided = decideAll(scene, held, at);
    await sleep(scene.chance.below(120));
    await kill(scene, [at, at + 1]);
    await decided;
    await restart(scene, [at, at + 1]);
  },
  'killed at the send': async (scene, held, at) => {
    const { promise: killed, resolve } = Promise.withResolvers<void>();
    const both = [at, at + 1];
    scene.ambush.strike = () => void kill(scene, both).then(resolve);
    const timer = setTimeout(resolve, 10_000);
    await decideAll(scene, held, at);
    await killed;
    clearTimeout(timer);
    await kill(scene, both);
    await restart(scene, both);
  },
  // Approved, not yet sent, all gateways die, and another configuration is in force when they are back.
  changed: async (scene, held, at) => {
    const all = [at, at + 1, at + 2];
    scene.delay.ms = 2_000;
    const decided = decideAll(scene, held, at);
    await sleep(700);
    await kill(scene, all);
    await decided;
    await rewrite(scene.several.homes);
    scene.delay.ms = 2;
    await restart(scene, all);
    // Every gateway looks for approved ones when it starts, and rounds follow.
    await sleep(2_000);
    for (const { id, user } of held) {
      if (arrivedOf(scene, user) > 0) {
        scene.problems.push(`${id} went out under a configuration nobody approved it for`);
      }
    }
  },
  // The files change under gateways that run: each takes them up in its own time.
  reloaded: async (scene, held, at) => {
    await rewrite(scene.several.homes);
    await sleep(scene.chance.below(1_500));
    await decideAll(scene, held, at);
  },
};

const until = async (what: string, holds: () => Promise<boolean>): Promise<string | null> => {
  const end = performance.now() + settledWithinMs;
  while (performance.now() < end) {
    if (await holds()) return null;
    await sleep(250);
  }
  return `${what} did not come about in ${settledWithinMs / 1_000} s`;
};

/** Those that were put back are approved again, until none of them waits; nothing stays approved. */
const settleAll = async (scene: Scene, held: readonly Held[]): Promise<number> => {
  const wanted = new Set(idsOf(held, 'approved', 'contested'));
  let again = 0;
  scene.notes.clear();
  const problem = await until('the end of all approved holds', async () => {
    const open = (state: string): Promise<readonly Told[] | null> =>
      listHolds(by(scene, 'alice', scene.chance.below(3)), state);
    const [pending, approved] = [await open('pending'), await open('approved')];
    if (pending === null || approved === null) return false;
    const back = pending.map(({ id }) => id).filter((id) => wanted.has(id));
    if (back.length > 0) {
      again += back.length;
      const told = await approve(by(scene, 'alice', scene.chance.below(3)), back);
      for (const { note, state } of told ?? [{ note: 'no answer', state: null }]) {
        scene.notes.set(`${state}: ${note}`, (scene.notes.get(`${state}: ${note}`) ?? 0) + 1);
      }
    }
    return back.length === 0 && approved.length === 0;
  });
  if (problem !== null) scene.problems.push(problem);
  return again;
};

/** Their time is over at once, as if a minute had passed. */
const endTime = async ({ several: { postgres } }: Scene, ids: readonly string[]): Promise<void> => {
  const [row] = await postgres.query(
    "SELECT table_schema AS schema FROM information_schema.tables WHERE table_name = 'holds'",
  );
  await postgres.query(
    `UPDATE "${String(row?.['schema'])}".holds SET expires_at = $2 WHERE id = ANY ($1)`,
    [ids, Date.now() - 1],
  );
};

const playRound = async (scene: Scene, round: number) => {
  const began = performance.now();
  const held = await holdAll(scene, round);
  const trouble = troubles[round % troubles.length] as Trouble;
  await plays[trouble](scene, held, round);
  scene.ambush.strike = null;
  const again = await settleAll(scene, held);
  const late = idsOf(held, 'late');
  await endTime(scene, late);
  // Too late: whoever approves it now is told so, and nothing is sent.
  await approve(by(scene, 'alice', round), late);
  return { held, again, trouble, ms: performance.now() - began };
};

const judge = async (scene: Scene, held: readonly Held[]) => {
  const { several, target, problems } = scene;
  const [{ home }] = several.seats as readonly [Seat];
  const audit = await auditStore(home, target, []);
  const rows = await rowsOf(home);
  for (const one of held) {
    const wrong = wrongWith(one, rows.get(one.id), { target, audit });
    if (wrong !== null) problems.push(wrong);
  }
  const ended = (state: string): number =>
    held.filter(({ id }) => rows.get(id)?.state === state).length;
  const released = held.filter(({ id }) => rows.get(id)?.state === 'released');
  const entries = new Set(released.map(({ id }) => rows.get(id)?.entry));
  if (entries.size !== released.length) problems.push('two holds have one entry');
  return {
    audit,
    figures: {
      'held changes': held.length,
      released: ended('released'),
      rejected: ended('rejected'),
      expired: ended('expired'),
      'left waiting': ended('pending'),
      'sent exactly once': released.filter(({ user }) => arrivedOf(scene, user) === 1).length,
      'recorded, then killed before the send': released.filter(
        ({ user }) => arrivedOf(scene, user) === 0,
      ).length,
    },
  };
};

const tokensOf = async ({ home }: Seat): Promise<Readonly<Record<Name, string>>> => {
  const tokens: [Name, string][] = [];
  for (const name of people) {
    tokens.push([name, await issueKeyOf(home, 'people', `${name}@example.com`)]);
  }
  return Object.fromEntries(tokens) as Record<Name, string>;
};

const play = async (scene: Scene, { rounds, print }: CampaignOptions) => {
  const held: Held[] = [];
  let again = 0;
  // The guard's one place.
  const first = await seatOf(scene, 0).client.ask(
    'POST',
    '/scim/users/Users',
    newUser('first@x.example'),
  );
  await seatOf(scene, 0).client.ask(
    'PATCH',
    `/scim/users/Users/${first?.resourceId}`,
    deactivation,
  );
  for (let round = 0; round < rounds; round += 1) {
    const played = await playRound(scene, round);
    held.push(...played.held);
    again += played.again;
    for (const [note, times] of scene.notes) print(`  ${times} times ${note}`);
    print(
      `round ${round}, ${played.trouble}: ${Math.round(played.ms)} ms, ${played.again} asked again`,
    );
  }
  // A sweep ends what is over.
  await sleep(6_000);
  await scene.several.stopGateways();
  const { audit, figures } = await judge(scene, held);
  print(audit.verified);
  const problems = [...scene.problems, ...audit.problems];
  for (const line of problems.slice(0, 20)) print(line);
  return {
    ok: problems.length === 0,
    figures: {
      ...figures,
      'approved again after they were put back': again,
      problems: problems.length,
    },
  };
};

const run = (options: CampaignOptions) => {
  const delay = { ms: 2 };
  const ambush: Scene['ambush'] = { strike: null };
  const arrived = (): void => {
    const { strike } = ambush;
    ambush.strike = null;
    strike?.();
  };
  return withSeveral(
    startUsersTarget({ delayMs: () => delay.ms, arrived }),
    (url) => ({ gateways: 3, config: configOf(url), lease: '5s', connections: 4 }),
    async (several, target) => {
      const tokens = await tokensOf(several.seats[0] as Seat);
      const chance = makeChance(options.seed);
      return play(
        { several, target, tokens, chance, delay, ambush, notes: new Map(), problems: [] },
        options,
      );
    },
  );
};

export const campaign: Campaign = Object.freeze({
  name: 'holds',
  claim:
    'whoever dies, whoever approves and wherever: an approved change goes out once, any other never, and none is lost',
  roundsDefault: 30,
  run,
});
