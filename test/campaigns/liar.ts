/**
 * Changes sent to a target that lies about what it did, retried as clients do, with other changes of
 * the same resource in between. When all doubt is settled the ledger is held against the target's own
 * journal. One round is one call; what cannot be known must stay in doubt.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerId } from '../../src/ids.ts';
import { startFixture, type Answered, type Fixture } from '../support/fixture.ts';
import type { Campaign, CampaignOptions, CampaignResult } from './campaign.ts';
import { beyondClaim, startLiar, type LiarTarget } from './liar-target.ts';
import { makeChance, type Chance } from './random.ts';
import type { Resource } from './scim-store.ts';

const settleAfterMs = 1_000;
const lateMs = { soon: 300, beyond: settleAfterMs + 1_700 };
const staleMs = 600;
const workers = 24;
/** Users; the first ones are busy, so that changes meet, the others mostly left alone. */
const population = 1_500;
const busy = 40;
/** Rounds of recovery after the last call, at most. */
const recoveriesMax = 400;

const config = (url: string): string => `
version: 1
environment: test
server: { listen: 127.0.0.1:0, maxBody: 64KiB }
admin: { listen: 127.0.0.1:0 }
store:
  url: sqlite:data/sallyport.db
  encryptionKeys: ["\${file:data/store.key}"]
  checkpoints: { key: "\${file:data/checkpoint.key}", every: 1m, to: ["file:data/checkpoints"] }
clients:
  full: { owner: iam@example.com, purpose: liar campaign, expires: 2099-12-31, auth: [{ apiKey: {} }] }
targets:
  liar:
    baseUrl: ${url}
    auth: [{ bearer: "\${env:SANDBOX_TOKEN}" }]
    allowPrivate: [127.0.0.0/8]
    timeout: 400ms
    settleAfter: ${settleAfterMs}ms
    breaker: { failures: 100%, minimum: 10000 }
    limits: { concurrent: 64, queue: 1000, wait: 20s }
routes:
  liar:
    path: /liar
    scim: liar
    before: capture
    grants:
      - { client: full, users: { actions: [read, search, create, update, rename, recovery, activate, deactivate, delete] } }
`;

const seededUser = (index: number): Resource => ({
  userName: `user${index}@example.com`,
  displayName: 'As ever',
  active: true,
});
const seeded = (): readonly Resource[] =>
  Array.from({ length: population }, (_, index) => ({ id: `u${index}`, ...seededUser(index) }));

const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User';
const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

type Change = Readonly<{ method: string; path: string; body?: unknown }>;

/** Few values, so that one change is easily mistaken for another. */
const text = (chance: Chance): string => chance.pick(['One', 'Two', 'Three']);

const drawPatch = (chance: Chance, path: string): Change => {
  const Operations = [
    { op: 'replace', path: 'title', value: text(chance) },
    { op: 'replace', path: 'active', value: chance.often(0.5) },
    { op: 'replace', path: 'nickName', value: text(chance) },
    { op: 'replace', path: 'name.givenName', value: text(chance) },
    { op: 'remove', path: 'title' },
  ].filter(() => chance.often(0.45));
  const some =
    Operations.length === 0 ? [{ op: 'replace', path: 'title', value: text(chance) }] : Operations;
  return { method: 'PATCH', path, body: { schemas: [patchUrn], Operations: some } };
};

const drawChange = (chance: Chance, target: LiarTarget): Change => {
  const roll = chance.below(100);
  if (roll < 20) {
    const index = chance.below(chance.often(0.4) ? busy : population);
    const user = chance.often(0.3)
      ? seededUser(index)
      : {
          userName: `new${chance.below(2_000)}@example.com`,
          displayName: text(chance),
          active: true,
        };
    return { method: 'POST', path: '/Users', body: { schemas: [userUrn], ...user } };
  }
  const ids = target.store.ids('Users');
  const path = `/Users/${chance.pick(chance.often(0.4) ? ids.slice(0, busy) : ids)}`;
  if (roll < 24) return { method: 'DELETE', path };
  const held = target.store.look('Users', path.slice('/Users/'.length));
  if (roll < 40 && held !== null) {
    const { meta: _meta, ...rest } = held;
    return {
      method: 'PUT',
      path,
      body: { ...rest, title: text(chance), displayName: text(chance) },
    };
  }
  return drawPatch(chance, path);
};

type Play = {
  readonly fixture: Fixture;
  readonly target: LiarTarget;
  readonly entries: Set<string>;
  left: number;
};

const send = async (play: Play, { method, path, body }: Change): Promise<Answered> => {
  play.left -= 1;
  const answered = await play.fixture.ask(
    method,
    `/liar${path}`,
    body === undefined ? {} : { body },
  );
  const entry = answered.headers['sallyport-ledger-id'];
  if (typeof entry === 'string') play.entries.add(entry);
  return answered;
};

/** One client: sends a change, and after a doubtful answer often the same again. */
const work = async (play: Play, chance: Chance): Promise<void> => {
  while (play.left > 0) {
    const change = drawChange(chance, play.target);
    const { status } = await send(play, change);
    if (status < 500 || chance.often(0.4)) continue;
    if (chance.often(0.3) && change.method !== 'POST')
      await send(play, drawPatch(chance, change.path));
    await sleep(chance.below(chance.often(0.5) ? 100 : 1_500));
    await send(play, change);
  }
};

const settleAll = async ({ fixture, target }: Play): Promise<void> => {
  await target.quiet();
  await sleep(settleAfterMs);
  for (let round = 0, idle = 0; round < recoveriesMax && idle < 3; round++) {
    const recovered = (await fixture.gateway.recover()) as { seen: number };
    idle = recovered.seen === 0 ? idle + 1 : 0;
    if (idle > 0) await sleep(200);
  }
};

const outcomes = ['applied', 'rejected', 'not-sent', 'in-doubt', 'none'] as const;
const truths = ['applied', 'partly', 'never'] as const;
type Cell = `${(typeof truths)[number]} ${(typeof outcomes)[number]}`;

/** Ends that are lies: `applied` without the change, or a denial of one that was made. */
const wrong: readonly Cell[] = [
  'partly applied',
  'never applied',
  'applied rejected',
  'partly rejected',
  'applied not-sent',
  'partly not-sent',
  'applied none',
  'partly none',
  'never none',
];

const compare = async (play: Play, print: CampaignOptions['print']): Promise<CampaignResult> => {
  const { fixture, target, entries } = play;
  const matrix = new Map<Cell, number>();
  let apart = 0;
  let readBack = 0;
  let wrongs = 0;
  for (const entry of new Set([...entries, ...target.fates.keys()])) {
    const shown = await fixture.gateway.foundation.ledger.show(entry as LedgerId);
    const fate = target.fates.get(entry);
    const cell: Cell = `${fate?.truth ?? 'never'} ${shown?.row.outcome ?? 'none'}`;
    if (fate !== undefined && beyondClaim.has(fate.lie)) {
      apart += 1;
      continue;
    }
    matrix.set(cell, (matrix.get(cell) ?? 0) + 1);
    if (shown?.row.settledBy === 'read-back') readBack += 1;
    if (!wrong.includes(cell)) continue;
    wrongs += 1;
    if (wrongs <= 8)
      print(`  wrong: ${cell}: ${fate?.lie ?? 'never arrived'} ${JSON.stringify(shown)}`);
  }
  print(`  ${'truth \\ ledger'.padEnd(16)}${outcomes.map((name) => name.padStart(10)).join('')}`);
  for (const truth of truths) {
    const cells = outcomes.map((name) => String(matrix.get(`${truth} ${name}`) ?? 0).padStart(10));
    print(`  ${truth.padEnd(16)}${cells.join('')}`);
  }
  const count = (cell: Cell): number => matrix.get(cell) ?? 0;
  return {
    ok: wrongs === 0 && readBack > 0 && count('applied applied') > 0 && count('never in-doubt') > 0,
    figures: {
      entries: [...matrix.values()].reduce((sum, each) => sum + each, 0),
      'wrong applied': count('partly applied') + count('never applied'),
      'wrong not-sent': count('applied not-sent') + count('partly not-sent'),
      'wrong rejected': count('applied rejected') + count('partly rejected'),
      'without outcome': truths.reduce((sum, truth) => sum + count(`${truth} none`), 0),
      'settled by read-back': readBack,
      'left in doubt': truths.reduce((sum, truth) => sum + count(`${truth} in-doubt`), 0),
      'said 200, did nothing (apart)': apart,
    },
  };
};

const run = async ({ rounds, seed, print }: CampaignOptions): Promise<CampaignResult> => {
  const target = await startLiar({ chance: makeChance(seed + 1), lateMs, staleMs });
  target.store.reset(seeded(), []);
  const fixture = await startFixture({ config: () => config(target.url), clients: ['full'] });
  const play: Play = { fixture, target, entries: new Set(), left: rounds };
  try {
    await Promise.all(
      Array.from({ length: workers }, (_, worker) => work(play, makeChance(seed * 1_009 + worker))),
    );
    await settleAll(play);
    return await compare(play, print);
  } finally {
    await fixture.stop();
    await target.stop();
  }
};

export const campaign: Campaign = {
  name: 'liar',
  claim:
    'a target that lies is never believed: no wrong applied, rejected or not-sent in the ledger',
  roundsDefault: 2_000,
  run,
};
