/** SCIM dateTimes as instants (RFC 7643 §2.3.5), whatever offset or fraction they are written with. */

const dateTimePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:Z|[+-]\d\d:\d\d)?$/i;

/** Has a text of that pattern an offset? Only there can `+` or `-` stand six from the end. */
const hasZone = (upper: string): boolean =>
  upper.endsWith('Z') || upper.at(-6) === '+' || upper.at(-6) === '-';

/**
 * Milliseconds since the epoch of an xsd:dateTime, or NaN if the text is none. A missing offset means
 * UTC: the zone of the gateway's machine must not decide what a filter finds.
 */
export const instantOf = (text: string): number => {
  if (!dateTimePattern.test(text)) return Number.NaN;
  const upper = text.toUpperCase();
  return Date.parse(hasZone(upper) ? upper : `${upper}Z`);
};
