/** What the inputs and answers of admin operations share: texts, instants, JSON. */
import { z } from 'zod';
import { parseDurationMs } from '../scalars.ts';
import type { AdminResult } from './operation.ts';

/** A name or an id. */
export const text = z.string().min(1).max(300);

/** Milliseconds since the epoch of an instant as people write it, or null. */
export const instantOf = (value: string, now: number): number | null => {
  const ago = parseDurationMs(value);
  if (ago !== null) return now - ago;
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2}))?$/.test(value)) return null;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : at;
};

/** `2h` ago, or an RFC 3339 instant; output: the text itself, checked. */
export const instant = z.string().refine((value) => instantOf(value, 0) !== null, {
  message: 'write a duration ago such as 2h, or an RFC 3339 instant',
});

/** `since` and `until` as a query has them, ms since the epoch. */
export const spanOf = (
  input: Readonly<{ since?: string | undefined; until?: string | undefined }>,
  now: number,
): Readonly<{ since?: number; until?: number }> => {
  const since = input.since === undefined ? null : instantOf(input.since, now);
  const until = input.until === undefined ? null : instantOf(input.until, now);
  return { ...(since === null ? {} : { since }), ...(until === null ? {} : { until }) };
};

export const json = (value: unknown): AdminResult => ({ json: value });

/** An instant in RFC 3339. */
export const iso = (at: number | null): string | null =>
  at === null ? null : new Date(at).toISOString();
