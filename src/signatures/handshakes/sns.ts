/**
 * AWS SNS confirms a subscription by an address that has to be called. The message is verified first
 * like any other, its topic must be on the route's list, and the address is made from topic and token:
 * `SubscribeURL` is never called, nor looked at.
 */
import { readObject } from '../read-object.ts';
import type { Handshake } from '../sender.ts';
import { readSnsTopic, snsConfirmUrl } from '../sns-topic.ts';
import { challengeBytesMax, greetEmpty, greetMalformed } from './replies.ts';

const name = 'sns.confirmation';

/**
 * `SubscriptionConfirmation` → 200 with the address to call in `confirm`; `UnsubscribeConfirmation` →
 * 200 and nothing else, so that nobody subscribes again what a person took away. Option `topics`.
 */
export const snsHandshake: Handshake = {
  name,
  methods: [],
  greet: null,
  answer: ({ body }, _verified, { options }) => {
    const message = readObject(body, challengeBytesMax);
    if (message?.['Type'] === 'UnsubscribeConfirmation') return greetEmpty('sns.unsubscribed');
    if (message?.['Type'] !== 'SubscriptionConfirmation') return null;
    const { topics } = options;
    const topic = readSnsTopic(message['TopicArn']);
    if (topic === null || !Array.isArray(topics) || !topics.includes(topic.arn)) {
      return greetMalformed(name);
    }
    const confirm = snsConfirmUrl(topic, message['Token']);
    return confirm === null ? greetMalformed(name) : greetEmpty(name, confirm);
  },
};
