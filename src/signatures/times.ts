/**
 * Times of senders: strict texts to milliseconds and back. A text that is not exactly of its unit's
 * form is no time; nothing guesses between seconds and milliseconds.
 */
import type { TimeUnit } from './sender.ts';

const digits = /^[0-9]{1,13}$/;
const rfc3339 =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/;

const parseDate = (text: string): number | null => {
  if (!rfc3339.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
};
const parseDigits = (text: string, factor: number): number | null =>
  digits.test(text) ? Number(text) * factor : null;

type Form = Readonly<{ parse(text: string): number | null; print(at: number): string }>;

const forms: Readonly<Record<TimeUnit, Form>> = {
  s: { parse: (text) => parseDigits(text, 1_000), print: (at) => String(Math.floor(at / 1_000)) },
  ms: { parse: (text) => parseDigits(text, 1), print: (at) => String(Math.floor(at)) },
  rfc3339: { parse: parseDate, print: (at) => new Date(at).toISOString() },
  // BambooHR is seen with both; digits are seconds there.
  either: {
    parse: (text) => parseDate(text) ?? parseDigits(text, 1_000),
    print: (at) => new Date(at).toISOString(),
  },
};

/** Milliseconds since the epoch, or null where the text is not of this form. `either`: seconds or RFC 3339. */
export const parseTime = (text: string, unit: TimeUnit): number | null => forms[unit].parse(text);

/** The text of a time, `at` in wall ms. */
export const printTime = (at: number, unit: TimeUnit): string => forms[unit].print(at);
