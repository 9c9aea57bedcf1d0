/**
 * Webhooks through a gateway that is killed over and over, to a receiver that fails at random. Every
 * tenth message is sent twice. One round is one kill and 667 messages; a fifth of the subjects also
 * runs a plan against a SCIM target, whose changes are counted.
 */
import { setTimeout as after } from 'node:timers/promises';
import { seededNumbers, type Campaign, type CampaignOptions } from './campaign.ts';
import { chainProblems, withStore } from './audit.ts';
import {
  forwardSecret,
  startFailingReceiver,
  type FailingReceiver,
  type Taken,
} from './failing-receiver.ts';
import {
  campaignConfig,
  makeHome,
  startGatewayProcess,
  targetPart,
  type GatewayProcess,
  type Home,
} from './gateway-process.ts';
import { startUsersTarget, type UsersTarget } from './users-target.ts';
import {
  makeWebhookSender,
  senderSecret,
  type SentEvent,
  type WebhookSender,
} from './webhook-sender.ts';

const eventsPerRound = 667;
const subjectsPerRound = 40;
const connections = 24;
/** When the kill comes after the gateway is up, ms. */
const killAfterMs = { least: 200, most: 900 };
/** The outbox has this long to run empty once nobody kills it any more, ms per round. */
const drainMs = (rounds: number): number => 60_000 + 4_000 * rounds;

const config = (receiver: string, users: string): string =>
  campaignConfig(
    `
targets:
${targetPart('receiver', receiver, ', limits: { concurrent: 32 }, timeout: 3s, breaker: { minimum: 10000 }')}
${targetPart('users', users, ', settleAfter: 10ms, timeout: 3s, breaker: { minimum: 10000 }')}
routes:
  users:
    path: /scim/users
    scim: users
    before: capture
    grants:
      - { client: mover, users: { actions: [read, search, update] } }
  hr:
    path: /hooks/hr
    webhook: { scheme: standard-webhooks, secrets: ["\${env:SENDER_SECRET}"] }
    event: { kind: '"mover"', subject: event.raw.data.subject }
    deliver:
      - { name: pass, to: receiver, path: /in, sign: { scheme: standard-webhooks, secret: "\${env:FORWARD_SECRET}" }, attempts: 40, concurrent: 32 }
      - { name: rename, plan: rename, when: event.raw.data.plan, attempts: 40 }
plans:
  rename:
    as: mover
    deadline: 30s
    steps:
      - { name: name, route: users, find: { userName: event.raw.data.subject }, do: update, set: { displayName: '"n" + string(int(event.raw.data.number))' } }
`,
    {
      others:
        '  mover: { owner: iam@example.com, purpose: moves, expires: 2099-12-31, auth: internal }',
    },
  );

const subjectOf = (index: number): string => `s${index}@example.com`;
const runsPlan = (subject: number): boolean => subject % 5 === 0;

/** Users that plans change; made at the target itself. */
const makeUsers = async (target: UsersTarget, subjects: number): Promise<void> => {
  for (let index = 0; index < subjects; index += 5) {
    await fetch(`${target.url}/Users`, {
      method: 'POST',
      body: JSON.stringify({ userName: subjectOf(index), displayName: 'new', active: true }),
    });
  }
};

type Sending = { duplicates: number; notCalledDuplicate: number; done: number };

/** All messages of one subject, in order; every tenth a second time, at once or one message later. */
const sendSubject = async (
  sender: WebhookSender,
  given: Readonly<{ subject: number; messages: number; draw: () => number }>,
  sending: Sending,
): Promise<void> => {
  const { subject, messages, draw } = given;
  const again = async (event: SentEvent): Promise<void> => {
    sending.duplicates += 1;
    const { duplicate } = await sender.send(event);
    if (!duplicate) sending.notCalledDuplicate += 1;
  };
  let late: SentEvent | null = null;
  for (let number = 1; number <= messages; number += 1) {
    const event = { subject: subjectOf(subject), number, plan: runsPlan(subject) };
    await sender.send(event);
    if (late !== null) await again(late);
    late = null;
    if (number % 10 === 0) {
      if (draw() < 0.5) await again(event);
      else late = event;
    }
    sending.done += 1;
  }
  if (late !== null) await again(late);
};

const startOn = async (home: Home, sender: WebhookSender): Promise<GatewayProcess> => {
  const gateway = await startGatewayProcess(home);
  await sender.point(gateway.data);
  return gateway;
};

const killOften = async (
  home: Home,
  sender: WebhookSender,
  given: Readonly<{ kills: number; draw: () => number }>,
): Promise<number> => {
  let kills = 0;
  while (kills < given.kills) {
    const gateway = await startOn(home, sender);
    await after(killAfterMs.least + given.draw() * (killAfterMs.most - killAfterMs.least));
    await gateway.end('SIGKILL');
    await sender.point(null);
    kills += 1;
  }
  return kills;
};

/** What the arrivals of the receiver say: kinds of trouble, counted. */
const judge = (arrivals: readonly Taken[], subjects: number, messages: number) => {
  const newest = new Map<string, number>();
  const taken = new Map<string, Set<string>>();
  const ids = new Map<string, string>();
  let outOfOrder = 0;
  let otherIds = 0;
  for (const { event, webhookId, taken: isTaken } of arrivals) {
    const before = newest.get(event.subject) ?? 0;
    // Again and again is allowed; going back behind one that came later is not, nor is a gap.
    if (event.number < before || event.number > before + 1) outOfOrder += 1;
    newest.set(event.subject, Math.max(before, event.number));
    const name = `${event.subject}/${event.number}`;
    if ((ids.get(name) ?? webhookId) !== webhookId) otherIds += 1;
    ids.set(name, webhookId);
    if (!isTaken) continue;
    const times = taken.get(name) ?? new Set<string>();
    taken.set(name, times.add(webhookId));
  }
  return { outOfOrder, otherIds, lost: subjects * messages - taken.size };
};

/** Changes of users at the target: how many were made, and how many users ended on another name. */
const judgeUsers = async (target: UsersTarget, subjects: number, messages: number) => {
  const changed = target
    .arrivals()
    .filter(({ changed: made, method }) => made && method === 'PATCH');
  let wrongEnds = 0;
  let wanted = 0;
  for (let index = 0; index < subjects; index += 5) {
    wanted += messages;
    const filter = encodeURIComponent(`userName eq "${subjectOf(index)}"`);
    const found = (await (await fetch(`${target.url}/Users?filter=${filter}`)).json()) as {
      Resources: { displayName: string }[];
    };
    if (found.Resources[0]?.displayName !== `n${messages}`) wrongEnds += 1;
  }
  return { changes: changed.length, wanted, wrongEnds };
};

/** Runs the last gateway until nothing is pending. */
const drain = async (
  receiver: FailingReceiver,
  target: UsersTarget,
  given: Readonly<{ subjects: number; messages: number; limitMs: number }>,
): Promise<number> => {
  const began = performance.now();
  while (performance.now() - began < given.limitMs) {
    const { lost } = judge(receiver.arrivals(), given.subjects, given.messages);
    const { changes, wanted } = await judgeUsers(target, given.subjects, given.messages);
    if (lost === 0 && changes >= wanted) break;
    await after(100);
  }
  return performance.now() - began;
};

const run = async ({ rounds, seed, print }: CampaignOptions) => {
  const draw = seededNumbers(seed);
  const receiver = await startFailingReceiver(draw);
  const target = await startUsersTarget();
  const base = config(receiver.url, target.url);
  const made = await makeHome(base);
  const home: Home = {
    ...made,
    env: { ...made.env, SENDER_SECRET: senderSecret, FORWARD_SECRET: forwardSecret },
  };
  const sender = makeWebhookSender('/hooks/hr', connections);
  const subjects = Math.min(400, subjectsPerRound * rounds);
  const messages = Math.ceil((eventsPerRound * rounds) / subjects);
  const sending: Sending = { duplicates: 0, notCalledDuplicate: 0, done: 0 };
  try {
    await makeUsers(target, subjects);
    const all = Promise.all(
      Array.from({ length: subjects }, (_, subject) =>
        sendSubject(sender, { subject, messages, draw }, sending),
      ),
    );
    const kills = await killOften(home, sender, { kills: rounds, draw });
    print(`${kills} kills while ${sending.done} of ${subjects * messages} messages were sent`);
    const gateway = await startOn(home, sender);
    await all;
    const drainedMs = await drain(receiver, target, {
      subjects,
      messages,
      limitMs: drainMs(rounds),
    });
    // What was taken twice would come within a moment of the last.
    await after(500);
    await gateway.end('SIGTERM');
    await target.idle();
    const problems = await withStore(home, (foundation) => chainProblems(foundation));
    for (const problem of problems) print(problem);
    const { outOfOrder, otherIds, lost } = judge(receiver.arrivals(), subjects, messages);
    const { changes, wanted, wrongEnds } = await judgeUsers(target, subjects, messages);
    const figures = {
      'kills -9': kills,
      'distinct events acknowledged': sending.done,
      'sent again': sending.duplicates,
      'sent again, not called a duplicate': sending.notCalledDuplicate,
      'arrivals at the receiver': receiver.arrivals().length,
      'events the receiver never took': lost,
      'arrivals out of their order': outOfOrder,
      'events under another webhook-id': otherIds,
      'signatures that did not hold': receiver.badSignatures(),
      'changes at the SCIM target': changes,
      'changes wanted': wanted,
      'users that ended on another name': wrongEnds,
      'answers neither 2xx nor 503': sender.unexpected().length,
      'problems of the ledger': problems.length,
      'seconds until the outbox was empty': (drainedMs / 1_000).toFixed(1),
    };
    const ok =
      lost + outOfOrder + otherIds + wrongEnds + problems.length === 0 &&
      receiver.badSignatures() + sender.unexpected().length + sending.notCalledDuplicate === 0 &&
      changes === wanted;
    return { ok, figures };
  } finally {
    await sender.close();
    await receiver.stop();
    await target.stop();
    await home.remove();
  }
};

export const campaign: Campaign = Object.freeze({
  name: 'webhooks',
  claim:
    'however often the gateway is killed, every event that was acknowledged reaches its receiver, in the order of its subject, and a repeat changes nothing',
  roundsDefault: 30,
  run,
});
