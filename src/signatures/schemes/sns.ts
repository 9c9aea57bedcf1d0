/**
 * AWS SNS: RSA over some of the body's members, by a certificate of the topic's region. The topic must
 * be on the route's list before anything else is looked at; the certificate's address must be exactly
 * the one host of that topic with a name of the known form, and is never followed anywhere else.
 */
import { createVerify, X509Certificate, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { JsonObject } from '../../identity/json-value.ts';
import { algorithmsOf } from '../public-keys.ts';
import { readObject } from '../read-object.ts';
import type { Received, Unverified } from '../receiver.ts';
import type { CompiledScheme, Proof, Scheme, SchemeContext } from '../scheme.ts';
import { readSnsTopic, type SnsTopic } from '../sns-topic.ts';

/** Names of the topics whose messages are taken. */
export const topicList = z
  .array(
    z.string().refine((arn) => readSnsTopic(arn) !== null, {
      error: 'write the name (ARN) of a topic',
    }),
  )
  .min(1)
  .max(64);
/** Versions of the signature: 1 is RSA with SHA-1, which topics use until they are told otherwise; 2 is with SHA-256. */
export const versionList = z.array(z.literal([1, 2])).min(1);
const options = z.strictObject({
  topics: topicList,
  versions: versionList.default([1, 2]),
});
type Options = z.output<typeof options>;

/** A message of 256 KiB as JSON writes it at worst. */
const bodyBytesMax = 2_097_152;
const certificatesMax = 16;

/** Members that are signed, by type, in their order; `Subject` only where there is one. */
const signedMembers: Readonly<Record<string, readonly string[]>> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: [
    'Message',
    'MessageId',
    'SubscribeURL',
    'Timestamp',
    'Token',
    'TopicArn',
    'Type',
  ],
  UnsubscribeConfirmation: [
    'Message',
    'MessageId',
    'SubscribeURL',
    'Timestamp',
    'Token',
    'TopicArn',
    'Type',
  ],
};
const digests = { 1: 'RSA-SHA1', 2: 'RSA-SHA256' } as const;

const refuse = (
  code: Extract<Unverified, { kind: 'refused' }>['code'],
  reason: string,
): Unverified => ({ kind: 'refused', code, reason });
const invalid = (reason: string): Unverified => refuse('signature_invalid', reason);

/** What was signed, or null where a member is missing or no text. */
const canonical = (message: JsonObject): string | null => {
  const type = message['Type'];
  const names =
    typeof type === 'string' && Object.hasOwn(signedMembers, type)
      ? signedMembers[type]
      : undefined;
  if (names === undefined) return null;
  let text = '';
  for (const name of names) {
    const value = message[name];
    // SNS writes null for a subject that is not there.
    if (name === 'Subject' && (value === undefined || value === null)) continue;
    if (typeof value !== 'string') return null;
    // A line break elsewhere than in the message would let one signature fit two readings.
    if (name !== 'Message' && value.includes('\n')) return null;
    text += `${name}\n${value}\n`;
  }
  return text;
};

const certificatePath = /^SimpleNotificationService-[0-9a-f]{32}\.pem$/;

/** The address as it is fetched, made of the topic's host and the checked name; null for any other. */
const certificateUrl = (given: unknown, { host }: SnsTopic): string | null => {
  const base = `https://${host}/`;
  if (typeof given !== 'string' || !given.startsWith(base)) return null;
  const name = given.slice(base.length);
  return certificatePath.test(name) ? base + name : null;
};

type Certificate = Readonly<{ pem: string; key: KeyObject | null; from: number; until: number }>;

const readCertificate = (pem: string): Certificate => {
  try {
    const { publicKey, validFromDate, validToDate } = new X509Certificate(pem);
    const key = algorithmsOf(publicKey).includes('RS256') ? publicKey : null;
    return { pem, key, from: validFromDate.getTime(), until: validToDate.getTime() };
  } catch {
    return { pem, key: null, from: 0, until: 0 };
  }
};

const base64 = /^[A-Za-z0-9+/]{16,2048}={0,2}$/;

const holds = (digest: string, text: string, key: KeyObject, signature: Buffer): boolean => {
  try {
    return createVerify(digest).update(text, 'utf8').verify(key, signature);
  } catch {
    return false;
  }
};

const compile = ({ topics, versions }: Options, { fetcher }: SchemeContext): CompiledScheme => {
  const byArn = new Map(topics.map((arn) => [arn, readSnsTopic(arn)]));
  const certificates = new LRUCache<string, Certificate>({ max: certificatesMax });

  const certificateAt = async (url: string, source: string): Promise<Certificate | null> => {
    const pem = await fetcher.fetch(url, { source });
    if (pem === null) return null;
    const known = certificates.get(url);
    if (known?.pem === pem) return known;
    const read = readCertificate(pem);
    certificates.set(url, read);
    return read;
  };

  const check = async ({ body }: Received, now: number): Promise<Proof | Unverified> => {
    const message = readObject(body, bodyBytesMax);
    if (message === null) return refuse('body_malformed', 'the body is not a message of SNS');
    const { TopicArn, SignatureVersion: version, Signature, SigningCertURL } = message;
    const topic = typeof TopicArn === 'string' ? (byArn.get(TopicArn) ?? null) : null;
    if (topic === null) return invalid('the topic is not on the list');
    if (Signature === undefined) return refuse('signature_missing', 'no signature');
    const taken = versions.find((one) => String(one) === version);
    if (taken === undefined) return invalid('the version of the signature is not taken');
    const text = canonical(message);
    if (text === null) {
      return refuse('body_malformed', 'a member that is signed is missing or malformed');
    }
    if (typeof Signature !== 'string' || !base64.test(Signature)) {
      return invalid('the signature is not base64');
    }
    const url = certificateUrl(SigningCertURL, topic);
    if (url === null) return invalid('the certificate is not at the address of the topic');
    const certificate = await certificateAt(url, topic.host);
    if (certificate === null) {
      return { kind: 'unavailable', reason: 'the certificate cannot be fetched' };
    }
    if (certificate.key === null) return invalid('the certificate cannot be used');
    if (now < certificate.from || now >= certificate.until) {
      return invalid('the certificate is not valid now');
    }
    const signature = Buffer.from(Signature, 'base64');
    if (!holds(digests[taken], text, certificate.key, signature)) {
      return invalid('the signature does not fit');
    }
    return {
      kind: 'proven',
      keyId: url.slice(url.lastIndexOf('-') + 1, -'.pem'.length),
      signature,
      signedId: message['MessageId'] as string,
      signedTime: message['Timestamp'] as string,
      contents: null,
    };
  };
  return { check, secretHeaders: [], withoutSecret: null, sign: null };
};

/** Options: the topics whose messages are taken, and versions of the signature. */
export const sns: Scheme = {
  name: 'sns',
  title: 'AWS SNS: RSA by a certificate of the region, for listed topics only',
  keys: 'fetched',
  options,
  compile: (given, context) => compile(given as Options, context),
};
