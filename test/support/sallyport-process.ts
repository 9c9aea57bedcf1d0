/** The program as people run it: child processes of main.ts, their output, their ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const mainFile = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export type Ran = Readonly<{ code: number | null; out: string; err: string }>;
export type Env = Readonly<Record<string, string>>;

const start = (args: readonly string[], env: Env, cwd: string): ChildProcess =>
  spawn(process.execPath, [mainFile, ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', OTEL_SDK_DISABLED: 'true', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** Runs one command to its end. */
export const runSallyport = async (
  args: readonly string[],
  env: Env,
  cwd: string,
): Promise<Ran> => {
  const child = start(args, env, cwd);
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
};

export type Serving = Readonly<{
  /** Base URLs of both listeners. */
  data: string;
  admin: string;
  /** Log lines so far. */
  lines: readonly Readonly<Record<string, unknown>>[];
  signal(signal: 'SIGTERM' | 'SIGHUP' | 'SIGKILL'): void;
  /** Resolves with the exit code when it is gone. */
  ended: Promise<number | null>;
}>;

/** Starts `serve` and waits until it listens; rejects with what it said where it ends before. */
export const serveSallyport = async (
  args: readonly string[],
  env: Env,
  cwd: string,
): Promise<Serving> => {
  const child = start(['serve', ...args], env, cwd);
  const lines: Record<string, unknown>[] = [];
  let err = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const reader = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const listening = new Promise<Record<string, unknown>>((resolve) => {
    reader.on('line', (text) => {
      const line = JSON.parse(text) as Record<string, unknown>;
      lines.push(line);
      if (line['event'] === 'gateway.listening') resolve(line);
    });
  });
  const line = await Promise.race([
    listening,
    ended.then((code) => Promise.reject(new Error(`serve ended with ${code}: ${err}`))),
  ]);
  return {
    data: `http://${String(line['data'])}`,
    admin: `http://${String(line['admin'])}`,
    lines,
    signal: (signal) => void child.kill(signal),
    ended,
  };
};
