/**
 * The written scalars of the route file as Zod types: durations, sizes, rates, addresses, dates and
 * secret references (interface.md §1). Each parses text to a plain number or value with its unit in
 * the name of whoever holds it.
 */
import { z } from 'zod';

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};
const rateUnits: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

const durationPattern = '^[0-9]{1,9}(ms|s|m|h|d)$';
const sizePattern = '^[0-9]{1,9}(B|KiB|MiB|GiB)$';
const ratePattern = '^[1-9][0-9]{0,8}/(s|m|h|d)$';
const addressPattern = '^(\\[[0-9a-fA-F:.]+\\]|[0-9A-Za-z.-]+):[0-9]{1,5}$';
const secretPattern = '^\\$\\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\\}$';
const namePattern = '^[a-z0-9][a-z0-9_-]{0,62}$';

const pattern = (source: string, message: string) =>
  z.string({ error: message }).regex(new RegExp(source), { message });

/** Milliseconds from `250ms 10s 5m 2h 30d`, or null. */
export const parseDurationMs = (text: string): number | null => {
  const match = /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(text);
  return match === null ? null : Number(match[1]) * (durationUnits[match[2] as string] as number);
};

/** A rate: `count` per `seconds`. */
export type Rate = Readonly<{ count: number; seconds: number }>;

/** `50/s 600/m 25/h 5/d` */
const parseRate = (text: string): Rate | null => {
  const match = /^([1-9][0-9]{0,8})\/(s|m|h|d)$/.exec(text);
  return match === null
    ? null
    : { count: Number(match[1]), seconds: rateUnits[match[2] as string] as number };
};

/** Output: milliseconds. */
export const duration = pattern(
  durationPattern,
  'write a duration such as 250ms, 10s, 5m, 2h or 30d',
).transform((text) => parseDurationMs(text) as number);

/** Output: bytes. */
export const size = pattern(sizePattern, 'write a size such as 64KiB or 1MiB').transform((text) => {
  const match = /^([0-9]+)(.+)$/.exec(text) as RegExpExecArray;
  return Number(match[1]) * (sizeUnits[match[2] as string] as number);
});

/** Output: Rate. */
export const rate = pattern(ratePattern, 'write a rate such as 50/s, 600/m, 25/h or 5/d').transform(
  (text) => parseRate(text) as Rate,
);

/** Output: a share, 0 to 1. */
export const percent = pattern('^(100|[1-9]?[0-9])%$', 'write a percentage such as 20%').transform(
  (text) => Number(text.slice(0, -1)) / 100,
);

/** A path below a target's baseUrl: no query, no dot segments, nothing encoded. */
export const requestPath = z
  .string()
  .max(500)
  .regex(
    /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]*)*$/,
    'write a path such as /webhook/hr, without query and dot segments',
  );

/** Output: `{ host, port }`; port 0 asks the system for a free one. */
export const address = pattern(addressPattern, 'write an address as host:port').transform(
  (text, context) => {
    const at = text.lastIndexOf(':');
    const port = Number(text.slice(at + 1));
    if (port > 65_535) {
      context.addIssue({ code: 'custom', message: 'a port is at most 65535' });
      return z.NEVER;
    }
    return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port };
  },
);

/** A calendar date; output: the instant of its end, 24:00 UTC, in milliseconds. */
export const endDate = pattern(
  '^[0-9]{4}-[0-9]{2}-[0-9]{2}$',
  'write a date as YYYY-MM-DD',
).transform((text, context) => {
  const start = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(start) || new Date(start).toISOString().slice(0, 10) !== text) {
    context.addIssue({ code: 'custom', message: 'no such day' });
    return z.NEVER;
  }
  return start + 86_400_000;
});

/** Where a secret comes from; the value itself is resolved elsewhere and never printed. */
export type SecretReference = Readonly<
  { from: 'env'; name: string } | { from: 'file'; path: string }
>;

/** `${env:NAME}` or `${file:path}`; a literal is refused without being echoed. */
export const secretReference = pattern(
  secretPattern,
  'a secret is a reference, ${env:NAME} or ${file:path}, never a literal',
).transform((text): SecretReference => {
  const inner = text.slice(2, -1);
  return inner.startsWith('env:')
    ? { from: 'env', name: inner.slice(4) }
    : { from: 'file', path: inner.slice(5) };
});

/** A name of a client, target, route, profile, permission …: lower-case letters, digits, `_`, `-`. */
export const name = pattern(
  namePattern,
  'a name has lower-case letters, digits, - and _, at most 63',
);

/** `600/m`, or `{ rate: 600/m, burst: 100 }`; without a burst the rate's own count may come at once. */
export const limit = z
  .union([rate, z.strictObject({ rate, burst: z.int().min(1).max(1_000_000).optional() })])
  .transform((value) =>
    'count' in value
      ? { rate: value, burst: null }
      : { rate: value.rate, burst: value.burst ?? null },
  );
export type LimitSetting = z.output<typeof limit>;
