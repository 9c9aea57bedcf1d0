/** Slack's `url_verification`, signed like every message and answered only once that holds. */
import { readObject } from '../read-object.ts';
import type { Handshake } from '../sender.ts';
import { challengeBytesMax, greetJson, greetMalformed, isSafeEcho } from './replies.ts';

const name = 'slack.url-verification';

/** `{"type": "url_verification", "challenge": …}` → the challenge in JSON. */
export const slackHandshake: Handshake = {
  name,
  methods: [],
  greet: null,
  answer: ({ body }) => {
    const message = readObject(body, challengeBytesMax);
    if (message === null || message['type'] !== 'url_verification') return null;
    const { challenge } = message;
    return isSafeEcho(challenge) ? greetJson(name, { challenge }) : greetMalformed(name);
  },
};
