/**
 * What the gateway prints to targets, read by others: bodies by JSON parsers, queries by URL parsers,
 * filters and PatchOps by SCIM engines. One round is one request of a client, taken through the very
 * steps of the passage up to the call. Whatever two readers read differently is a way around the
 * decision, which was made over one reading.
 */
import { parse as parseQueryString } from 'node:querystring';
import { isDeepStrictEqual } from 'node:util';
import { isRefusal } from '../../src/errors.ts';
import type { Call } from '../../src/identity/call.ts';
import { applyChanges } from '../../src/identity/scim/patch.ts';
import { parsePath } from '../../src/identity/scim/path.ts';
import { groupType, userType } from '../../src/identity/scim/schemas.ts';
import { understand } from '../../src/identity/scim/understand.ts';
import { preview } from '../../src/passage/preview.ts';
import type { Client, Route, Snapshot } from '../../src/snapshot.ts';
import { load, now, small } from '../config/loading.ts';
import type { Campaign, CampaignOptions, CampaignResult } from './campaign.ts';
import { differInPython, readBody } from './differential-json.ts';
import { drawRequests, type Drawn } from './differential-requests.ts';
import { disagreeing, sameMatches, sameTree, sameValueTree } from './differential-scim.ts';

const config = small({
  rest: `  all:
    users:
      actions: [read, search, create, update, rename, recovery, activate, deactivate, entitle, update-unknown]
      write: { except: [nickName] }
    groups: { actions: [read, search, create, update, add-member, remove-member, replace-members] }
profiles:
  workforce: { users: { "*": [trim, nfc], userName: [lowercase] } }`,
  routes: `  plain: { path: /scim/plain, scim: t1, grants: [{ client: c1, use: all }] }
  normal: { path: /scim/normal, scim: t1, normalise: workforce, grants: [{ client: c1, use: all }] }
`,
});

/** Requests drawn, printed and compared at a time. */
const batch = 1_000;
const publicBase = 'https://gw.example.com/scim/plain';

type Play = {
  readonly snapshot: Snapshot;
  readonly counts: Map<string, number>;
  readonly faults: Map<string, string>;
  bodies: string[];
};

const count = (play: Play, what: string, by = 1): void => {
  play.counts.set(what, (play.counts.get(what) ?? 0) + by);
};

const fault = (play: Play, what: string, example: string): void => {
  count(play, 'disagreements');
  if (!play.faults.has(what)) play.faults.set(what, example);
};

/** The calls a request leads to; none where it is refused, denied or changes nothing. */
const printed = (play: Play, drawn: Drawn, route: Route): readonly Call[] => {
  const { snapshot } = play;
  const client = snapshot.clients['c1'] as Client;
  const operation = understand(
    {
      method: drawn.method,
      segments: drawn.path.split('/').slice(1),
      query: drawn.query,
      body: drawn.body,
      ifMatch: null,
      ifNoneMatch: null,
    },
    { types: route.types, publicBase, hints: { client: null }, keepPassword: false },
  );
  if (isRefusal(operation)) {
    count(play, `refused: ${operation.refused}`);
    return [];
  }
  const actor = { client, grants: route.grants['c1'] };
  const { before } = drawn;
  const shown = preview({ snapshot, route, actor, operation, before, publicBase, now });
  if (shown.verdict.kind !== 'allow') count(play, 'not allowed');
  else if (shown.unchanged) count(play, 'unchanged');
  return shown.calls;
};

const compareQuery = (play: Play, { path, query }: Call): void => {
  const url = new URL(`https://t1.example.com/scim${path}${query === '' ? '' : `?${query}`}`);
  if (url.pathname !== `/scim${path}`) fault(play, 'a path that a URL parser rewrites', path);
  if (url.search.slice(1) !== query) fault(play, 'a query that a URL parser rewrites', query);
  const modern = Object.fromEntries(new URLSearchParams(query));
  if (!isDeepStrictEqual({ ...parseQueryString(query) }, modern)) {
    fault(play, 'a query read as other values', query);
  }
  const { filter } = modern;
  if (filter === undefined) return;
  for (const [engine, same] of [
    ['scim2-parse-filter', sameTree(filter, userType)],
    ['SCIMMY', sameMatches(filter)],
  ] as const) {
    if (same === null) continue;
    count(play, `filters read by ${engine}`);
    if (!same) fault(play, `a filter that ${engine} reads otherwise`, filter);
  }
};

type PatchBody = { schemas: string[]; Operations: { op: string; path: string; value?: never }[] };

const comparePatch = async (
  play: Play,
  drawn: Drawn,
  call: Call,
  body: PatchBody,
): Promise<void> => {
  const type = call.path.startsWith('/Groups') ? groupType : userType;
  const changes = [];
  for (const operation of body.Operations) {
    const path = parsePath(operation.path, type);
    if (isRefusal(path)) return fault(play, 'a path we do not read again', operation.path);
    const same = path.filter === undefined ? null : sameValueTree(path.filter);
    if (same !== null) count(play, 'path filters read by scim2-parse-filter');
    if (same === false) fault(play, 'a path filter read otherwise', operation.path);
    changes.push({ ...operation, path });
  }
  if (!drawn.plain || drawn.before === null) return;
  const after = applyChanges(drawn.before, changes as never, type);
  if (isRefusal(after)) return fault(play, 'a printed change we do not apply', call.body ?? '');
  count(play, 'PatchOps applied by scim-patch and SCIMMY');
  const example = `${call.body} on ${JSON.stringify(drawn.before)}`;
  const others = await disagreeing(body, drawn.before, after.resource).catch((error: unknown) => [
    String(error),
  ]);
  for (const engine of others)
    fault(play, `a PatchOp of which another is made: ${engine}`, example);
};

const compareCall = async (play: Play, drawn: Drawn, call: Call): Promise<void> => {
  count(play, 'calls compared');
  compareQuery(play, call);
  if (call.body === null) return;
  count(play, 'bodies read by JSON.parse, momoa, lossless-json');
  play.bodies.push(call.body);
  const { value, faults } = readBody(call.body);
  for (const each of faults) fault(play, each, call.body);
  if (call.method === 'PATCH') await comparePatch(play, drawn, call, value as PatchBody);
};

const comparePython = (play: Play): void => {
  const differing = differInPython(play.bodies);
  if (differing === null) play.counts.set('bodies read by Python (no python3 here)', 0);
  else count(play, 'bodies read by Python', play.bodies.length);
  if (differing !== null && differing > 0) fault(play, 'bodies that Python reads otherwise', '');
  play.bodies = [];
};

const run = async ({ rounds, seed, print }: CampaignOptions): Promise<CampaignResult> => {
  const { snapshot, problems } = await load(config);
  if (snapshot === null) throw new TypeError(JSON.stringify(problems));
  const play: Play = { snapshot, counts: new Map(), faults: new Map(), bodies: [] };
  for (let from = 0; from < rounds; from += batch) {
    const drawn = drawRequests(Math.min(batch, rounds - from), seed + from);
    for (const [index, each] of drawn.entries()) {
      const route = snapshot.routes[index % snapshot.routes.length];
      if (route === undefined) throw new TypeError('no route');
      count(play, 'requests');
      for (const call of printed(play, each, route)) await compareCall(play, each, call);
    }
    comparePython(play);
  }
  for (const [what, example] of play.faults) print(`${what}: ${example.slice(0, 600)}`);
  const figures: CampaignResult['figures'] = {
    ...Object.fromEntries([...play.counts].sort(([a], [b]) => (a < b ? -1 : 1))),
    disagreements: play.counts.get('disagreements') ?? 0,
  };
  const enough = (play.counts.get('calls compared') ?? 0) > rounds / 3;
  return { ok: enough && play.faults.size === 0, figures };
};

export const campaign: Campaign = {
  name: 'differential',
  claim: 'what is printed to targets is read alike by independent JSON, URL and SCIM parsers',
  roundsDefault: 20_000,
  run,
};
