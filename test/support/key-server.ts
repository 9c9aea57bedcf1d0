/**
 * A real https server on loopback for keys and certificates, with a certificate of its own making that
 * the process trusts for as long as a test says so; production code has no switch for it.
 */
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { selfSigned } from './self-signed.ts';

const day = 86_400_000;
const identity = selfSigned(
  { dns: 'localhost', ip: [127, 0, 0, 1] },
  { from: Date.now() - day, until: Date.now() + day },
);
const system = getCACertificates('default');

/** From now on the servers below are trusted. */
export const trustOurselves = (): void =>
  setDefaultCACertificates([...system, identity.certificate]);
/** And no longer. */
export const trustTheSystem = (): void => setDefaultCACertificates(system);

/** Serves until the test ends; `asked` are the paths that were asked for, in order. */
export const serveKeys = async (
  t: TestContext,
  answer: RequestListener,
): Promise<Readonly<{ base: string; asked: () => readonly string[] }>> => {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer(
    { key: identity.keyPem, cert: identity.certificate },
    (request, response) => {
      asked.push(String(request.url));
      answer(request, response);
    },
  );
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    base: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => asked,
  };
};
