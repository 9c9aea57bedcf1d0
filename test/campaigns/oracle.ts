/**
 * Clients with narrow grants send hostile calls; every difference in the target's state must be one
 * that an oracle of its own, written by hand beside the route file, allows that client, and one that
 * a ledger entry of that client names. One round is one call.
 */
import { request } from 'undici';
import type { LedgerId } from '../../src/ids.ts';
import { startFixture, targetToken, type Fixture } from '../support/fixture.ts';
import type { Campaign, CampaignOptions, CampaignResult } from './campaign.ts';
import { drawCall, type HostileCall } from './hostile-calls.ts';
import { explain, oracleClients, oraclePermissions } from './oracle-grants.ts';
import { makeChance, type Chance } from './random.ts';
import { answer, startScimTarget, type ScimTarget } from './scim-target.ts';
import type { Changed, Resource } from './scim-store.ts';

const clientLine = (name: string): string =>
  `  ${name}: { owner: iam@example.com, purpose: oracle campaign, expires: 2099-12-31, auth: [{ apiKey: {} }] }`;
const grants = oracleClients.map((name) => `      - { client: ${name}, use: ${name} }`).join('\n');

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
${oracleClients.map(clientLine).join('\n')}
targets:
  memory:
    baseUrl: ${url}
    auth: [{ bearer: "\${env:SANDBOX_TOKEN}" }]
    allowPrivate: [127.0.0.0/8]
    breaker: { failures: 100%, minimum: 10000 }
profiles:
  workforce: { users: { "*": [trim, nfc], userName: [lowercase], "emails[].value": [email], active: [boolean] } }
${oraclePermissions}
routes:
  captured:
    path: /captured
    scim: memory
    normalise: workforce
    before: capture
    grants:
${grants}
  lean:
    path: /lean
    scim: memory
    before: needed
    grants:
${grants}
`;

const users = (): readonly Resource[] =>
  Array.from({ length: 40 }, (_, index) => ({
    id: `u${index}`,
    userName: `user${index}@${index % 2 === 0 ? 'example.com' : 'other.org'}`,
    externalId: `e${index}`,
    active: index % 3 !== 0,
    title: 'Clerk',
    displayName: `User ${index}`,
    nickName: 'U',
    password: 'secret-stays',
    name: { givenName: 'Given', familyName: 'Family', formatted: 'Given Family' },
    emails: [
      { value: `user${index}@example.com`, type: 'work', primary: true },
      { value: `home${index}@example.net`, type: 'home' },
    ],
    phoneNumbers: [{ value: '+4930123456', type: 'work' }],
    roles: [{ value: 'staff' }],
    'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User': {
      department: 'Sales',
      costCenter: '42',
      manager: { value: 'u1' },
    },
  }));

const groupNames = [
  'app-mail',
  'app-chat',
  'app-root-admins',
  'APP-Admins',
  'staff',
  'db-admins',
  'app-x',
  'App-case',
];
const groups = (): readonly Resource[] =>
  groupNames.map((displayName, index) => ({
    id: `g${index}`,
    displayName,
    externalId: `ge${index}`,
    members: [
      { value: 'u1', type: 'User', display: 'User 1' },
      { value: `u${index + 2}`, type: 'User' },
      { value: 'u30' },
    ],
  }));

/** Calls of one epoch; then the target begins anew. */
const epochCalls = 512;
const workers = 16;

type Journal = Map<string, Changed[]>;
type Sent = Readonly<{ client: string; route: string; call: HostileCall }>;
type Tally = {
  calls: number;
  changes: number;
  denied: number;
  internal: number;
  readonly statuses: Map<number, number>;
  readonly unexplained: string[];
};

/** Is every difference under this entry allowed to its client, and named by its record? */
const judge = async (
  fixture: Fixture,
  tally: Tally,
  sent: Sent,
  entry: string,
  changes: readonly Changed[],
): Promise<void> => {
  const shown = await fixture.gateway.foundation.ledger.show(entry as LedgerId);
  const report = (why: string): void => {
    if (tally.unexplained.length < 50)
      tally.unexplained.push(`${why}: ${JSON.stringify({ entry, ...sent, changes })}`);
    else tally.unexplained.push(why);
  };
  if (shown === null) return report('no ledger entry');
  if (shown.row.client !== sent.client || shown.row.decision !== 'allow')
    report('entry of another client or decision');
  for (const change of changes) {
    tally.changes += 1;
    for (const { what, actions, allowed } of explain(sent.client, change)) {
      if (!allowed) report(`${what} is not granted to ${sent.client}`);
      else if (!actions.some((action) => shown.row.actions.includes(action))) {
        report(`${what} is not among the actions ${shown.row.actions.join(' ')}`);
      }
    }
  }
};

const play = async (
  fixture: Fixture,
  target: ScimTarget,
  journal: Journal,
  chance: Chance,
  tally: Tally,
): Promise<void> => {
  const client = chance.pick(oracleClients);
  const route = chance.pick(['captured', 'lean']);
  const forGroups = /adder|remover|grouper/.test(client) ? 0.92 : 0.08;
  const call = drawCall(chance, target.store, chance.often(forGroups) ? 'Groups' : 'Users');
  const response = await request(
    `http://127.0.0.1:${fixture.gateway.data.port}/${route}${call.path}`,
    {
      method: call.method as 'GET',
      headers: {
        authorization: `Bearer ${fixture.keys[client]}`,
        ...(call.body === null ? {} : { 'content-type': 'application/scim+json' }),
      },
      body: call.body,
    },
  );
  const text = await response.body.text();
  const { statusCode } = response;
  tally.calls += 1;
  tally.statuses.set(statusCode, (tally.statuses.get(statusCode) ?? 0) + 1);
  if (statusCode === 403) tally.denied += 1;
  if (text.includes('"internal"') || text.includes(targetToken)) {
    tally.internal += 1;
    tally.unexplained.push(
      `an answer that must not be: ${statusCode} ${text.slice(0, 300)} to ${JSON.stringify(call)}`,
    );
  }
  const entry = response.headers['sallyport-ledger-id'];
  if (typeof entry !== 'string') return;
  const changes = journal.get(entry);
  journal.delete(entry);
  if (changes !== undefined) await judge(fixture, tally, { client, route, call }, entry, changes);
};

const run = async ({ rounds, seed, print }: CampaignOptions): Promise<CampaignResult> => {
  const journal: Journal = new Map();
  const target = await startScimTarget({
    serve: (asked, store) => {
      const handled = store.handle(asked.method, asked.path, asked.query, asked.body);
      if (handled.changed !== null) {
        const name = asked.ledgerId ?? 'no ledger id';
        journal.set(name, [...(journal.get(name) ?? []), handled.changed]);
      }
      answer(asked.outgoing, handled);
    },
  });
  const fixture = await startFixture({ config: () => config(target.url), clients: oracleClients });
  const tally: Tally = {
    calls: 0,
    changes: 0,
    denied: 0,
    internal: 0,
    statuses: new Map(),
    unexplained: [],
  };
  try {
    for (let done = 0, epoch = 0; done < rounds; done += epochCalls, epoch++) {
      target.store.reset(users(), groups());
      let left = Math.min(epochCalls, rounds - done);
      const work = async (worker: number): Promise<void> => {
        const chance = makeChance(seed * 1_000_003 + epoch * 101 + worker);
        while (left-- > 0) await play(fixture, target, journal, chance, tally);
      };
      await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
      for (const [entry, changes] of journal) {
        tally.unexplained.push(
          `changed under no call's entry ${entry}: ${JSON.stringify(changes).slice(0, 500)}`,
        );
      }
      journal.clear();
    }
  } finally {
    await fixture.stop();
    await target.stop();
  }
  for (const line of tally.unexplained.slice(0, 10)) print(`  unexplained: ${line}`);
  const statuses = [...tally.statuses].sort(([one], [other]) => one - other);
  return {
    ok: tally.unexplained.length === 0 && tally.calls === rounds && tally.changes > rounds / 50,
    figures: {
      calls: tally.calls,
      'changes at the target': tally.changes,
      'denied (403)': tally.denied,
      statuses: statuses.map(([status, count]) => `${status}:${count}`).join(' '),
      unexplained: tally.unexplained.length,
    },
  };
};

export const campaign: Campaign = {
  name: 'oracle',
  claim: 'whatever changes at the target was granted to the client and is recorded under its name',
  roundsDefault: 100_000,
  run,
};
