/**
 * Okta event hooks ask once, by GET, whether the address is theirs to call: the challenge stands in a
 * header and comes back in JSON. It is not signed, and echoing it grants nothing.
 */
import type { Handshake } from '../sender.ts';
import { greetJson, greetMalformed, isSafeEcho } from './replies.ts';

const name = 'okta.challenge';

/** GET with `x-okta-verification-challenge` → `{"verification": …}`; any other GET is 400. */
export const oktaHandshake: Handshake = {
  name,
  methods: ['GET'],
  greet: ({ method, headers }) => {
    if (method !== 'GET') return null;
    const challenge = headers['x-okta-verification-challenge'];
    return isSafeEcho(challenge)
      ? greetJson(name, { verification: challenge })
      : greetMalformed(name);
  },
  answer: null,
};
