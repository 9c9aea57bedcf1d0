/**
 * HiBob tries an address with two bodies before it signs anything, and wants 2xx. They say nothing
 * and do nothing, so they are answered unsigned; one byte more and it is a message.
 */
import type { Handshake } from '../sender.ts';
import { greetEmpty } from './replies.ts';

const name = 'hibob.ping';
const pings = ['Ping test', '{"text":"Ping test"}'].map((text) => Buffer.from(text, 'utf8'));

/** `Ping test`, as text or as `{"text":"Ping test"}` → 200. */
export const hibobHandshake: Handshake = {
  name,
  methods: [],
  greet: ({ method, body }) =>
    method === 'POST' && pings.some((ping) => ping.equals(body)) ? greetEmpty(name) : null,
  answer: null,
};
