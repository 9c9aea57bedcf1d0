/** The sandbox target in a process of its own, as its parent sees it. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Seen } from './sandbox.ts';

type Stored = Readonly<Record<string, unknown>>;
export type StoredType = 'User' | 'Group';

/** What the parent asks. */
export type Ask = Readonly<{ id: number }> &
  (
    | Readonly<{ what: 'start'; token: string }>
    | Readonly<{ what: 'seen' }>
    | Readonly<{ what: 'stored'; type: StoredType }>
  );

/** What the child tells; `value` says why where it failed. */
export type Told = Readonly<{
  id: number;
  value: string | readonly Seen[] | readonly Stored[];
  failed: boolean;
}>;

export type SandboxProcess = Readonly<{
  /** Base URL of its SCIM API. */
  url: string;
  /** Every mutation that arrived, oldest first. */
  seen(): Promise<readonly Seen[]>;
  /** What it stores now. */
  stored(type: StoredType): Promise<readonly Stored[]>;
  stop(): Promise<void>;
}>;

const entry = new URL(
  `./sandbox-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
  import.meta.url,
);

type Waiting = Readonly<{ resolve(value: Told['value']): void; reject(error: Error): void }>;

const asker = (child: ChildProcess) => {
  const waiting = new Map<number, Waiting>();
  let last = 0;
  child.on('message', (message) => {
    const told = message as Told;
    const asked = waiting.get(told.id);
    waiting.delete(told.id);
    if (told.failed) asked?.reject(new Error(`the sandbox failed: ${JSON.stringify(told.value)}`));
    else asked?.resolve(told.value);
  });
  child.on('exit', () => {
    for (const asked of waiting.values()) asked.reject(new Error('the sandbox ended'));
    waiting.clear();
  });
  return (ask: (id: number) => Ask): Promise<Told['value']> =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      child.send(ask(last));
    });
};

/** Starts it on a free port; it accepts `token` as bearer and nothing else. */
export const spawnSandbox = async (token: string): Promise<SandboxProcess> => {
  const child = fork(entry, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ask = asker(child);
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  try {
    const url = await ask((id) => ({ id, what: 'start', token }));
    return {
      url: url as string,
      seen: async () => (await ask((id) => ({ id, what: 'seen' }))) as readonly Seen[],
      stored: async (type) =>
        (await ask((id) => ({ id, what: 'stored', type }))) as readonly Stored[],
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
