/**
 * Microsoft Graph asks, when a subscription is made or renewed, by an empty POST with `validationToken`
 * in the query, and wants it back as text, decoded once. There is nothing to verify it by; what comes
 * back is plain ASCII without `<`, so that no browser makes a page of it.
 */
import type { Handshake } from '../sender.ts';
import { echoLengthMax, greetMalformed } from './replies.ts';

const name = 'graph.validation';
const printable = /^[\x20-\x3b\x3d-\x7e]+$/;

/** Form decoding, once; null where it is malformed. */
const decodeOnce = (text: string): string | null => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
};

/** Values of `validationToken` in the raw query; the name itself is never written encoded. */
const tokensIn = (query: string): readonly string[] =>
  query
    .split('&')
    .filter((pair) => pair.startsWith('validationToken='))
    .map((pair) => pair.slice('validationToken='.length));

/** POST without a body and with one `validationToken` → 200 text/plain; with a body it is a message. */
export const graphHandshake: Handshake = {
  name,
  methods: [],
  greet: ({ method, query, body }) => {
    if (method !== 'POST' || body.length > 0) return null;
    const tokens = tokensIn(query);
    const [first] = tokens;
    if (first === undefined) return null;
    // Decoding only shortens: three characters stand for one.
    const token = tokens.length > 1 || first.length > 3 * echoLengthMax ? null : decodeOnce(first);
    if (token === null || token.length > echoLengthMax || !printable.test(token)) {
      return greetMalformed(name);
    }
    return { status: 200, contentType: 'text/plain', body: token, confirm: null, name };
  },
  answer: null,
};
