/**
 * Bytes in, bytes out: one request as the handlers see it, and the one place that writes an answer.
 * Handlers take an Exchange and give a Reply; only this file and listener.ts touch sockets. Bodies
 * are counted on the wire, held in one Buffer and never decompressed; as text they must be UTF-8.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isRefusal, refuse, type Refusal } from '../errors.ts';

/** One request. Header names are lower-case; a header that may stand once stands once. */
export type Exchange = Readonly<{
  method: string;
  /** Raw path, as sent, up to `?`. */
  path: string;
  /** Raw query without `?`, or ''. */
  query: string;
  headers: Readonly<Record<string, string>>;
  /** Alternating raw names and values, for hygiene. */
  rawHeaders: readonly string[];
  /** Address of the socket's other end. */
  peer: string;
  /** Port on which the request came in. */
  localPort: number;
  /** True once the caller hung up. */
  abandoned(): boolean;
  /** The body as text, at most `bytesMax` bytes on the wire; null where there is none. */
  body(bytesMax: number): Promise<string | null | Refusal>;
  /**
   * The body exactly as it was on the wire, at most `bytesMax` bytes; null where there is none. Once:
   * a body that something read before is refused as `internal`, never taken for an empty one. `take`
   * is told of what comes, and whether it may be held: where it may not, the body is not read on.
   */
  bytes(bytesMax: number, take?: (bytes: number) => boolean): Promise<Buffer | null | Refusal>;
}>;

/** An answer. Header names are lower-case. */
export type Reply = Readonly<{
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string | null;
  /** Close the connection after it (an unread body may still be under way). */
  close?: boolean;
}>;

const cutBody = refuse('body_malformed', 'The body ended before it was complete.');

const consumedBody = refuse('internal', 'Send the message again in a moment.', {
  internal: 'something read the body before it was asked for',
});

const crowded = refuse('rate_limited', 'Too many bodies are under way. Send the message again.', {
  retryAfterSeconds: 5,
  internal: 'no room for bodies that are not verified',
});

const readBytes = (
  incoming: IncomingMessage,
  bytesMax: number,
  take: (bytes: number) => boolean = () => true,
): Promise<Buffer | null | Refusal> => {
  const tooLarge = (): Refusal =>
    refuse('body_too_large', `The body is larger than the ${bytesMax} bytes accepted here.`);
  if (incoming.readableDidRead) return Promise.resolve(consumedBody);
  const declared = incoming.headers['content-length'];
  if (declared !== undefined && Number(declared) > bytesMax) return Promise.resolve(tooLarge());
  if (declared === undefined && incoming.headers['transfer-encoding'] === undefined) {
    return Promise.resolve(null);
  }
  if (incoming.readableEnded) return Promise.resolve(null);
  // It would say nothing more.
  if (incoming.destroyed) return Promise.resolve(cutBody);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      const over = bytes > bytesMax;
      if (over || !take(chunk.length)) {
        incoming.removeAllListeners('data');
        incoming.pause();
        chunks.length = 0;
        resolve(over ? tooLarge() : crowded);
        return;
      }
      chunks.push(chunk);
    });
    incoming.once('end', () => {
      if (declared !== undefined && Number(declared) !== bytes) return resolve(consumedBody);
      if (bytes === 0) return resolve(null);
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
    });
    const cut = (): void => {
      // A body that was read whole closes too.
      if (!incoming.readableEnded) resolve(cutBody);
    };
    incoming.once('error', cut);
    incoming.once('close', cut);
  });
};

const readBody = async (
  incoming: IncomingMessage,
  bytesMax: number,
): Promise<string | null | Refusal> => {
  const whole = await readBytes(incoming, bytesMax);
  if (whole === null || isRefusal(whole)) return whole;
  return isUtf8(whole)
    ? whole.toString('utf8')
    : refuse('body_malformed', 'The body is not valid UTF-8.');
};

/** Wraps one request of node:http; reads nothing yet. */
export const makeExchange = (incoming: IncomingMessage, outgoing: ServerResponse): Exchange => {
  const url = incoming.url ?? '';
  const mark = url.indexOf('?');
  return {
    method: incoming.method ?? '',
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? '' : url.slice(mark + 1),
    headers: incoming.headers as Readonly<Record<string, string>>,
    rawHeaders: incoming.rawHeaders,
    peer: incoming.socket.remoteAddress ?? '',
    localPort: incoming.socket.localPort ?? 0,
    abandoned: () => outgoing.destroyed && !outgoing.writableFinished,
    body: (bytesMax) => readBody(incoming, bytesMax),
    bytes: (bytesMax, take) => readBytes(incoming, bytesMax, take),
  };
};

/** Writes an answer once, with an exact length. */
export const writeReply = (outgoing: ServerResponse, reply: Reply): void => {
  if (outgoing.headersSent || outgoing.destroyed) return;
  const { status, headers, body } = reply;
  const bodiless = status === 204 || status === 304;
  // Alternating names and values: node prints them as they stand, without a map of its own.
  const list: string[] = [];
  for (const name of Object.keys(headers)) list.push(name, headers[name] as string);
  if (!bodiless) list.push('content-length', String(body === null ? 0 : Buffer.byteLength(body)));
  if (reply.close === true) list.push('connection', 'close');
  outgoing.writeHead(status, list);
  outgoing.end(bodiless ? undefined : (body ?? undefined));
};
