/**
 * `time-zone`: an IANA name, as it was written where it is one; Windows names by the table. Intl is
 * asked only whether a name exists: its own canonical names are the old ones (`Asia/Calcutta`).
 * Offsets and abbreviations are refused: they say nothing about summer time, and `IST` is three zones.
 */
import { remember, textRule } from './normaliser.ts';
import type { Outcome } from './normaliser.ts';
import { windowsZones } from './windows-zones.ts';

/** Names without a slash that are no abbreviations. */
const plainNames = ['UTC', 'GMT'] as const;

/** Every name Intl lists, and ours, by lower case: what says how a name is spelled. */
const spelled: ReadonlyMap<string, string> = new Map(
  [...Intl.supportedValuesOf('timeZone'), ...plainNames, ...windowsZones.values()].map((name) => [
    name.toLowerCase(),
    name,
  ]),
);

const windowsByLowerCase: ReadonlyMap<string, string> = new Map(
  [...windowsZones].map(([windows, iana]) => [windows.toLowerCase(), iana]),
);

const lengthMax = 64;
const ianaPattern = /^[A-Z][A-Za-z]+(?:\/[A-Za-z][A-Za-z0-9_+-]*){1,2}$/;

const zone = (text: string): Outcome => {
  const written = text.trim();
  if (text.length > lengthMax) return { problem: 'is no time zone' };
  const lower = written.toLowerCase();
  const name = windowsByLowerCase.get(lower) ?? spelled.get(lower);
  if (name !== undefined) return { value: name };
  // An alias that Intl knows but does not list; its spelling cannot be looked up, so it stays.
  if (ianaPattern.test(written)) {
    try {
      Intl.DateTimeFormat('en', { timeZone: written });
      return { value: written };
    } catch {
      return { problem: 'is no known time zone' };
    }
  }
  return { problem: 'is no IANA time zone such as Europe/Berlin' };
};

export const timeZone = textRule({
  name: 'time-zone',
  title: 'a time zone by its IANA name, also from Windows names',
  make: () => remember(1_000, zone),
});
