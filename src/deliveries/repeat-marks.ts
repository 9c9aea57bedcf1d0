/**
 * What recognises a repeat (webhooks.md §4.1, 8): a mark is a keyed hash over the route and the sender's
 * id, or over body and signature, or over the body alone. Made only of what was verified. Pure.
 *
 * Where the sender gave no id, `id` falls back on the body with its signature, and on the body alone for
 * senders with a static secret. A body alone tells two equal events of a day apart from nothing, so
 * such a mark holds for ten minutes at most, whatever the route says.
 */
import { createHash } from 'node:crypto';
import type { Verified } from '../signatures/receiver.ts';
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

const byBody = (body: Buffer): readonly Told[] => [{ how: 'body', value: digestOf([body]) }];

const firstOf = (...choices: readonly (() => readonly Told[])[]): readonly Told[] => {
  for (const choice of choices) {
    const told = choice();
    if (told.length > 0) return told;
  }
  return [];
};

const ways: Readonly<
  Record<WebhookRoute['dedupe']['by'], (verified: Verified, body: Buffer) => readonly Told[]>
> = {
  id: (verified, body) =>
    firstOf(
      () => byId(verified),
      () => bySignature(verified, body),
      () => byBody(body),
    ),
  signature: (verified, body) =>
    firstOf(
      () => [...byId(verified), ...bySignature(verified, body)],
      () => byBody(body),
    ),
  body: (_verified, body) => byBody(body),
  none: () => [],
};

/** Marks of one message; `at` is when it came in, wall ms. */
export const marksOf = (
  fingerprint: Fingerprint,
  {
    route,
    verified,
    body,
    at,
  }: Readonly<{
    route: Pick<WebhookRoute, 'name' | 'dedupe'>;
    verified: Verified;
    body: Buffer;
    at: number;
  }>,
): readonly Mark[] =>
  ways[route.dedupe.by](verified, body).map(({ how, value }) => {
    const { windowMs } = route.dedupe;
    const heldMs = how === 'body' ? Math.min(windowMs, bodyWindowMsMax) : windowMs;
    return { mark: hashOf(fingerprint, 'repeat', [route.name, how, value]), until: at + heldMs };
  });
