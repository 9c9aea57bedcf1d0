/**
 * What recognises a repeat (webhooks.md §4.1, 8): a mark is a keyed hash over the route and the sender's
 * id, or over body and signature, or over the body alone. Made only of what was verified. Pure.
 *
 * Where the sender gave no id, `id` falls back on the body with its signature, and on the body alone for
 * senders with a static secret. A body alone tells two equal events of a day apart from nothing, so
 * such a mark holds for ten minutes at most, whatever the route says. What the sender says in headers
 * beside it counts with the body: Google sends one body for an update and for the end of the same user.
 */
import { createHash } from 'node:crypto';
import type { Received, Receiver, Verified } from '../signatures/receiver.ts';
import type { WebhookRoute } from '../snapshot.ts';
import type { Mark } from './event-store.ts';
import { hashOf, type Fingerprint } from './lines.ts';

/** Longest that a body alone recognises a repeat, ms. */
export const bodyWindowMsMax = 600_000;

type Told = Readonly<{ how: 'id' | 'signed-body' | 'body'; value: string }>;

/** Lengths first, so that no byte can move from signature to body. */
const digestOf = (parts: readonly Buffer[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}\n`).update(part);
  return hash.digest('base64');
};

const bySignature = (verified: Verified, body: Buffer): readonly Told[] =>
  verified.signature === null
    ? []
    : [{ how: 'signed-body', value: digestOf([verified.signature, body]) }];

const byId = ({ id }: Verified): readonly Told[] =>
  id === null || id.value === '' ? [] : [{ how: 'id', value: id.value }];

const byBody = (body: Buffer, beside: readonly string[]): readonly Told[] => [
  { how: 'body', value: digestOf([body, ...beside.map((text) => Buffer.from(text, 'latin1'))]) },
];

const firstOf = (...choices: readonly (() => readonly Told[])[]): readonly Told[] => {
  for (const choice of choices) {
    const told = choice();
    if (told.length > 0) return told;
  }
  return [];
};

type Way = (verified: Verified, body: Buffer, beside: readonly string[]) => readonly Told[];

const ways: Readonly<Record<WebhookRoute['dedupe']['by'], Way>> = {
  id: (verified, body, beside) =>
    firstOf(
      () => byId(verified),
      () => bySignature(verified, body),
      () => byBody(body, beside),
    ),
  signature: (verified, body, beside) =>
    firstOf(
      () => [...byId(verified), ...bySignature(verified, body)],
      () => byBody(body, beside),
    ),
  body: (_verified, body, beside) => byBody(body, beside),
  none: () => [],
};

type Meaning = Pick<Receiver, 'meaningHeaders'>;

/** Marks of one message; `at` is when it came in, wall ms. */
export const marksOf = (
  fingerprint: Fingerprint,
  {
    route,
    verified,
    received: { headers, body },
    at,
  }: Readonly<{
    route: Pick<WebhookRoute, 'name' | 'dedupe'> & Readonly<{ receiver: Meaning | null }>;
    verified: Verified;
    received: Pick<Received, 'headers' | 'body'>;
    at: number;
  }>,
): readonly Mark[] => {
  const beside = (route.receiver?.meaningHeaders ?? []).flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [`${name}:${value}`];
  });
  return ways[route.dedupe.by](verified, body, beside).map(({ how, value }) => {
    const { windowMs } = route.dedupe;
    const heldMs = how === 'body' ? Math.min(windowMs, bodyWindowMsMax) : windowMs;
    return { mark: hashOf(fingerprint, 'repeat', [route.name, how, value]), until: at + heldMs };
  });
};
