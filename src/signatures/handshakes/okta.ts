/**
 * Okta event hooks ask once, by GET, whether the address is theirs to call: the challenge stands in a
 * header and comes back in JSON. It is not signed, and echoing it grants nothing; a route can ask for
 * the secret there too (`challenge: secret`), for Okta is believed to send it along.
 */
import { z } from 'zod';
import type { Greeting, Received } from '../receiver.ts';
import type { Handshake } from '../sender.ts';
import { greetJson, greetMalformed, isSafeEcho } from './replies.ts';

const name = 'okta.challenge';

/** Whether the challenge is answered to anybody or only to whoever has the secret. */
export const oktaChallenge = z.enum(['open', 'secret']);

const echo = ({ method, headers }: Received): Greeting | null => {
  if (method !== 'GET') return null;
  const challenge = headers['x-okta-verification-challenge'];
  return isSafeEcho(challenge)
    ? greetJson(name, { verification: challenge })
    : greetMalformed(name);
};

/** GET with `x-okta-verification-challenge` → `{"verification": …}`; any other GET is 400. Option `challenge`. */
export const oktaHandshake: Handshake = {
  name,
  methods: ['GET'],
  greet: (received, { options }) => (options['challenge'] === 'secret' ? null : echo(received)),
  answer: echo,
};
