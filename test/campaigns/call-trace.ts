/**
 * Reads a system-call trace of the gateway: what was written to the store's log and made durable,
 * and when a mutation's first byte went to the target. The order of lines is the order in which the
 * tracer stopped each thread at the entry and the exit of a call, so a sync that is seen to return
 * before a write is seen to begin did return before it.
 */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** What is traced, as a wrapper before the gateway's own command. */
export const tracer = (output: string): readonly string[] => [
  'strace',
  // The tracer runs beside, so that the process started is the gateway itself.
  '-D',
  '-f',
  '-qq',
  '-y',
  '-ttt',
  '-s',
  '4096',
  '-e',
  'trace=fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg',
  '-o',
  output,
];

/** Why a trace cannot be made here, or null where it can. */
export const whyNoTrace = (): string | null => {
  const tried = spawnSync('strace', ['-D', '-f', '-e', 'trace=fsync', '-o', '/dev/null', 'true']);
  if (tried.error !== undefined) return 'strace is not installed';
  return tried.status === 0 ? null : 'strace may not trace here';
};

/** One thing that matters, in the order it was seen. */
export type TraceEvent =
  /** Bytes of the write-ahead log that were written before a sync began are durable: it returned. */
  | Readonly<{ kind: 'synced'; bytes: number }>
  /** The first byte of a mutation goes to the target. */
  | Readonly<{ kind: 'sent'; ledgerId: string; at: number }>
  /** The log began anew: offsets before this do not compare with those after. */
  | Readonly<{ kind: 'reset' }>;

const line = /^(\d+) +(\d+\.\d+) (.*)$/;
const logWrite = /^pwrite64\(\d+<[^>]*\.db-wal>, .*, (\d+), (\d+)(?:\)| <unfinished)/s;
const logSync = /^f(?:data)?sync\(\d+<[^>]*\.db-wal>/;
const request = /"(?:POST|PUT|PATCH|DELETE) \/scim\/v2\//;
const ledgerIds = /sallyport-ledger-id: (led_[0-9a-z]+)/g;

/**
 * A log write counts from its entry on (what it writes is at most this much), a sync covers what
 * was written when it began, and holds once it returned with 0.
 */
export const readTrace = (text: string): readonly TraceEvent[] => {
  const events: TraceEvent[] = [];
  const syncing = new Map<string, number>();
  let written = 0;
  for (const each of text.split('\n')) {
    const [, thread = '', at = '', call = ''] = line.exec(each) ?? [];
    const write = logWrite.exec(call);
    if (write !== null) {
      const [length, offset] = [Number(write[1]), Number(write[2])];
      if (offset === 0) {
        events.push({ kind: 'reset' });
        written = 0;
      }
      written = Math.max(written, offset + length);
    } else if (logSync.test(call)) {
      if (call.endsWith('= 0')) events.push({ kind: 'synced', bytes: written });
      else if (call.includes('<unfinished')) syncing.set(thread, written);
    } else if (/^<\.\.\. f(?:data)?sync resumed>/.test(call)) {
      const bytes = syncing.get(thread);
      syncing.delete(thread);
      if (bytes !== undefined && call.endsWith('= 0')) events.push({ kind: 'synced', bytes });
    } else if (request.test(call)) {
      for (const [, ledgerId = ''] of call.matchAll(ledgerIds)) {
        events.push({ kind: 'sent', ledgerId, at: Number(at) });
      }
    }
  }
  return events;
};

const traceEndMs = 20_000;

/** The whole trace of a process that has ended; the tracer may still be writing it. */
export const finishedTrace = async (path: string, pid: number): Promise<string> => {
  const until = performance.now() + traceEndMs;
  const ended = new RegExp(`^${pid} .*\\+\\+\\+ (?:killed|exited)`, 'm');
  for (;;) {
    const text = await readFile(path, 'utf8');
    if (ended.test(text.slice(-4_096))) return text;
    if (performance.now() > until) throw new Error('the trace does not end');
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 50);
    });
  }
};
