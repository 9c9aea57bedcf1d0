/**
 * A sender of webhooks as the Standard Webhooks specification wants one: it signs, it keeps the order of
 * each subject by waiting for 2xx before the next, and tries again until it has one. Signs with its own
 * few lines, so that a fault of the gateway's template cannot hide behind itself.
 */
import { createHmac } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';
import { Pool } from 'undici';

/** What a message says; the gateway's mapping reads `subject`. */
export type SentEvent = Readonly<{ subject: string; number: number; plan: boolean }>;

/** One try and what came of it: a status, or null where the connection broke. */
export type Posted = Readonly<{ status: number; duplicate: boolean }> | null;

/** 24 bytes, base64 behind the prefix: what `secrets:` of the route hold. */
export const senderSecret = `whsec_${Buffer.alloc(24, 'campaign').toString('base64')}`;

/** Headers of a signed message. `at` in seconds. */
export const signedHeaders = (
  message: Readonly<{ id: string; at: number; body: string }>,
  secret: string = senderSecret,
): Record<string, string> => {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const { id, at, body } = message;
  const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,${signature}`,
  };
};

/** Id of an event's message. */
export const messageId = (event: SentEvent): string =>
  `msg_${event.subject.split('@')[0]}_${event.number}`;

/** Body of an event's message. */
export const bodyOf = (event: SentEvent): string =>
  JSON.stringify({ type: 'user.updated', data: event });

/** Posts to whatever gateway runs at the moment. */
export type WebhookSender = Readonly<{
  /** Gateways come and go: where to from now on; null = nowhere, and everybody waits. */
  point(base: string | null): Promise<void>;
  /** Tries until 2xx; says whether the last answer called it a duplicate. */
  send(event: SentEvent): Promise<Readonly<{ duplicate: boolean; tries: number }>>;
  /** Answers that were neither 2xx nor 503. */
  unexpected(): readonly number[];
  close(): Promise<void>;
}>;

const pauseMs = 20;
/** So many answers that no sender expects end the campaign. */
const unexpectedMax = 100;

/** A sender of `connections` connections for messages to `path`. */
export const makeWebhookSender = (path: string, connections: number): WebhookSender => {
  let pool: Pool | null = null;
  const state = { closed: false };
  const unexpected: number[] = [];
  const post = async (event: SentEvent): Promise<Posted> => {
    const to = pool;
    if (to === null) return null;
    const body = bodyOf(event);
    const at = Math.floor(Date.now() / 1_000);
    try {
      const answer = await to.request({
        method: 'POST',
        path,
        headers: signedHeaders({ id: messageId(event), at, body }),
        body,
        headersTimeout: 20_000,
      });
      await answer.body.dump();
      return {
        status: answer.statusCode,
        duplicate: answer.headers['sallyport-duplicate'] === 'true',
      };
    } catch {
      return null;
    }
  };
  return {
    point: async (base) => {
      const before = pool;
      pool = base === null ? null : new Pool(base, { connections, pipelining: 1 });
      await before?.destroy();
    },
    send: async (event) => {
      for (let tries = 1; !state.closed; tries += 1) {
        const posted = await post(event);
        if (posted !== null && posted.status >= 200 && posted.status < 300) {
          return { duplicate: posted.duplicate, tries };
        }
        if (posted !== null && posted.status !== 503) unexpected.push(posted.status);
        if (unexpected.length > unexpectedMax)
          throw new Error(`answers ${unexpected.slice(-3).join()}`);
        await after(pauseMs);
      }
      throw new Error('the sender was closed');
    },
    unexpected: () => unexpected,
    close: async () => {
      state.closed = true;
      await pool?.destroy();
    },
  };
};
