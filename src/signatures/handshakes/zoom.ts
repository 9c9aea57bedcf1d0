/**
 * Zoom's `endpoint.url_validation`: the answer is an HMAC of the sender's token under the very secret
 * that signs messages. It is answered only once the message itself verified, and only for tokens that
 * can be no signed string (`v0:time:body`): letters, digits, `-` and `_`, no colon and no dot.
 */
import { createHmac } from 'node:crypto';
import { isObject } from '../../identity/json-value.ts';
import { readObject } from '../read-object.ts';
import type { Handshake } from '../sender.ts';
import { challengeBytesMax, greetJson, greetMalformed } from './replies.ts';

const name = 'zoom.url-validation';
const plainTokenPattern = /^[A-Za-z0-9_-]{1,200}$/;

/** → `{ plainToken, encryptedToken }`, the latter lower-case hex HMAC-SHA256 by the key that matched. */
export const zoomHandshake: Handshake = {
  name,
  methods: [],
  greet: null,
  answer: ({ body }, { keyId }, { keys }) => {
    const message = readObject(body, challengeBytesMax);
    if (message === null || message['event'] !== 'endpoint.url_validation') return null;
    const { payload } = message;
    const plainToken = isObject(payload) ? payload['plainToken'] : null;
    const key = keys.find(({ id }) => id === keyId);
    if (typeof plainToken !== 'string' || !plainTokenPattern.test(plainToken)) {
      return greetMalformed(name);
    }
    if (key === undefined) return greetMalformed(name);
    const encryptedToken = createHmac('sha256', key.text).update(plainToken).digest('hex');
    return greetJson(name, { plainToken, encryptedToken });
  },
};
