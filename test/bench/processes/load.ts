/**
 * The load generator, a process of its own: raw sockets with keep-alive, one request at a time on
 * each, so that it costs as little as it can. Takes orders over IPC (load.ts sends them).
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { LoadOrder, LoadResult } from '../load.ts';

/** Requests of one kind differ in eight digits, so that no two change the same resource. */
const digits = 8;
const counterMax = 10 ** digits;
/** Runs begin far from each other: a name made by one is not made again by the next. */
let counter = (process.pid % 1_000) * 100_000;

/** Where a signed message has its parts: id and time as `id.time.` is made of, the body, the signature. */
type Signing = Readonly<{
  key: KeyObject;
  id: readonly [number, number];
  time: string;
  bodyAt: number;
  signatureAt: number;
}>;
type Template = Readonly<{
  bytes: Buffer;
  places: readonly number[];
  signing: Signing | null;
}>;

const signatureMark = '@'.repeat(44);

const signingOf = (order: LoadOrder, bytes: Buffer): Signing | null => {
  if (order.signingKey === undefined || order.signingKey === null) return null;
  const head = bytes.toString('latin1', 0, bytes.indexOf('\r\n\r\n'));
  const idAt = head.indexOf('webhook-id: ') + 'webhook-id: '.length;
  return {
    key: createSecretKey(Buffer.from(order.signingKey, 'base64')),
    id: [idAt, head.indexOf('\r\n', idAt)],
    time: /webhook-timestamp: ([0-9]+)/.exec(head)?.[1] ?? '',
    bodyAt: head.length + 4,
    signatureAt: bytes.indexOf(signatureMark),
  };
};

/** Puts the signature of the bytes as they stand in its place. */
const signInPlace = (bytes: Buffer, { key, id, time, bodyAt, signatureAt }: Signing): void => {
  const signature = createHmac('sha256', key)
    .update(bytes.subarray(id[0], id[1]))
    .update(`.${time}.`)
    .update(bytes.subarray(bodyAt))
    .digest('base64');
  bytes.write(signature, signatureAt, 'latin1');
};

const templateOf = (order: LoadOrder): Template => {
  const { method, path, headers, body } = order;
  const length = body === null ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  const head = [`${method} ${path} HTTP/1.1`, `host: 127.0.0.1:${order.port}`, ...headers];
  const text = `${[...head, ...length].join('\r\n')}\r\n\r\n${body ?? ''}`;
  const bytes = Buffer.from(text);
  const places: number[] = [];
  const mark = '#'.repeat(digits);
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + digits)) {
    places.push(at);
  }
  return { bytes, places, signing: signingOf(order, bytes) };
};

const headEnd = Buffer.from('\r\n\r\n');
const lengthName = /\r\ncontent-length: *([0-9]+)/i;

/** Bytes of the first whole answer in `bytes`, or 0 where it is not whole yet. */
const answerLength = (bytes: Buffer): number => {
  const end = bytes.indexOf(headEnd);
  if (end < 0) return 0;
  const length = lengthName.exec(bytes.toString('latin1', 0, end))?.[1] ?? '0';
  const whole = end + headEnd.length + Number(length);
  return bytes.length >= whole ? whole : 0;
};

type Line = { readonly socket: Socket; due: number; readonly fire: (due: number) => void };

const openLine = (
  order: LoadOrder,
  template: Template,
  done: (line: Line, status: number) => void,
): Promise<Line> =>
  new Promise((resolve, reject) => {
    const socket = connect(order.port, '127.0.0.1');
    socket.setNoDelay(true);
    const bytes = Buffer.from(template.bytes);
    let rest: Buffer | null = null;
    const line: Line = {
      socket,
      due: 0,
      fire: (due) => {
        line.due = due;
        counter = (counter + 1) % counterMax;
        const text = String(counter).padStart(digits, '0');
        for (const place of template.places) bytes.write(text, place, 'latin1');
        if (template.signing !== null) signInPlace(bytes, template.signing);
        // The socket may still hold the last request's bytes: it is given its own copy.
        socket.write(Buffer.from(bytes));
      },
    };
    socket.on('data', (chunk) => {
      const all = rest === null ? chunk : Buffer.concat([rest, chunk]);
      rest = answerLength(all) === 0 ? all : null;
      if (rest === null) done(line, Number(all.toString('latin1', 9, 12)));
    });
    socket.once('connect', () => resolve(line));
    socket.once('error', reject);
  });

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

const run = async (order: LoadOrder): Promise<LoadResult> => {
  const template = templateOf(order);
  const statuses: Record<string, number> = {};
  const latencies: number[] = [];
  const free: Line[] = [];
  const late: number[] = [];
  let stopped = false;
  let busy = 0;
  let whenIdle: () => void = () => {};
  const fire = (line: Line, due: number): void => {
    busy += 1;
    line.fire(due);
  };
  const lines = await Promise.all(
    Array.from({ length: order.connections }, () =>
      openLine(order, template, (line, status) => {
        busy -= 1;
        const now = performance.now();
        latencies.push(now - line.due);
        statuses[status] = (statuses[status] ?? 0) + 1;
        const next = order.ratePerSecond === null ? now : late.shift();
        // What was due is served, however late: a latency left out would be the worst of them.
        const more = order.ratePerSecond === null ? !stopped : true;
        if (more && next !== undefined) fire(line, next);
        else free.push(line);
        if (stopped && busy === 0) whenIdle();
      }),
    ),
  );
  const began = performance.now();
  free.push(...lines);
  if (order.ratePerSecond === null) for (const line of free.splice(0)) fire(line, began);
  await pace(order, began, (due) => {
    const line = free.pop();
    if (line === undefined) late.push(due);
    else fire(line, due);
  });
  stopped = true;
  const seconds = (performance.now() - began) / 1_000;
  if (busy > 0) await new Promise<void>((resolve) => (whenIdle = resolve));
  for (const { socket } of lines) socket.destroy();
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    requests: latencies.length,
    seconds,
    statuses,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
  };
};

/** Lasts as long as the order says; in an open loop, tells when each request is due. */
const pace = (order: LoadOrder, began: number, send: (due: number) => void): Promise<void> =>
  new Promise((resolve) => {
    const lastsMs = order.seconds * 1_000;
    if (order.ratePerSecond === null) {
      setTimeout(resolve, lastsMs);
      return;
    }
    const everyMs = 1_000 / order.ratePerSecond;
    let sent = 0;
    const tick = (): void => {
      const gone = performance.now() - began;
      for (; sent * everyMs <= Math.min(gone, lastsMs); sent += 1) send(began + sent * everyMs);
      if (gone >= lastsMs) resolve();
      else setTimeout(tick, 1);
    };
    tick();
  });

process.on('message', (order: LoadOrder) => {
  void run(order).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ failure: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });
