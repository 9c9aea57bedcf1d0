/**
 * The log: JSON lines on standard output, through pino. Lines are written asynchronously and at most
 * a fixed amount waits; what a stalled reader leaves no room for is dropped and counted, so a log
 * never slows or stops a request. Redaction is by construction: only fields chosen by log-fields.ts
 * or told through `note` reach it, and error objects come in as described by failure.ts.
 */
import { pino, type DestinationStream } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Fields of a line; values are JSON. `undefined` leaves a field out. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where lines go. */
export interface Log {
  enabled(level: LogLevel): boolean;
  /** Writes one line; never throws. `fields` must not be changed afterwards. */
  line(level: LogLevel, event: string, fields: LogFields): void;
  /** Lines dropped so far because the reader of the log did not keep up. */
  dropped(): number;
  /** Resolves when everything is written, or after two seconds. */
  flush(): Promise<void>;
}

/** Bytes that may wait for a slow reader. */
const waitingBytesMax = 8 * 1024 * 1024;
/** Lines are handed to the system in pieces of this size, or after this time. */
const pieceBytes = 4096;
const lingerMs = 100;
const flushMsMax = 2_000;

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

type Destination = DestinationStream & Readonly<{ flush?(done: (error?: unknown) => void): void }>;

const openStandardOutput = (onDrop: () => void): Destination => {
  const stream = pino.destination({
    dest: 1,
    sync: false,
    minLength: pieceBytes,
    maxLength: waitingBytesMax,
    periodicFlush: lingerMs,
  });
  stream.on('drop', onDrop);
  // A full disk behind a redirected log must not end the gateway.
  stream.on('error', onDrop);
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

/** Makes the log. `level` is one of pino's; an unknown one is `info`, and a line says so. */
export const makeLog = (
  options: Readonly<{ level: string; destination?: DestinationStream }>,
): Log => {
  let dropped = 0;
  const destination: Destination =
    options.destination ??
    openStandardOutput(() => {
      dropped += 1;
    });
  const known = levels.includes(options.level);
  const logger = pino(
    {
      level: known ? options.level : 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    destination,
  );
  const log: Log = {
    enabled: (level) => logger.isLevelEnabled(level),
    line: (level, event, fields) => {
      try {
        logger[level]({ event, ...fields });
      } catch {
        dropped += 1;
      }
    },
    dropped: () => dropped,
    flush: () => flushed(destination),
  };
  if (!known) log.line('warn', 'log.level.unknown', { levels: levels.join(' ') });
  return log;
};
