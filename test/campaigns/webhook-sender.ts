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
type Posted = Readonly<{ status: number; duplicate: boolean; seat: number }> | null;

/** Which gateway acknowledged it, and how. */
export type Sent = Readonly<{ duplicate: boolean; seat: number }>;

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

/** Posts to whatever gateways run at the moment. */
export type WebhookSender = Readonly<{
  /** Gateways come and go: where this seat is from now on; null = nowhere. Without any, everybody waits. */
  point(base: string | null, seat?: number): Promise<void>;
  /**
   * Tries until 2xx, beginning at seat `turn` (modulo all) and one seat further with each try. Says which
   * seat took it, and whether it called it a duplicate.
   */
  send(event: SentEvent, turn?: number): Promise<Sent>;
  /** Answers that were neither 2xx nor 503. */
  unexpected(): readonly number[];
  close(): Promise<void>;
}>;

const pauseMs = 20;
/** So many answers that no sender expects end the campaign. */
const unexpectedMax = 100;

/** A sender of `connections` connections to each gateway, for messages to `path`. */
export const makeWebhookSender = (path: string, connections: number): WebhookSender => {
  const pools: (Pool | null)[] = [];
  const state = { closed: false };
  const unexpected: number[] = [];
  /** The seat whose turn it is, or the next one with a gateway. */
  const seatOf = (turn: number): number | undefined =>
    pools.map((_, index) => (turn + index) % pools.length).find((seat) => pools[seat] !== null);
  const post = async (event: SentEvent, turn: number): Promise<Posted> => {
    const seat = seatOf(turn);
    const to = seat === undefined ? null : pools[seat];
    if (seat === undefined || to === null || to === undefined) return null;
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
        seat,
        status: answer.statusCode,
        duplicate: answer.headers['sallyport-duplicate'] === 'true',
      };
    } catch {
      return null;
    }
  };
  return {
    point: async (base, seat = 0) => {
      const before = pools[seat];
      pools[seat] = base === null ? null : new Pool(base, { connections, pipelining: 1 });
      await before?.destroy();
    },
    send: async (event, turn = 0) => {
      for (let tries = 0; !state.closed; tries += 1) {
        const posted = await post(event, turn + tries);
        if (posted !== null && posted.status >= 200 && posted.status < 300) {
          return { duplicate: posted.duplicate, seat: posted.seat };
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
      await Promise.all(pools.map((pool) => pool?.destroy()));
    },
  };
};
