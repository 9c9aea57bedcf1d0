/**
 * The same calls to two worlds that differ only where the client may not read: every answer must be
 * the same but for ids and dates, and the time it takes must not tell the worlds apart. One round is
 * one call, sent to both.
 */
import { request } from 'undici';
import { startFixture, type Fixture } from '../support/fixture.ts';
import type { Campaign, CampaignOptions, CampaignResult } from './campaign.ts';
import { drawProbe, type Known, type ProbeCall } from './noninterference-calls.ts';
import {
  populate,
  startWorld,
  tagOf,
  worlds,
  type Plant,
  type World,
} from './noninterference-worlds.ts';
import { makeChance, type Chance } from './random.ts';
import type { ScimTarget } from './scim-target.ts';

/** Clients whose grants hide all in which the worlds differ, and one who may read everything. */
const clients = ['clerk', 'drops', 'narrow', 'grouper'] as const;
const everything = 'reads-all';

const hidden =
  '[title, nickName, phoneNumbers, addresses, ims.value, name.middleName, name.formatted, emails.display, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter"]';
const userWrites = '[read, search, create, update, rename, recovery, activate, deactivate, delete]';
const groupWrites = '[read, search, update, add-member, remove-member, replace-members]';

const permissions = `
permissions:
  clerk:
    users: { actions: ${userWrites}, read: { except: ${hidden} } }
    groups: { actions: ${groupWrites}, only: ["app-*"] }
  drops:
    users: { actions: [read, search, update, recovery], write: { only: [displayName, name.givenName], denied: drop }, read: { except: ${hidden} } }
    groups: { actions: [read, search, add-member], except: ["aa-*", "board-*", "staff-*", "zz-*", "*-group"] }
  narrow:
    users: { actions: [read, search, update, activate], write: { only: [title, displayName, name.givenName] }, read: { only: [userName, displayName, name.givenName, emails.value, groups.value] } }
    groups: { actions: [add-member], only: ["app-*"] }
  grouper:
    groups: { actions: ${groupWrites}, only: ["app-*"] }
  ${everything}:
    users: { actions: ${userWrites} }
    groups: { actions: ${groupWrites} }
`;

const clientLine = (name: string): string =>
  `  ${name}: { owner: iam@example.com, purpose: noninterference campaign, expires: 2099-12-31, auth: [{ apiKey: {} }] }`;
const holders = [...clients, everything];
const grants = holders.map((name) => `      - { client: ${name}, use: ${name} }`).join('\n');

const targetLines = (world: World, url: string): string => `  ${world}:
    baseUrl: ${url}
    auth: [{ bearer: "\${env:SANDBOX_TOKEN}" }]
    allowPrivate: [127.0.0.0/8]
    breaker: { failures: 100%, minimum: 10000 }`;
const routeLines = (world: World): string =>
  (['captured', 'lean'] as const)
    .map(
      (way) => `  ${way}-${world}:
    path: /${way}/${world}
    scim: ${world}
    before: ${way === 'captured' ? 'capture' : 'needed'}
    grants:
${grants}`,
    )
    .join('\n');

const config = (urls: Readonly<Record<World, string>>): string => `
version: 1
environment: test
server: { listen: 127.0.0.1:0, maxBody: 64KiB }
admin: { listen: 127.0.0.1:0 }
store:
  url: sqlite:data/sallyport.db
  encryptionKeys: ["\${file:data/store.key}"]
  checkpoints: { key: "\${file:data/checkpoint.key}", every: 1m, to: ["file:data/checkpoints"] }
clients:
${holders.map(clientLine).join('\n')}
targets:
${worlds.map((world) => targetLines(world, urls[world])).join('\n')}
${permissions}
routes:
${worlds.map(routeLines).join('\n')}
`;

/** Headers that differ between any two answers. */
const ownHeaders: ReadonlySet<string> = new Set([
  'x-request-id',
  'trace-id',
  'sallyport-ledger-id',
  'date',
]);

/** An answer without ids, dates and the name of the world. */
type Seen = Readonly<{ text: string; ms: number }>;

const leveled = (text: string): string =>
  text
    .replaceAll(/\b(?:req|led)_[\w-]+/g, 'ID')
    .replaceAll(/"traceId":"[0-9a-f]{32}"/g, '"traceId":"ID"')
    .replaceAll(/routes\.(captured|lean)-(?:east|west)/g, 'routes.$1-WORLD')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'DATE')
    .replaceAll(/\/(captured|lean)\/(?:east|west)/g, '/$1/WORLD')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'HOST');

const send = async (
  fixture: Fixture,
  route: string,
  client: string,
  call: ProbeCall,
): Promise<Seen> => {
  const startedAt = performance.now();
  const response = await request(
    `http://127.0.0.1:${fixture.gateway.data.port}${route}${call.path}`,
    {
      method: call.method as 'GET',
      headers: {
        authorization: `Bearer ${fixture.keys[client]}`,
        ...(call.body === null ? {} : { 'content-type': 'application/scim+json' }),
        ...call.headers,
      },
      body: call.body,
    },
  );
  const body = await response.body.text();
  const ms = performance.now() - startedAt;
  const headers = Object.entries(response.headers)
    .filter(([name]) => !ownHeaders.has(name))
    .sort(([one], [other]) => one.localeCompare(other));
  return { text: `${response.statusCode} ${leveled(`${JSON.stringify(headers)} ${body}`)}`, ms };
};

/** Pairs of times by kind of call and status: how often one world took longer. */
type Times = Map<string, { pairs: number; eastLonger: number }>;

/** So far from one half is chance, at 1 in 10,000 and with what bodies of other sizes cost. */
const marginOf = (pairs: number): number => 0.04 + (3.9 * 0.5) / Math.sqrt(pairs);
const pairsLeast = 20;

const separable = (times: Times): readonly string[] =>
  [...times].flatMap(([kind, { pairs, eastLonger }]) => {
    const share = eastLonger / pairs;
    return pairs >= pairsLeast && Math.abs(share - 0.5) > marginOf(pairs)
      ? [`${kind}: east took longer in ${(100 * share).toFixed(1)} % of ${pairs} pairs`]
      : [];
  });

type Played = Readonly<{
  calls: number;
  differing: readonly string[];
  statuses: ReadonlyMap<string, number>;
  times: Times;
}>;

type Stage = Readonly<{ fixture: Fixture; targets: Readonly<Record<World, ScimTarget>> }>;

/** How much of a client's work is about users; the rest is about groups. */
const userShare: Readonly<Record<string, number>> = { drops: 0.8, narrow: 0.95, grouper: 0.05 };

const knownIn = ({ east }: Stage['targets'], client: string): Known => ({
  users: userShare[client] ?? 0.65,
  ids: [...east.store.ids('Users'), ...east.store.ids('Groups')],
  tag: (path) => {
    const [, kind, id = ''] = path.split('/');
    const resource = east.store.look(kind === 'Groups' ? 'Groups' : 'Users', id);
    return resource === null ? null : tagOf(resource);
  },
});

/** Calls of one epoch; then both worlds get other people. */
const epochCalls = 200;

const playPair = async (
  { fixture, targets }: Stage,
  client: string,
  chance: Chance,
  played: { differing: string[]; statuses: Map<string, number>; times: Times },
): Promise<void> => {
  const call = drawProbe(chance, knownIn(targets, client));
  const way = chance.pick(['captured', 'lean']);
  const order = chance.often(0.5) ? worlds : worlds.toReversed();
  const seen: Partial<Record<World, Seen>> = {};
  for (const world of order) seen[world] = await send(fixture, `/${way}/${world}`, client, call);
  const { east, west } = seen as Record<World, Seen>;
  const status = east.text.slice(0, 3);
  played.statuses.set(status, (played.statuses.get(status) ?? 0) + 1);
  if (east.text !== west.text) {
    played.differing.push(JSON.stringify({ client, way, call, east: east.text, west: west.text }));
  }
  for (const kind of [`${call.kind} ${status}`, `any ${status}`]) {
    const time = played.times.get(kind) ?? { pairs: 0, eastLonger: 0 };
    time.pairs += 1;
    if (east.ms > west.ms) time.eastLonger += 1;
    played.times.set(kind, time);
  }
};

const play = async (
  stage: Stage,
  holder: string | null,
  { rounds, seed }: CampaignOptions,
): Promise<Played> => {
  const played = {
    differing: [] as string[],
    statuses: new Map<string, number>(),
    times: new Map(),
  };
  const chance = makeChance(seed);
  for (let done = 0; done < rounds; done += 1) {
    if (done % epochCalls === 0) {
      for (const [at, world] of worlds.entries()) {
        const unseen = makeChance(seed * 7_919 + done * 2 + at);
        populate(stage.targets[world].store, makeChance(seed + done), unseen);
      }
    }
    await playPair(stage, holder ?? chance.pick(clients), chance, played);
  }
  return { calls: rounds, ...played };
};

/**
 * Plays a number of rounds. `plant`: a leak at the targets; `readsAll`: the client may read all in
 * which the worlds differ. Both are for the test that the campaign finds what there is to find.
 */
export const playWorlds = async (
  options: CampaignOptions,
  { plant = 'none', readsAll = false }: Readonly<{ plant?: Plant; readsAll?: boolean }> = {},
): Promise<CampaignResult> => {
  const [east, west] = await Promise.all([startWorld('east', plant), startWorld('west', plant)]);
  const urls = { east: east.url, west: west.url };
  const fixture = await startFixture({ config: () => config(urls), clients: holders });
  try {
    const stage = { fixture, targets: { east, west } };
    const played = await play(stage, readsAll ? everything : null, options);
    const told = separable(played.times);
    for (const line of played.differing.slice(0, 10)) options.print(`  differs: ${line}`);
    for (const line of told) options.print(`  told by time: ${line}`);
    const timed = [...played.times].filter(([, { pairs }]) => pairs >= pairsLeast);
    const shares = timed.map(
      ([kind, { pairs, eastLonger }]) =>
        `${kind.replace(' ', '-')}:${((100 * eastLonger) / pairs).toFixed(0)}%/${pairs}`,
    );
    const statuses = [...played.statuses].sort(([one], [other]) => one.localeCompare(other));
    return {
      ok: played.differing.length === 0 && told.length === 0,
      figures: {
        'calls to each world': played.calls,
        'answers that differ': played.differing.length,
        'kinds told by time': told.length,
        'east longer, of pairs': shares.join(' '),
        statuses: statuses.map(([status, count]) => `${status}:${count}`).join(' '),
      },
    };
  } finally {
    await fixture.stop();
    await Promise.all([east.stop(), west.stop()]);
  }
};

export const campaign: Campaign = {
  name: 'noninterference',
  claim: 'no answer, and no time it takes, depends on what the client may not read',
  roundsDefault: 10_000,
  run: (options) => playWorlds(options),
};
