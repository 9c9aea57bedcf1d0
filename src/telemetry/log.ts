/**
 * The log: JSON lines in pino's shape, through pino's asynchronous destination on standard output.
 * A line is stringified whole and lines are handed over in pieces: pino's own way, field by field and
 * line by line, cost 10 us a line against 3. What a stalled reader leaves no room for is dropped and
 * counted, so a log never slows or stops a request. Redaction is by construction: only fields chosen
 * by log-fields.ts or told through `note` reach it, and errors come in as failure.ts describes them.
 */
import { pino, type DestinationStream } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Fields of a line; values are JSON. `undefined` leaves a field out. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where lines go. */
export interface Log {
  enabled(level: LogLevel): boolean;
  /** Writes one line; never throws. `fields` do not hold `level`, `time` or `event`. */
  line(level: LogLevel, event: string, fields: LogFields): void;
  /** Lines dropped so far because the reader of the log did not keep up. */
  dropped(): number;
  /** Resolves when everything is written, or after two seconds. */
  flush(): Promise<void>;
}

/** Bytes that may wait for a slow reader. */
const waitingBytesMax = 8 * 1024 * 1024;
/** Lines are handed over in pieces of this size, after this time, or at once with a warning or error. */
const pieceChars = 16 * 1024;
const lingerMs = 50;
const flushMsMax = 2_000;

type Destination = DestinationStream & Readonly<{ flush?(done: (error?: unknown) => void): void }>;

const openStandardOutput = (onDrop: (text: string) => void): Destination => {
  const stream = pino.destination({
    dest: 1,
    sync: false,
    // 1 and not 0: with 0 `flush` would not wait for what is being written.
    minLength: 1,
    maxLength: waitingBytesMax,
  });
  stream.on('drop', onDrop);
  // A full disk behind a redirected log must not end the gateway.
  stream.on('error', () => onDrop('\n'));
  return stream;
};

const flushed = (destination: Destination): Promise<void> =>
  new Promise((resolve) => {
    if (destination.flush === undefined) return resolve();
    const timer = setTimeout(resolve, flushMsMax);
    destination.flush(() => {
      clearTimeout(timer);
      resolve();
    });
  });

/** Gathers lines into pieces. */
const gather = (destination: Destination) => {
  let piece = '';
  let timer: NodeJS.Timeout | null = null;
  const handOver = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (piece === '') return;
    const text = piece;
    piece = '';
    destination.write(text);
  };
  return {
    add: (line: string, now: boolean): void => {
      piece += line;
      if (now || piece.length >= pieceChars) return handOver();
      timer ??= setTimeout(handOver, lingerMs).unref();
    },
    handOver,
  };
};

/** Wall time as RFC 3339; many lines share a millisecond. */
const makeTimePrinter = (): (() => string) => {
  let at = 0;
  let printed = '';
  return () => {
    const now = Date.now();
    if (now !== at) {
      at = now;
      printed = new Date(now).toISOString();
    }
    return printed;
  };
};

const heads: Readonly<Record<LogLevel, string>> = Object.freeze({
  debug: '{"level":"debug","time":"',
  info: '{"level":"info","time":"',
  warn: '{"level":"warn","time":"',
  error: '{"level":"error","time":"',
});

const linesIn = (text: string): number => text.split('\n').length - 1;

/** Makes the log. `level` is one of pino's, or `silent`; an unknown one is `info`, and a line says so. */
export const makeLog = (
  options: Readonly<{ level: string; destination?: DestinationStream }>,
): Log => {
  let dropped = 0;
  const destination: Destination =
    options.destination ??
    openStandardOutput((text) => {
      dropped += linesIn(text);
    });
  const values = new Map([...Object.entries(pino.levels.values), ['silent', Infinity] as const]);
  const asked = values.get(options.level);
  const threshold = asked ?? values.get('info') ?? 0;
  const { add, handOver } = gather(destination);
  const printTime = makeTimePrinter();
  const enabled = (level: LogLevel): boolean => (values.get(level) ?? 0) >= threshold;
  const log: Log = {
    enabled,
    line: (level, event, fields) => {
      if (!enabled(level)) return;
      try {
        const rest = JSON.stringify(fields).slice(1);
        const named = `${heads[level]}${printTime()}","event":${JSON.stringify(event)}`;
        add(`${named}${rest === '}' ? '' : ','}${rest}\n`, level === 'error' || level === 'warn');
      } catch {
        dropped += 1;
      }
    },
    dropped: () => dropped,
    flush: () => {
      handOver();
      return flushed(destination);
    },
  };
  if (asked === undefined) {
    log.line('warn', 'log.level.unknown', { levels: [...values.keys()].join(' ') });
  }
  return log;
};
