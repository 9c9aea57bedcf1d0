/**
 * A target of a campaign: the SCIM server of scim-store.ts on a socket. What it does with a request
 * may be bent by `serve`, which decides when the store is asked and what is answered.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { makeScimStore, type Handled, type ScimStore } from './scim-store.ts';

/** One request, read whole. */
export type Asked = Readonly<{
  method: string;
  path: string;
  query: string;
  body: string;
  ledgerId: string | null;
  incoming: IncomingMessage;
  outgoing: ServerResponse;
}>;

export type ScimTarget = Readonly<{ url: string; store: ScimStore; stop(): Promise<void> }>;

export type TargetHooks = Readonly<{
  /** Before the body is read; true = the request was dealt with. */
  early?(incoming: IncomingMessage): boolean;
  serve?(asked: Asked, store: ScimStore): void;
}>;

const base = '/scim/v2';

/** Answers as an honest server does. */
export const answer = (
  outgoing: ServerResponse,
  { status, body }: Omit<Handled, 'changed'>,
): void => {
  const text = body === null ? '' : JSON.stringify(body);
  outgoing.writeHead(status, {
    ...(text === '' ? {} : { 'content-type': 'application/scim+json' }),
    ...(status === 204 ? {} : { 'content-length': Buffer.byteLength(text) }),
  });
  outgoing.end(text === '' ? undefined : text);
};

const honest = (asked: Asked, store: ScimStore): void => {
  answer(asked.outgoing, store.handle(asked.method, asked.path, asked.query, asked.body));
};

const read = async (incoming: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

/** Starts a target on a free port of 127.0.0.1. */
export const startScimTarget = async (hooks: TargetHooks = {}): Promise<ScimTarget> => {
  const store = makeScimStore(() => Date.now());
  const serve = hooks.serve ?? honest;
  const server = createServer((incoming, outgoing) => {
    if (hooks.early?.(incoming) === true) return;
    const { pathname, search } = new URL(incoming.url ?? '/', 'http://target');
    const named = incoming.headers['sallyport-ledger-id'];
    read(incoming)
      .then((body) =>
        serve(
          {
            method: incoming.method ?? '',
            path: pathname.startsWith(base) ? pathname.slice(base.length) : pathname,
            query: search.slice(1),
            body,
            ledgerId: typeof named === 'string' ? named : null,
            incoming,
            outgoing,
          },
          store,
        ),
      )
      .catch(() => outgoing.destroy());
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${base}`,
    store,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};
