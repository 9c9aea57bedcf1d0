/**
 * Instants as sources write them (events-and-attributes.md §4, §5), read by hand: RFC 3339, offsets
 * without a colon (BambooHR), no offset at all (HiBob), epoch seconds (Gusto) and milliseconds
 * (SuccessFactors), days with and without a zone. Nothing is guessed: `01/02/2026` is no date, and a
 * bare number has a unit or none. A day begins at 00:00 of its zone, or at its first instant where
 * that zone skips midnight.
 */
import type { Json } from '../json-value.ts';

/** How a source writes its instants. */
export type InstantRule = Readonly<{
  /** IANA zone of days and of times without an offset. */
  zone: string;
  /** Unit of numbers, and of texts of digits; absent = a number is no instant. */
  unit?: 's' | 'ms';
}>;

const dayMs = 86_400_000;
const yearMin = 1900;

const pattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,12}))?)?(?:([Zz])| ?([+-])(\d\d)(?::?(\d\d))?)?$/;

/** Days from 1970-01-01 to a day of the Gregorian calendar, by counting years from March. */
const daysTo = (year: number, month: number, day: number): number => {
  const from = month > 2 ? year : year - 1;
  const ofYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leaps = Math.floor(from / 4) - Math.floor(from / 100) + Math.floor(from / 400);
  return from * 365 + leaps + ofYear - 719_468;
};

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const daysOf = (year: number, month: number): number =>
  month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;

/** Formatters by zone: they are dear to make, and a route has one zone. */
const formatters = new Map<string, Intl.DateTimeFormat>();
const formattersMax = 64;

const formatterOf = (zone: string): Intl.DateTimeFormat => {
  const known = formatters.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  if (formatters.size >= formattersMax) formatters.clear();
  formatters.set(zone, made);
  return made;
};

/** Is it the name of an IANA zone? Offsets such as `+05:30` are none. */
export const isZone = (zone: string): boolean => {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(zone)) return false;
  try {
    formatterOf(zone);
    return true;
  } catch {
    return false;
  }
};

/** How far local time of the zone lies ahead of UTC at that instant, ms. */
const offsetAt = (zone: string, at: number): number => {
  const second = Math.floor(at / 1_000) * 1_000;
  const parts: Record<string, number> = {};
  for (const { type, value } of formatterOf(zone).formatToParts(second)) {
    parts[type] = Number(value);
  }
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = parts;
  const local =
    daysTo(year, month, day) * dayMs +
    hour * 3_600_000 +
    minute * 60_000 +
    (parts['second'] ?? 0) * 1_000;
  return local - second;
};

/**
 * The instant of a local time, which is given as if it were UTC. A local time that comes twice is the
 * earlier one; one that never comes moves forward by what was skipped (as in RFC 5545 §3.3.5).
 */
const instantOfLocal = (local: number, zone: string): number => {
  if (zone === 'UTC') return local;
  const before = offsetAt(zone, local - dayMs);
  const after = offsetAt(zone, local + dayMs);
  const there = [local - before, local - after].filter((at) => offsetAt(zone, at) === local - at);
  return there.length === 0 ? local - before : Math.min(...there);
};

const readText = (text: string, zone: string): number | null => {
  const match = pattern.exec(text);
  if (match === null) return null;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (year < yearMin || month < 1 || month > 12 || day < 1 || day > daysOf(year, month))
    return null;
  const [hour, minute, second] = [match[4], match[5], match[6]].map((part) =>
    Number(part ?? 0),
  ) as [number, number, number];
  // RFC 3339 §5.7: a leap second is the 61st of the hour's last minute.
  if (hour > 23 || minute > 59 || second > (minute === 59 ? 60 : 59)) return null;
  const fraction = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const local =
    daysTo(year, month, day) * dayMs + ((hour * 60 + minute) * 60 + second) * 1_000 + fraction;
  if (match[8] !== undefined) return local;
  if (match[9] === undefined) return instantOfLocal(local, zone);
  const [hours, minutes] = [Number(match[10]), Number(match[11] ?? 0)];
  if (hours > 23 || minutes > 59) return null;
  return local - (match[9] === '-' ? -1 : 1) * (hours * 60 + minutes) * 60_000;
};

/** Last instant that is taken from a number: the end of the year 9999. */
const numberMax = 253_402_300_799_999;

const readNumber = (value: number, unit: 's' | 'ms'): number | null => {
  const at = Math.floor(unit === 's' ? value * 1_000 : value);
  return value >= 0 && at <= numberMax ? at : null;
};

/**
 * Milliseconds since the epoch, or null where the value is no instant by this rule. Years before 1900
 * are none: sources write them for "no date". Fractions finer than a millisecond are cut.
 */
export const readInstant = (value: Json | undefined, rule: InstantRule): number | null => {
  if (typeof value === 'number') return rule.unit ? readNumber(value, rule.unit) : null;
  if (typeof value !== 'string') return null;
  if (/^\d{1,15}(?:\.\d{1,12})?$/.test(value)) {
    return rule.unit ? readNumber(Number(value), rule.unit) : null;
  }
  return readText(value, rule.zone);
};
