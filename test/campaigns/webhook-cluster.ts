/**
 * Webhooks sprayed over three gateways on one PostgreSQL, of which one is killed each round. A subject's
 * messages go to one gateway after the other, each once the one before was acknowledged; every tenth is
 * sent again, to another gateway than the one that has it. One round is one kill and 680 messages.
 */
import { setTimeout as after } from 'node:timers/promises';
import { seededNumbers, type Campaign, type CampaignOptions } from './campaign.ts';
import { startFailingReceiver, type FailingReceiver } from './failing-receiver.ts';
import { withSeveral, type Seat, type Several } from './several-gateways.ts';
import { startUsersTarget, type UsersTarget } from './users-target.ts';
import {
  beginSending,
  drain,
  ledgerProblems,
  makeUsers,
  verdictOf,
  webhookConfig,
  webhookEnv,
} from './webhook-claims.ts';
import { makeWebhookSender, type WebhookSender } from './webhook-sender.ts';

const gateways = 3;
const subjects = 40;
/** Messages of each subject and round. */
const messagesPerRound = 17;
/** Of the sender, to each gateway. */
const connections = 12;
const lease = '2s';
/** Claims of a dead gateway end after the longest try, plan or forward, and ten seconds. */
const times = { timeout: '1s', wait: '1s', deadline: '3s' };
/** When the kill comes after a round's messages may go, ms. */
const killAfterMs = { least: 100, most: 700 };
/** What is left for the outbox once all gateways live, ms: claims of the dead, then rounds of retries. */
const drainMs = 90_000;

/** Opens rounds, one by one: a message may go once its round has begun. */
const makeRounds = () => {
  let begun = 0;
  let waiting: (() => void)[] = [];
  return {
    begin: (): void => {
      begun += 1;
      const woken = waiting;
      waiting = [];
      for (const wake of woken) wake();
    },
    mayGo: async (number: number): Promise<void> => {
      while (number > begun * messagesPerRound) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
};

/** Kills a gateway amid the messages of a round, the seats taking turns, and starts it again. */
const playRounds = async (
  several: Several,
  sender: WebhookSender,
  given: Readonly<{ count: number; begin(): void; draw: () => number }>,
): Promise<void> => {
  for (let round = 0; round < given.count; round += 1) {
    given.begin();
    await after(killAfterMs.least + given.draw() * (killAfterMs.most - killAfterMs.least));
    const at = round % gateways;
    const seat = several.seats[at] as Seat;
    await seat.gateway.end('SIGKILL');
    await sender.point(null, at);
    await several.restart(seat);
    await sender.point(seat.gateway.data, at);
  }
};

const play = async (
  several: Several,
  given: Readonly<{ target: UsersTarget; receiver: FailingReceiver; draw: () => number }>,
  { rounds, print }: CampaignOptions,
) => {
  const { target, receiver, draw } = given;
  const messages = messagesPerRound * rounds;
  const sender = makeWebhookSender('/hooks/hr', connections);
  const parts = { receiver, target, sender, subjects, messages };
  try {
    await makeUsers(target, subjects);
    for (const [at, { gateway }] of several.seats.entries()) await sender.point(gateway.data, at);
    const { begin, mayGo } = makeRounds();
    const { sending, all } = beginSending(sender, subjects, { messages, draw, mayGo });
    await playRounds(several, sender, { count: rounds, begin, draw });
    print(`${rounds} kills while ${sending.done} of ${subjects * messages} messages were sent`);
    await all;
    const drainedMs = await drain(parts, drainMs);
    await several.stopGateways();
    await target.idle();
    const problems = await ledgerProblems(several.seats[0]!.home, target);
    for (const problem of problems) print(problem);
    const { ok, figures } = await verdictOf(parts, { sending, problems, drainedMs });
    return {
      ok,
      figures: {
        'kills -9': rounds,
        'acknowledged by another gateway than the one before': sending.elsewhere,
        'repeats to another gateway than the first time': sending.duplicatesElsewhere,
        ...figures,
      },
    };
  } finally {
    await sender.close();
  }
};

const run = async (options: CampaignOptions) => {
  const draw = seededNumbers(options.seed);
  const receiver = await startFailingReceiver(draw);
  try {
    return await withSeveral(
      startUsersTarget(),
      (url) => ({
        gateways,
        config: webhookConfig(receiver.url, url, times),
        lease,
        env: webhookEnv,
        connections: 1,
      }),
      (several, target) => play(several, { target, receiver, draw }, options),
    );
  } finally {
    await receiver.stop();
  }
};

export const campaign: Campaign = Object.freeze({
  name: 'webhook-cluster',
  claim:
    'three gateways share one outbox: whichever of them dies, every acknowledged event is delivered in the order of its subject, and a repeat at any of them changes nothing',
  roundsDefault: 10,
  run,
});
