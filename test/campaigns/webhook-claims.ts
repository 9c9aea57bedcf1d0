/**
 * What campaigns with webhooks share: the route file, what is sent for each subject and which repeats,
 * and what receiver and SCIM target have to say about it in the end.
 */
import { setTimeout as after } from 'node:timers/promises';
import type { DeliveryState } from '../../src/deliveries/event-store.ts';
import type { Foundation } from '../../src/foundation.ts';
import { deliveryId } from '../../src/ids.ts';
import { allowedEntries, chainProblems, compareWithTruth, withStore } from './audit.ts';
import { forwardSecret, type FailingReceiver, type Taken } from './failing-receiver.ts';
import { campaignConfig, targetPart, type Home } from './gateway-process.ts';
import type { UsersTarget } from './users-target.ts';
import { senderSecret, type SentEvent, type WebhookSender } from './webhook-sender.ts';

/** Longest times of a call, of the wait before it and of a plan, as the route file writes them. */
export type Times = Readonly<{ timeout: string; wait: string; deadline: string }>;

/** The route file: every message to the receiver, those of every fifth subject also into a plan. */
export const webhookConfig = (
  receiver: string,
  users: string,
  { timeout, wait, deadline }: Times = { timeout: '3s', wait: '20s', deadline: '30s' },
): string => {
  const times = `, timeout: ${timeout}, limits: { concurrent: 32, wait: ${wait} }, breaker: { minimum: 10000 }`;
  return campaignConfig(
    `
targets:
${targetPart('receiver', receiver, times)}
${targetPart('users', users, `, settleAfter: 10ms${times}`)}
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
    deadline: ${deadline}
    steps:
      - { name: name, route: users, find: { userName: event.raw.data.subject }, do: update, set: { displayName: '"n" + string(int(event.raw.data.number))' } }
`,
    {
      others:
        '  mover: { owner: iam@example.com, purpose: moves, expires: 2099-12-31, auth: internal }',
    },
  );
};

/** What that route file asks of the environment. */
export const webhookEnv = { SENDER_SECRET: senderSecret, FORWARD_SECRET: forwardSecret };

const subjectOf = (index: number): string => `s${index}@example.com`;
const runsPlan = (subject: number): boolean => subject % 5 === 0;

/** Users that plans change; made at the target itself. */
export const makeUsers = async (target: UsersTarget, subjects: number): Promise<void> => {
  for (let index = 0; index < subjects; index += 5) {
    await fetch(`${target.url}/Users`, {
      method: 'POST',
      body: JSON.stringify({ userName: subjectOf(index), displayName: 'new', active: true }),
    });
  }
};

/** What was sent so far. */
type Sending = {
  /** Distinct events acknowledged. */
  done: number;
  duplicates: number;
  notCalledDuplicate: number;
  /** Acknowledged by another gateway than the event before it of the same subject. */
  elsewhere: number;
  /** Repeats acknowledged by another gateway than the first time. */
  duplicatesElsewhere: number;
};

/** Nothing yet. */
const nothingSent = (): Sending => ({
  done: 0,
  duplicates: 0,
  notCalledDuplicate: 0,
  elsewhere: 0,
  duplicatesElsewhere: 0,
});

export type SendingGiven = Readonly<{
  /** Messages of each subject. */
  messages: number;
  draw: () => number;
  /** Resolves once message `number` of a subject may go. Default: at once. */
  mayGo?: (number: number) => Promise<void>;
}>;

type Acknowledged = Readonly<{ event: SentEvent; seat: number }>;

/** All messages of one subject, in order; every tenth a second time, at once or one message later. */
const sendSubject = async (
  sender: WebhookSender,
  given: SendingGiven & Readonly<{ subject: number }>,
  sending: Sending,
): Promise<void> => {
  const { subject, messages, draw } = given;
  const again = async ({ event, seat }: Acknowledged): Promise<void> => {
    sending.duplicates += 1;
    // Where there are several gateways, not the one that has it.
    const repeat = await sender.send(event, seat + 1);
    if (!repeat.duplicate) sending.notCalledDuplicate += 1;
    if (repeat.seat !== seat) sending.duplicatesElsewhere += 1;
  };
  let late: Acknowledged | null = null;
  let before: number | null = null;
  for (let number = 1; number <= messages; number += 1) {
    await given.mayGo?.(number);
    const event = { subject: subjectOf(subject), number, plan: runsPlan(subject) };
    const { seat } = await sender.send(event, number);
    if (before !== null && before !== seat) sending.elsewhere += 1;
    before = seat;
    if (late !== null) await again(late);
    late = null;
    if (number % 10 === 0) {
      if (draw() < 0.5) await again({ event, seat });
      else late = { event, seat };
    }
    sending.done += 1;
  }
  if (late !== null) await again(late);
};

/** Begins to send for all subjects; `all` resolves when everything was acknowledged. */
export const beginSending = (
  sender: WebhookSender,
  subjects: number,
  given: SendingGiven,
): Readonly<{ sending: Sending; all: Promise<unknown> }> => {
  const sending = nothingSent();
  const all = Promise.all(
    Array.from({ length: subjects }, (_, subject) =>
      sendSubject(sender, { ...given, subject }, sending),
    ),
  );
  return { sending, all };
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
  // Of what arrived, the last time decides: whoever was not told of it sends it again.
  const told = new Map(arrivals.map((each) => [each.webhookId, each.told]));
  const untold = [...told.values()].filter((each) => !each).length;
  return { outOfOrder, otherIds, lost: subjects * messages - taken.size, untold };
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

/** All that takes part. */
export type Parts = Readonly<{
  receiver: FailingReceiver;
  target: UsersTarget;
  sender: WebhookSender;
  subjects: number;
  messages: number;
}>;

/** Waits until everything is where it should be, at most `limitMs`; gives how long that took, ms. */
export const drain = async (
  { receiver, target, subjects, messages }: Parts,
  limitMs: number,
): Promise<number> => {
  const began = performance.now();
  while (performance.now() - began < limitMs) {
    const { lost, untold } = judge(receiver.arrivals(), subjects, messages);
    const { changes, wanted } = await judgeUsers(target, subjects, messages);
    if (lost === 0 && untold === 0 && changes >= wanted) break;
    await after(100);
  }
  const took = performance.now() - began;
  // What was taken twice would come within a moment of the last.
  await after(500);
  return took;
};

/** Deliveries that did not end well, in words: what stands in the way of the first is the cause of the rest. */
const openDeliveries = async ({ stores }: Foundation): Promise<readonly string[]> => {
  const states: readonly DeliveryState[] = ['ready', 'waiting', 'scheduled', 'dead'];
  const pages = await Promise.all(
    states.map((state) => stores.outbox.list({ state, limit: 1_000 })),
  );
  return pages.flat().map(({ key, state, attempts, reason }) => {
    const why = reason === null ? '' : `: ${reason}`;
    return `${deliveryId(key)} is ${state} after ${attempts} tries${why}`;
  });
};

/** What broke in the ledger or the outbox, and where they contradict the target; no gateway may run any more. */
export const storeProblems = (home: Home, target: UsersTarget): Promise<readonly string[]> =>
  withStore(home, async (foundation) => {
    const truth = compareWithTruth(await allowedEntries(foundation), target.arrivals());
    const open = truth.withoutOutcome === 0 ? [] : [`${truth.withoutOutcome} without an outcome`];
    return [
      ...(await chainProblems(foundation)),
      ...truth.wrong,
      ...open,
      ...(await openDeliveries(foundation)),
    ];
  });

/** What everybody saw, as figures, and whether the claim held. */
export const verdictOf = async (
  { receiver, target, sender, subjects, messages }: Parts,
  told: Readonly<{ sending: Sending; problems: readonly string[]; drainedMs: number }>,
) => {
  const { sending, problems, drainedMs } = told;
  const { outOfOrder, otherIds, lost } = judge(receiver.arrivals(), subjects, messages);
  const { changes, wanted, wrongEnds } = await judgeUsers(target, subjects, messages);
  const figures = {
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
    'problems of ledger and outbox': problems.length,
    'seconds until the outbox was empty': (drainedMs / 1_000).toFixed(1),
  };
  const ok =
    lost + outOfOrder + otherIds + wrongEnds + problems.length === 0 &&
    receiver.badSignatures() + sender.unexpected().length + sending.notCalledDuplicate === 0 &&
    changes === wanted;
  return { ok, figures };
};
