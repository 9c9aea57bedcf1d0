/**
 * A receiver of forwarded webhooks that fails at random: refuses, hangs up, hangs up after it took the
 * message, dawdles. It checks every signature itself and remembers what it saw, in order.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';
import type { SentEvent } from './webhook-sender.ts';

/** One message that arrived whole. */
export type Taken = Readonly<{
  webhookId: string;
  event: SentEvent;
  /** It was taken: a 2xx went out, or would have, had the connection held. */
  taken: boolean;
  /** A 2xx went out: nobody has a reason to send it again. */
  told: boolean;
}>;

export type FailingReceiver = Readonly<{
  url: string;
  arrivals(): readonly Taken[];
  /** Messages whose signature did not hold. */
  badSignatures(): number;
  stop(): Promise<void>;
}>;

/** What the forwarded messages are signed with. */
export const forwardSecret = `whsec_${Buffer.alloc(24, 'forward').toString('base64')}`;

const key = Buffer.from(forwardSecret.slice('whsec_'.length), 'base64');

const holds = (request: IncomingMessage, body: string): boolean => {
  const header = (name: string): string => String(request.headers[name] ?? '');
  const signed = `${header('webhook-id')}.${header('webhook-timestamp')}.${body}`;
  const wanted = createHmac('sha256', key).update(signed).digest();
  const given = Buffer.from(header('webhook-signature').replace(/^v1,/, ''), 'base64');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
};

/** Failures of one message at most. */
const failuresMax = 2;

/** Starts it on a free port; `draw` gives numbers in [0, 1). */
export const startFailingReceiver = async (draw: () => number): Promise<FailingReceiver> => {
  const arrivals: Taken[] = [];
  /** Times that each message was not taken, or taken without an answer. */
  const failures = new Map<string, number>();
  let bad = 0;
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk as string;
    if (!holds(request, body)) bad += 1;
    const { data } = JSON.parse(body) as { data: SentEvent };
    const webhookId = String(request.headers['webhook-id']);
    // A third failure in a row would be waited for up to 16 s, and the line behind it as well.
    const spared = (failures.get(webhookId) ?? 0) >= failuresMax;
    const chance = spared ? 0.5 : draw();
    if (chance < 0.09) failures.set(webhookId, (failures.get(webhookId) ?? 0) + 1);
    const taken = chance >= 0.08;
    arrivals.push({ webhookId, event: data, taken, told: chance >= 0.09 });
    if (chance < 0.04) response.writeHead(chance < 0.02 ? 500 : 503).end();
    else if (chance < 0.08) request.socket.destroy();
    // It took the message, and the gateway never hears of it.
    else if (chance < 0.09) request.socket.destroy();
    else {
      if (chance > 0.98) await after(30);
      response.writeHead(204).end();
    }
  };
  const server = createServer((request, response) => {
    take(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrivals: () => arrivals,
    badSignatures: () => bad,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
