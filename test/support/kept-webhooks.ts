/** Webhooks in the store of a running gateway, signed and sealed as the intake keeps them. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { DeliveryRow } from '../../src/deliveries/event-store.ts';
import { sealEvent } from '../../src/deliveries/kept-event.ts';
import type { Gateway } from '../../src/gateway.ts';
import type { EventId } from '../../src/ids.ts';
import type { Received } from '../../src/signatures/receiver.ts';
import type { WebhookRoute } from '../../src/snapshot.ts';
import { deliveryRow, eventRow } from './deliveries.ts';
import { targetToken } from './fixture.ts';

/** A route file with a route `hr` that takes webhooks of BambooHR, and whom it passes them on to. */
export const withWebhook = (text: string): string =>
  `${text.replace('targets:\n', 'targets:\n  n8n: { baseUrl: "https://n8n.example.com" }\n')}  hr:
    path: /hooks/hr
    webhook: { scheme: bamboohr, secrets: ["\${env:SANDBOX_TOKEN}"] }
    deliver: [{ name: n8n, to: n8n, path: /hr, sign: none }]
`;

export const hrRoute = ({ context }: Pick<Gateway, 'context'>): WebhookRoute => {
  const found = context.snapshot().webhooks.find(({ name }) => name === 'hr');
  assert.ok(found !== undefined);
  return found;
};

/** How many deliveries, when it came in, and what it said. */
export type Kept = Readonly<{ count?: number; at?: number; body?: Buffer }>;

const signed = (body: Buffer, at: number): Received => {
  const time = String(Math.floor(at / 1_000));
  const signature = createHmac('sha256', targetToken).update(body).update(time).digest('hex');
  return {
    method: 'POST',
    url: 'http://gw.example.com/hooks/hr',
    path: '/hooks/hr',
    query: '',
    headers: { 'x-bamboohr-timestamp': time, 'x-bamboohr-signature': signature },
    body,
  };
};

/** Keeps one; its deliveries are named `old` and stand on one line. */
export const keepWebhook = async (
  gateway: Pick<Gateway, 'context' | 'foundation'>,
  given: Kept &
    Readonly<{ deliveries: Omit<Partial<DeliveryRow>, 'line'> & Readonly<{ line: number }> }>,
): Promise<EventId> => {
  const { count = 1, at = Date.now() } = given;
  const body = given.body ?? Buffer.from('{"employees":[{"id":"7\u202e"}]}');
  const received = signed(body, at);
  const { receiver } = hrRoute(gateway);
  const verdict = await receiver?.verify(received, at);
  assert.ok(receiver !== null && verdict?.kind === 'verified', JSON.stringify(verdict));
  const { stores, keyRing } = gateway.foundation;
  const event = eventRow({ at, keyId: verdict.keyId, bytes: body.length });
  const { method, url, path, query } = received;
  const kept = receiver.keep(received, verdict);
  const sealed = sealEvent(keyRing, event.id, {
    method,
    url,
    path,
    query,
    messageId: null,
    ...kept,
  });
  const { line, ...more } = given.deliveries;
  const deliveries = Array.from({ length: count }, (_none, item) =>
    deliveryRow(line, { item, name: 'old', dueAt: at, ...more }),
  );
  const receiving = { event: { ...event, sealed }, marks: [], deliveries, cancels: [] };
  await stores.events.receive([receiving], [], at);
  return event.id;
};
