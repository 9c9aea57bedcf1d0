/**
 * The SDK's own complaints as log lines: at most ten a minute, shortened, and the number of those
 * left out. An exporter that is down complains with every batch.
 */
import type { DiagLogger } from '@opentelemetry/api';
import type { Clock } from '../clock.ts';
import type { Log, LogLevel } from './log.ts';

const linesMax = 10;
const windowMs = 60_000;
const charsMax = 300;

/** Text of what the SDK says; of errors only name and code, of objects nothing. */
const textOf = (part: unknown): string => {
  if (part instanceof Error) {
    const { code } = part as { code?: unknown };
    return typeof code === 'string' || typeof code === 'number'
      ? `${part.name} ${code}`
      : part.name;
  }
  return typeof part === 'string' || typeof part === 'number' ? String(part) : '';
};

/** Makes the logger for `diag.setLogger`. */
export const diagnostics = (log: Log, clock: Pick<Clock, 'monotonic'>): DiagLogger => {
  let windowFrom = Number.NEGATIVE_INFINITY;
  let lines = 0;
  let left = 0;
  const tell = (level: LogLevel, parts: readonly unknown[]): void => {
    const now = clock.monotonic();
    if (now - windowFrom >= windowMs) {
      windowFrom = now;
      lines = 0;
    }
    if (lines >= linesMax) {
      left += 1;
      return;
    }
    lines += 1;
    const said = parts.map(textOf).join(' ').slice(0, charsMax);
    log.line(level, 'telemetry.sdk', { said, left_out: left === 0 ? undefined : left });
    left = 0;
  };
  const at =
    (level: LogLevel) =>
    (message: string, ...parts: readonly unknown[]): void => {
      if (log.enabled(level)) tell(level, [message, ...parts]);
    };
  // Telemetry that is lost is a warning: the gateway itself is well.
  return {
    error: at('warn'),
    warn: at('warn'),
    info: at('debug'),
    debug: at('debug'),
    verbose: at('debug'),
  };
};
