/**
 * A Redis of the test's own: a process on a free port with an empty memory, which can be stopped,
 * started, frozen and thawed. Without the program tests skip and say so; with CI=true they fail.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

export type OwnRedis = Readonly<{
  port: number;
  pid(): number;
  /** Ends the process; its data is gone with it. Awaited also where it never ran. */
  stop(): Promise<void>;
  /** Starts it anew on the same port, empty. */
  start(): Promise<void>;
  /** SIGSTOP: connections stay, nothing is answered. */
  pause(): void;
  resume(): void;
}>;

const programs = ['redis-server', 'valkey-server'] as const;

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

/** Does something listen there? */
const listens = async (port: number): Promise<boolean> => {
  const socket = connect(port, '127.0.0.1');
  const heard = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return heard;
};

const run = async (program: string, args: readonly string[], port: number) => {
  const child = spawn(program, args, { stdio: 'ignore' });
  while (!(await listens(port))) {
    assert.equal(child.exitCode, null, `${program} ended`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return child;
};

/** Starts one; `password` makes it ask for it. */
export const startRedis = async ({ password }: Readonly<{ password?: string }> = {}): Promise<
  OwnRedis | Readonly<{ missing: string }>
> => {
  const program = programs.find((name) => spawnSync(name, ['--version']).status === 0);
  if (program === undefined) {
    const missing = `neither ${programs.join(' nor ')} is installed`;
    assert.notEqual(process.env['CI'], 'true', missing);
    return { missing };
  }
  const port = await freePort();
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  if (password !== undefined) args.push('--requirepass', password);
  let child: ChildProcess = await run(program, args, port);
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    port,
    pid: () => Number(child.pid),
    stop: async () => {
      if (ended()) return;
      const over = once(child, 'exit');
      child.kill('SIGKILL');
      await over;
    },
    start: async () => {
      child = await run(program, args, port);
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  };
};
