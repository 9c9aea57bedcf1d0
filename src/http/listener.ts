/**
 * A node:http server with its limits, and how it drains: nothing new is accepted, calls under way
 * finish until the deadline, idle connections are closed at once. Both listeners are made here.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A listener that can be started and drained. */
export type Listener = Readonly<{
  start(address: Readonly<{ host: string; port: number }>): Promise<AddressInfo>;
  /** Stops accepting, lets calls under way finish until the deadline (ms from now), then cuts. */
  stop(deadlineMs: number): Promise<void>;
}>;

const limits = {
  maxHeaderSize: 16_384,
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  // Hygiene refuses a missing Host itself, with the ids that every answer carries.
  requireHostHeader: false,
};
/** Open connections at most; beyond them the system's backlog waits. */
const connectionsMax = 10_000;

/** Node could not read the request at all: answer in one line and close. */
const answerBrokenClient = (error: Error & { code?: string }, socket: Socket): void => {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const tooLong = error.code === 'HPE_HEADER_OVERFLOW';
  const status = tooLong ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const body = JSON.stringify({
    type: 'urn:sallyport:error:request_suspicious',
    title: 'The request is written in a way that two readers could read differently.',
    status: tooLong ? 431 : 400,
    detail: tooLong
      ? 'The headers are larger than 16 KiB.'
      : 'This is not a well-formed HTTP request.',
    code: 'request_suspicious',
  });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/problem+json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
};

/** Starts and drains a node:http server; shared by both listeners. */
export const makeListener = (
  serve: (incoming: IncomingMessage, outgoing: ServerResponse) => void,
): Listener => {
  let server: Server | null = null;
  return {
    start: (address) =>
      new Promise((resolve, reject) => {
        const made = createServer(limits, serve);
        made.maxConnections = connectionsMax;
        made.maxRequestsPerSocket = 0;
        made.on('clientError', answerBrokenClient);
        // RFC 9110 §10.1.1: an expectation nobody knows may be ignored; node's own 417 has no code.
        made.on('checkExpectation', serve);
        made.once('error', reject);
        made.listen(address.port, address.host, () => {
          made.off('error', reject);
          server = made;
          resolve(made.address() as AddressInfo);
        });
      }),
    stop: (deadlineMs) =>
      new Promise((resolve) => {
        if (server === null) return resolve();
        const closing = server;
        server = null;
        const cut = setTimeout(() => closing.closeAllConnections(), deadlineMs);
        closing.close(() => {
          clearTimeout(cut);
          resolve();
        });
        closing.closeIdleConnections();
      }),
  };
};
