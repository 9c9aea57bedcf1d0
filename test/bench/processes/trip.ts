/**
 * Sender and receiver of webhooks in one process, so that one clock tells how long a message took from
 * being due to being passed on. Orders come over IPC: so many a second, for so many seconds.
 */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

type TripOrder = Readonly<{
  port: number;
  ratePerSecond: number;
  seconds: number;
  /** Base64. */
  signingKey: string;
}>;

const dueAt = new Map<string, number>();
const tookMs: number[] = [];
let refused = 0;
let whenHere: () => void = () => {};

const receiver = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  const now = performance.now();
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { data } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
      data: { number: string };
    };
    const due = dueAt.get(data.number);
    if (dueAt.delete(data.number) && due !== undefined) tookMs.push(now - due);
    if (dueAt.size === 0) whenHere();
    response.writeHead(204).end();
  });
});

let made = 0;

const send = async (pool: Pool, { signingKey }: TripOrder, due: number): Promise<void> => {
  made += 1;
  const number = `${process.pid}-${made}`;
  const body = JSON.stringify({
    type: 'user.updated',
    data: { number, subject: `s${made % 5_000}`, title: 'Engineer', department: 'Delivery' },
  });
  const at = Math.floor(Date.now() / 1_000);
  const signature = createHmac('sha256', Buffer.from(signingKey, 'base64'))
    .update(`msg_${number}.${at}.${body}`)
    .digest('base64');
  dueAt.set(number, due);
  const answer = await pool.request({
    method: 'POST',
    path: '/hooks/hr',
    headers: {
      'content-type': 'application/json',
      'webhook-id': `msg_${number}`,
      'webhook-timestamp': String(at),
      'webhook-signature': `v1,${signature}`,
    },
    body,
  });
  await answer.body.dump();
  if (answer.statusCode === 202) return;
  refused += 1;
  dueAt.delete(number);
};

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/** Messages that did not arrive by then are lost. */
const arriveMsMax = 10_000;

const run = async (order: TripOrder) => {
  tookMs.length = 0;
  refused = 0;
  dueAt.clear();
  const pool = new Pool(`http://127.0.0.1:${order.port}`, { connections: 64, pipelining: 1 });
  const began = performance.now();
  const everyMs = 1_000 / order.ratePerSecond;
  const under: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    let sent = 0;
    const tick = (): void => {
      const gone = performance.now() - began;
      for (; sent * everyMs <= Math.min(gone, order.seconds * 1_000); sent += 1) {
        under.push(send(pool, order, began + sent * everyMs));
      }
      if (gone >= order.seconds * 1_000) resolve();
      else setTimeout(tick, 1);
    };
    tick();
  });
  await Promise.all(under);
  if (dueAt.size > 0) {
    await new Promise<void>((resolve) => {
      whenHere = resolve;
      setTimeout(resolve, arriveMsMax).unref();
    });
  }
  await pool.close();
  const sorted = tookMs.toSorted((a, b) => a - b);
  return {
    sent: under.length,
    refused,
    lost: dueAt.size,
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
  };
};

process.on('message', (order: TripOrder) => {
  void run(order).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ failure: String(error) }),
  );
});
receiver.listen(0, '127.0.0.1', () =>
  process.send?.({ port: (receiver.address() as AddressInfo).port }),
);
process.on('disconnect', () => process.exit(0));
