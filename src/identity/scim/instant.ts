/** SCIM dateTimes as instants (RFC 7643 §2.3.5), whatever offset or fraction they are written with. */

const dateTimePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?(?<zone>Z|[+-]\d\d:\d\d)?$/i;

/**
 * Milliseconds since the epoch of an xsd:dateTime, or NaN if the text is none. A missing offset means
 * UTC: the zone of the gateway's machine must not decide what a filter finds.
 */
export const instantOf = (text: string): number => {
  const match = dateTimePattern.exec(text);
  if (match === null) return Number.NaN;
  const upper = text.toUpperCase();
  return Date.parse(match.groups?.['zone'] === undefined ? `${upper}Z` : upper);
};
