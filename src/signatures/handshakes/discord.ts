/**
 * Discord's PINGs, signed like every message. Interactions ping with type 1 and want the same number
 * back; event webhooks ping with type 0 and want 204, and there type 1 is an event, told by `event`.
 */
import { readObject } from '../read-object.ts';
import type { Handshake } from '../sender.ts';
import { challengeBytesMax, greetEmpty, greetJson } from './replies.ts';

const name = 'discord.ping';

/** `{"type": 1}` → `{"type": 1}`; `{"type": 0}` → 204; whatever has an `event` is a message. */
export const discordHandshake: Handshake = {
  name,
  methods: [],
  greet: null,
  answer: ({ body }) => {
    const message = readObject(body, challengeBytesMax);
    if (message === null || message['event'] !== undefined) return null;
    if (message['type'] === 1) return greetJson(name, { type: 1 });
    return message['type'] === 0 ? { ...greetEmpty(name), status: 204 } : null;
  },
};
