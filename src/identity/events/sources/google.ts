/** Google: Directory push (everything of note is in headers) and what Pub/Sub pushes. */
import { mapping } from '../by-places.ts';
import { decodeBase64 } from '../base64.ts';
import type { Item, Reading } from '../mapping.ts';
import { openJson } from '../open-body.ts';
import { isObject } from '../../json-value.ts';

/** Resource id and message number together name one message of one channel. */
const numbered = (reading: Reading, { headers }: Item): Reading => {
  const channel = headers['x-goog-channel-id'];
  const number = headers['x-goog-message-number'];
  const id = channel === undefined || number === undefined ? {} : { id: `${channel}:${number}` };
  return { ...reading, ...id };
};

export const googleDirectory = mapping({
  name: 'google-directory',
  senders: [],
  confidence: 'unverified',
  source: 'developers.google.com admin-sdk directory push; names of states unconfirmed',
  forms: ['json'],
  lists: [],
  type: ['#x-goog-resource-state'],
  subject: ['id'],
  keys: { id: ['id'], email: ['primaryEmail'], userName: ['primaryEmail'] },
  kinds: {
    sync: 'test',
    add: 'joiner',
    delete: 'leaver',
    undelete: 'rehire',
    makeAdmin: 'mover',
    update: 'mover',
  },
  refine: numbered,
  note: 'A suspension is an update: enrich and read suspended. Channels end and must be renewed.',
});

/** What the message holds stands as `message.data` of event.raw, as JSON where it is some. */
const unwrap = (reading: Reading, { item }: Item): Reading => {
  const message = isObject(item) ? item['message'] : undefined;
  if (!isObject(item) || !isObject(message) || typeof message['data'] !== 'string') return reading;
  const text = decodeBase64(message['data']);
  if (text === null) return reading;
  const opened = openJson(text);
  const data = 'unreadable' in opened ? text : opened.body;
  return { ...reading, raw: { ...item, message: { ...message, data } } };
};

export const googlePubsub = mapping({
  name: 'google-pubsub',
  senders: [],
  confidence: 'documented',
  source: 'cloud.google.com pubsub push',
  forms: ['json'],
  lists: [],
  id: ['message.messageId', 'message.message_id'],
  type: ['message.attributes.eventType', 'message.attributes.type'],
  observedAt: ['message.publishTime', 'message.publish_time'],
  kinds: {},
  refine: unwrap,
  note: 'event.raw.message.data is the decoded content; kind and subject are the publisher’s to say.',
});
