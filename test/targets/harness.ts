/** Real local servers and a clock of our own for the tests of targets. Loopback and port 0 only. */
import { rfcKnobs } from '../../src/identity/dialects/knobs.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createNet, type AddressInfo, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { systemClock, type Clock, type Timer } from '../../src/clock.ts';
import type { Call } from '../../src/identity/call.ts';
import { makeTargets, type LiveTargets } from '../../src/targets/make-targets.ts';
import type { TargetSource } from '../../src/targets/live-target.ts';
import type { SendOptions } from '../../src/targets/send.ts';
import type { AttemptReport } from '../../src/telemetry/observe.ts';
import { targetSettings } from '../../src/targets/settings.ts';
import type { Resolve } from '../../src/targets/connect-guard.ts';

/** A clock that moves only when told. */
export const makeTestClock = (): Clock & { advance(ms: number): void; armed(): number } => {
  let now = 1_000_000;
  const timers = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    after: (ms, run): Timer => {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    armed: () => timers.size,
    advance: (ms) => {
      const end = now + ms;
      for (;;) {
        const due = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        now = Math.max(now, due.at);
        timers.delete(due);
        due.run();
      }
      now = end;
    },
  };
};

/** A server on a free port; ended with its sockets after the test. */
export type Local = { port: number; sockets: Set<Socket>; bytes: () => number };

const listen = async (t: TestContext, server: Server, port = 0): Promise<Local> => {
  const sockets = new Set<Socket>();
  let bytes = 0;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('data', (chunk) => (bytes += chunk.length));
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets, bytes: () => bytes };
};

export const serveHttp = (t: TestContext, handler: RequestListener): Promise<Local> =>
  listen(t, createHttp(handler));

/** A raw server; `onData` sees each chunk of a connection. */
export const serveRaw = (
  t: TestContext,
  onData: (socket: Socket, chunk: Buffer, connection: number) => void,
): Promise<Local> => {
  let count = 0;
  const server = createNet((socket) => {
    const connection = ++count;
    socket.on('data', (chunk) => onData(socket, chunk, connection));
  });
  return listen(t, server);
};

export const listenOn = listen;

/** A port of 127.0.0.1 on which nobody listens. */
export const closedPort = async (): Promise<number> => {
  const server = createNet();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

export const target = (
  baseUrl: string,
  settings: Record<string, unknown> = {},
  more: Partial<TargetSource> = {},
): TargetSource => ({
  name: 'slack',
  digest: 'one',
  settings: targetSettings.parse({ baseUrl, allowPrivate: ['127.0.0.0/8'], ...settings }),
  knobs: rfcKnobs,
  credentials: [],
  unconfigured: null,
  ...more,
});

/** Live targets that are closed after the test. */
export const launch = (
  t: TestContext,
  source: TargetSource,
  deps: { clock?: Clock; resolve?: Resolve; notes?: string[]; changes?: string[] } = {},
): LiveTargets => {
  const targets = makeTargets({
    clock: deps.clock ?? systemClock,
    observer: {
      breakerChanged: ({ state }) => void deps.changes?.push(state),
      note: (_level, event) => void deps.notes?.push(event),
    },
    jitter: () => 0,
    ...(deps.resolve === undefined ? {} : { resolve: deps.resolve }),
  });
  targets.reconcile({ [source.name]: source });
  t.after(() => targets.close(0));
  return targets;
};

export const read: Call = Object.freeze({
  method: 'GET',
  path: '/Users/2819',
  query: '',
  template: '/Users/{id}',
  body: null,
  repeatable: true,
  mutation: false,
});
export const create: Call = Object.freeze({
  method: 'POST',
  path: '/Users',
  query: '',
  template: '/Users',
  body: '{"userName":"bjensen"}',
  repeatable: false,
  mutation: true,
});

export const options = (
  more: Partial<SendOptions> = {},
  clock: Clock = systemClock,
): SendOptions & { reports: AttemptReport[] } => {
  const reports: AttemptReport[] = [];
  return {
    client: 'entra',
    revocation: false,
    headers: {},
    deadline: clock.monotonic() + 5_000,
    lastCheck: () => null,
    onAttempt: (report) => reports.push(report),
    ...more,
    reports,
  };
};

/** Turns of the event loop until `done`, at most a few thousand. */
export const until = async (done: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 20_000 && !done(); turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(done(), 'what was waited for never came');
};
