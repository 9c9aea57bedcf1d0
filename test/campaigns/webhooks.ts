/**
 * Webhooks through a gateway that is killed over and over, to a receiver that fails at random. Every
 * tenth message is sent twice. One round is one kill and 667 messages; a fifth of the subjects also
 * runs a plan against a SCIM target, whose changes are counted.
 */
import { setTimeout as after } from 'node:timers/promises';
import { seededNumbers, type Campaign, type CampaignOptions } from './campaign.ts';
import { startFailingReceiver } from './failing-receiver.ts';
import {
  makeHome,
  startGatewayProcess,
  type GatewayProcess,
  type Home,
} from './gateway-process.ts';
import { startUsersTarget } from './users-target.ts';
import {
  beginSending,
  drain,
  storeProblems,
  makeUsers,
  verdictOf,
  webhookConfig,
  webhookEnv,
} from './webhook-claims.ts';
import { makeWebhookSender, type WebhookSender } from './webhook-sender.ts';

const eventsPerRound = 667;
const subjectsPerRound = 40;
const connections = 24;
/** The kill comes after so many acknowledgements more: it hits a gateway at work on any machine. */
const killAfter = { least: 20, most: 400 };
/** But no later than this after the gateway is up, ms. */
const killMsMax = 15_000;
/** The outbox has this long to run empty once nobody kills it any more, ms per round. */
const drainMs = (rounds: number): number => 60_000 + 4_000 * rounds;

const startOn = async (home: Home, sender: WebhookSender): Promise<GatewayProcess> => {
  const gateway = await startGatewayProcess(home);
  await sender.point(gateway.data);
  return gateway;
};

const killOften = async (
  home: Home,
  sender: WebhookSender,
  given: Readonly<{ kills: number; draw: () => number; acknowledged(): number }>,
): Promise<number> => {
  let kills = 0;
  while (kills < given.kills) {
    const gateway = await startOn(home, sender);
    const wait = killAfter.least + given.draw() * (killAfter.most - killAfter.least);
    const enough = given.acknowledged() + wait;
    const latest = performance.now() + killMsMax;
    while (given.acknowledged() < enough && performance.now() < latest) await after(5);
    await gateway.end('SIGKILL');
    await sender.point(null);
    kills += 1;
  }
  return kills;
};

const run = async ({ rounds, seed, print }: CampaignOptions) => {
  const draw = seededNumbers(seed);
  const receiver = await startFailingReceiver(draw);
  const target = await startUsersTarget();
  const made = await makeHome(webhookConfig(receiver.url, target.url));
  const home: Home = { ...made, env: { ...made.env, ...webhookEnv } };
  const sender = makeWebhookSender('/hooks/hr', connections);
  const subjects = Math.min(400, subjectsPerRound * rounds);
  const messages = Math.ceil((eventsPerRound * rounds) / subjects);
  const parts = { receiver, target, sender, subjects, messages };
  try {
    await makeUsers(target, subjects);
    const { sending, all } = beginSending(sender, subjects, { messages, draw });
    const kills = await killOften(home, sender, {
      kills: rounds,
      draw,
      acknowledged: () => sending.done,
    });
    print(`${kills} kills while ${sending.done} of ${subjects * messages} messages were sent`);
    const gateway = await startOn(home, sender);
    await all;
    const drainedMs = await drain(parts, drainMs(rounds));
    await gateway.end('SIGTERM');
    await target.idle();
    const problems = await storeProblems(home, target);
    for (const problem of problems.slice(0, 20)) print(problem);
    const { ok, figures } = await verdictOf(parts, { sending, problems, drainedMs });
    return { ok, figures: { 'kills -9': kills, ...figures } };
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
