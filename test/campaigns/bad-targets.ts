/**
 * Every way in which a target can be ill, as one table: what its server does with a connection, and
 * what the gateway must make of it (interface.md, table of codes; classify.ts for outcomes).
 */
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

/** What must come of one call. */
export type Expected = Readonly<{
  status: number;
  code: string;
  /** `outcome` of a create's answer; null where the answer says none. */
  said: 'not-sent' | 'in-doubt' | null;
  /** How the create's entry ends. */
  outcome: 'not-sent' | 'in-doubt' | 'rejected';
}>;

export type BadTarget = Readonly<{
  /** Name of target and route. */
  name: string;
  scheme?: 'https';
  /** Null: nobody listens. */
  serve: ((socket: Socket, end: Ends) => void) | null;
  tls?: true;
  /** It never stops sending: on a busy machine the deadline may come before the size limit. */
  endless?: true;
  expected: Expected;
}>;

/** Told of what must be ended with the server, and of bytes sent. */
export type Ends = Readonly<{ onEnd(run: () => void): void; sent(bytes: number): void }>;

const unreachable = { status: 502, code: 'target_unreachable' } as const;
export const timeout = { status: 504, code: 'target_timeout' } as const;
const doubt = { said: 'in-doubt', outcome: 'in-doubt' } as const;
const unsent = { said: 'not-sent', outcome: 'not-sent' } as const;
const rejected = { said: null, outcome: 'rejected' } as const;

const html = '<!doctype html><html><body><h1>Under maintenance</h1></body></html>';
const dripMs = 40;
const streamBytes = 1_073_741_824;

const answer = (status: string, headers: string, body: string): string =>
  `HTTP/1.1 ${status}\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** Answers each request head with the same bytes. */
const always =
  (text: string) =>
  (socket: Socket): void => {
    socket.on('data', (bytes) => {
      if (/^(?:GET|POST) /.test(bytes.toString('latin1'))) socket.write(text);
    });
  };

const drip =
  (head: string) =>
  (socket: Socket, { onEnd }: Ends): void => {
    socket.once('data', () => {
      socket.write(head);
      const timer = setInterval(() => {
        if (socket.writable) socket.write('x');
      }, dripMs);
      const stop = (): void => clearInterval(timer);
      socket.once('close', stop);
      onEnd(stop);
    });
  };

/** A gigabyte, as fast as it is taken. */
const stream = (socket: Socket, { sent }: Ends): void => {
  const chunk = Buffer.alloc(65_536, 0x20);
  socket.once('data', () => {
    let left = streamBytes;
    socket.write(
      `HTTP/1.1 200 OK\r\ncontent-type: application/scim+json\r\ncontent-length: ${left}\r\n\r\n`,
    );
    const more = (): void => {
      while (left > 0 && socket.writable) {
        left -= chunk.length;
        sent(chunk.length);
        if (!socket.write(chunk)) {
          socket.once('drain', more);
          return;
        }
      }
    };
    more();
  });
};

const resetAfter =
  (text: string) =>
  (socket: Socket): void => {
    socket.once('data', () => {
      if (text === '') socket.resetAndDestroy();
      else socket.write(text, () => socket.resetAndDestroy());
    });
  };

const garbage = Buffer.from(Array.from({ length: 512 }, (_, at) => (at * 167 + 13) % 256));

const error500 = JSON.stringify({
  schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
  status: '500',
});
const scim = 'content-type: application/scim+json\r\n';
const partly = `HTTP/1.1 200 OK\r\n${scim}content-length: 5000\r\n\r\n`;

export const badTargets: readonly BadTarget[] = [
  { name: 'refused', serve: null, expected: { ...unreachable, ...unsent } },
  { name: 'hung', serve: () => {}, expected: { ...timeout, ...doubt } },
  { name: 'reset', serve: resetAfter(''), expected: { ...unreachable, ...doubt } },
  { name: 'reset-in-body', serve: resetAfter(partly), expected: { ...unreachable, ...doubt } },
  {
    name: 'html-404',
    serve: always(answer('404 Not Found', 'content-type: text/html\r\n', html)),
    expected: { ...unreachable, ...rejected },
  },
  {
    name: 'html-200',
    serve: always(answer('200 OK', 'content-type: text/html\r\n', html)),
    expected: { ...unreachable, ...doubt },
  },
  {
    name: 'garbage',
    serve: (socket) => socket.once('data', () => socket.end(garbage)),
    expected: { ...unreachable, ...doubt },
  },
  { name: 'gigabyte', serve: stream, endless: true, expected: { ...unreachable, ...doubt } },
  {
    name: 'drip-head',
    serve: drip('HTTP/1.1 200 OK\r\nx-drip: '),
    expected: { ...timeout, ...doubt },
  },
  {
    name: 'drip-body',
    serve: drip(partly),
    expected: { ...timeout, ...doubt },
  },
  {
    name: 'tls-untrusted',
    scheme: 'https',
    tls: true,
    serve: () => {},
    expected: { ...unreachable, ...unsent },
  },
  {
    name: 'tls-missing',
    scheme: 'https',
    serve: (socket) => socket.once('data', () => socket.end(answer('400 Bad Request', '', ''))),
    expected: { ...unreachable, ...unsent },
  },
  { name: 'tls-hung', scheme: 'https', serve: () => {}, expected: { ...timeout, ...unsent } },
  {
    name: 'error-500',
    serve: always(answer('500 Internal Server Error', scim, error500)),
    expected: { ...unreachable, ...doubt },
  },
  {
    name: 'redirect',
    serve: always(answer('307 Temporary Redirect', 'location: http://127.0.0.1:1/\r\n', '')),
    expected: { ...unreachable, ...doubt },
  },
  {
    name: 'forbidden',
    serve: always(answer('403 Forbidden', scim, '{}')),
    expected: { status: 502, code: 'target_credential_refused', ...rejected },
  },
  {
    name: 'limited',
    // Longer than a call may wait: a shorter one would be waited for by reads.
    serve: always(answer('429 Too Many Requests', `retry-after: 60\r\n${scim}`, '{}')),
    expected: { status: 429, code: 'target_rate_limited', ...rejected },
  },
];

/** A server that runs, or a port where none does. */
export type RunningTarget = Readonly<{
  url: string;
  /** Connections taken and bytes streamed so far. */
  seen(): Readonly<{ connections: number; bytes: number }>;
  stop(): Promise<void>;
}>;

const vector = (name: string): Buffer =>
  readFileSync(new URL(`../vectors/tls/${name}`, import.meta.url));

const listen = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
  });

/** Starts one on a free port of 127.0.0.1. */
export const startBadTarget = async (
  bad: Pick<BadTarget, 'scheme' | 'serve' | 'tls'>,
): Promise<RunningTarget> => {
  const sockets = new Set<Socket>();
  const ends: (() => void)[] = [];
  const seen = { connections: 0, bytes: 0 };
  const take = (socket: Socket): void => {
    seen.connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    socket.resume();
    bad.serve?.(socket, {
      onEnd: (run) => {
        ends.push(run);
      },
      sent: (bytes) => {
        seen.bytes += bytes;
      },
    });
  };
  const server = bad.tls
    ? createTlsServer(
        { cert: vector('localhost-cert.pem'), key: vector('localhost-key.pem') },
        take,
      )
    : createServer(take);
  // A handshake that the gateway breaks off is what is wanted.
  server.on('tlsClientError', () => undefined);
  const port = await listen(server);
  const listening = bad.serve !== null;
  if (!listening) await close(server);
  return {
    url: `${bad.scheme ?? 'http'}://127.0.0.1:${port}/scim/v2`,
    seen: () => seen,
    stop: async () => {
      for (const end of ends) end();
      for (const socket of sockets) socket.destroy();
      if (listening) await close(server);
    },
  };
};
