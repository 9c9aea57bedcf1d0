/** The forms of a URL that a sender may have signed: as it came, with its port, without it (Twilio). */

/** At most three, the given one first. A text that is no http URL stays alone. */
export const urlsWithAndWithoutPort = (url: string): readonly string[] => {
  const match = /^(https?):\/\/(\[[0-9A-Fa-f:.]+\]|[^/?#:@]+)(:[0-9]{1,5})?(?=[/?#]|$)/.exec(url);
  if (match === null) return [url];
  const [start, protocol, host] = match as unknown as [string, string, string];
  const rest = url.slice(start.length);
  const port = protocol === 'https' ? '443' : '80';
  const withPort = match[3] === undefined ? `${protocol}://${host}:${port}${rest}` : url;
  return [...new Set([url, withPort, `${protocol}://${host}${rest}`])];
};
