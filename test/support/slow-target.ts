/**
 * A door before the sandbox that a test can shut: calls that match wait, unanswered and not passed
 * on, until it opens. Everything else passes through byte by byte.
 */
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export type SlowTarget = Readonly<{
  /** Base URL for a route file, given the sandbox's. */
  before(sandboxUrl: string): string;
  /** From now on calls that match wait. */
  shut(matches: (method: string, path: string) => boolean): void;
  /** Resolves once `count` calls wait. */
  waiting(count: number): Promise<void>;
  /** Lets all waiting calls through, and later ones. */
  open(): void;
  /** Cuts the connections of all waiting calls. */
  cut(): void;
  stop(): Promise<void>;
}>;

export const startSlowTarget = async (): Promise<SlowTarget> => {
  let upstream = '';
  let matches = (_method: string, _path: string): boolean => false;
  let held: { incoming: IncomingMessage; go: () => void }[] = [];
  let watchers: { count: number; done: () => void }[] = [];
  const tell = (): void => {
    for (const watcher of watchers) if (held.length >= watcher.count) watcher.done();
    watchers = watchers.filter(({ count }) => held.length < count);
  };
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '' } = incoming;
    const go = (): void => {
      const { port, pathname } = new URL(upstream + url);
      const { search } = new URL(upstream + url);
      const call = httpRequest(
        {
          host: '127.0.0.1',
          port,
          method,
          path: pathname + search,
          headers: { ...incoming.headers, host: `127.0.0.1:${port}` },
        },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        },
      );
      call.on('error', () => outgoing.destroy());
      incoming.pipe(call);
    };
    if (!matches(method, url)) return go();
    held.push({ incoming, go });
    tell();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const release = (): typeof held => {
    const all = held;
    held = [];
    return all;
  };
  return {
    before: (sandboxUrl) => {
      upstream = sandboxUrl;
      return `http://127.0.0.1:${port}`;
    },
    shut: (wanted) => {
      matches = wanted;
    },
    waiting: (count) =>
      new Promise((done) => {
        watchers.push({ count, done });
        tell();
      }),
    open: () => {
      matches = () => false;
      for (const { go } of release()) go();
    },
    cut: () => {
      for (const { incoming } of release()) incoming.socket.destroy();
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
