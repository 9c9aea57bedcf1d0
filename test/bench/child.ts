/** Child processes of a bench: started here, ended here by their own handle, measured from outside. */
import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A process with its IPC channel; the first message it sends says that it is ready. */
export type Child = Readonly<{
  pid: number;
  /** What it said when it was ready. */
  ready: Readonly<Record<string, unknown>>;
  /** Sends a message and waits for the next one back. */
  ask<Answer>(message: object): Promise<Answer>;
  stop(): void;
}>;

const nextMessage = <Answer>(child: ChildProcess): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const ended = (code: number | null): void =>
      reject(new Error(`a bench process ended: ${code}`));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message as Answer);
    });
  });

/** Starts a file of `processes/`. */
export const startChild = async (file: string, args: readonly string[]): Promise<Child> => {
  const path = fileURLToPath(new URL(`processes/${file}`, import.meta.url));
  const child = fork(path, [...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ready = await nextMessage<Record<string, unknown>>(child);
  return {
    pid: child.pid as number,
    ready,
    ask: (message) => {
      const answer = nextMessage<never>(child);
      child.send(message);
      return answer;
    },
    stop: () => {
      child.kill('SIGTERM');
    },
  };
};

/** Kernel ticks are hundredths of a second on every Linux that Node runs on. */
const tickMs = 10;

/** Fields of /proc/PID/stat behind the name (proc_pid_stat(5)): 11 utime, 12 stime, 13 cutime, 14 cstime. */
const statOf = (pid: number): readonly string[] => {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name in brackets may hold spaces; what follows it is plain.
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
};
const ticks = (fields: readonly string[], from: number, to: number): number =>
  fields.slice(from, to + 1).reduce((sum, field) => sum + Number(field), 0);

/** CPU a process has used with all its threads, ms. */
export const cpuMs = (pid: number): number => ticks(statOf(pid), 11, 12) * tickMs;

/** CPU a process and its children have used, ms: those that live, and those that ended and were waited for. */
export const cpuWithChildrenMs = (pid: number): number => {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  const living = children === '' ? [] : children.split(' ');
  return living.reduce(
    (sum, child) => {
      try {
        return sum + cpuMs(Number(child));
      } catch {
        // It ended meanwhile: its CPU is its parent's to tell from now on.
        return sum;
      }
    },
    ticks(statOf(pid), 11, 14) * tickMs,
  );
};

/** Resident memory of a process, MiB. */
export const residentMiB = (pid: number): number => {
  const line = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(line?.[1]) / 1_024;
};
