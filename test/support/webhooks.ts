/** A sender for tests: how it signs, its receiver, its reader, and routes and snapshots around it. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { EventReader, LifecycleEvent } from '../../src/identity/events/event.ts';
import type { Json } from '../../src/identity/json-value.ts';
import type { Received, Receiver, Verdict } from '../../src/signatures/receiver.ts';
import type { Forward, PlanRun, Snapshot, WebhookRoute } from '../../src/snapshot.ts';

export const senderKey = 'the-key-of-the-test-sender';
const toleranceMs = 300_000;

const macOf = (id: string, time: string, body: Buffer): Buffer =>
  createHmac('sha256', senderKey).update(`${id}.${time}.`).update(body).digest();

/** Headers of a signed message. `id` null: the sender gives none. */
export const signed = (
  body: Buffer | string,
  { id = 'msg-1', at }: Readonly<{ id?: string | null; at: number }>,
): Record<string, string> => ({
  ...(id === null ? {} : { 'x-id': id }),
  'x-time': String(at),
  'x-signature': macOf(id ?? '', String(at), Buffer.from(body)).toString('hex'),
});

const verifyMessage = ({ headers, body }: Received, now: number): Verdict => {
  const signature = headers['x-signature'];
  const time = headers['x-time'] ?? '';
  if (signature === undefined) {
    return { kind: 'refused', code: 'signature_missing', reason: 'no header x-signature' };
  }
  const presented = Buffer.from(signature, 'hex');
  const expected = macOf(headers['x-id'] ?? '', time, body);
  if (presented.length !== expected.length || !timingSafeEqual(presented, expected)) {
    return { kind: 'refused', code: 'signature_invalid', reason: 'no key fits' };
  }
  if (Math.abs(now - Number(time)) > toleranceMs) {
    return { kind: 'refused', code: 'timestamp_stale', reason: 'beyond the tolerance' };
  }
  const id = headers['x-id'];
  return {
    kind: 'verified',
    keyId: 'secrets[0]',
    id: id === undefined ? null : { value: id, signed: true },
    sentAt: { at: Number(time), signed: true },
    signature: presented,
    sequence: headers['x-sequence'] === undefined ? null : Number(headers['x-sequence']),
    retry: Number(headers['x-retry'] ?? '0'),
  };
};

const greeting = {
  status: 200,
  contentType: 'text/plain',
  body: 'pong',
  confirm: null,
  name: 'test.challenge',
};

/** The receiver of the test sender: `?challenge` is greeted unsigned, a body `"confirm"` once signed. */
export const testReceiver = (more: Partial<Receiver> = {}): Receiver => ({
  sender: 'test-sender',
  methods: ['POST'],
  ackStatus: 202,
  ackBody: null,
  greet: ({ query }) => (query === 'challenge' ? greeting : null),
  verify: verifyMessage,
  answer: ({ body }) =>
    body.equals(Buffer.from('"confirm"'))
      ? { ...greeting, name: 'test.confirm', confirm: 'https://sender.example/confirm' }
      : null,
  refusalForm: null,
  keep: ({ headers, body }) => ({
    headers: { 'content-type': headers['content-type'] ?? '' },
    body,
    contents: null,
  }),
  verifyKept: () => ({ kind: 'unavailable', reason: 'not asked for here' }),
  dedupe: { by: 'id', windowMs: 86_400_000 },
  meaningHeaders: [],
  answersWithinMs: null,
  ...more,
});

/** One event, changed as the test wants. */
export const lifecycle = (change: Partial<LifecycleEvent> = {}): LifecycleEvent => ({
  source: 'test',
  id: null,
  kind: 'mover',
  type: 'employee.updated',
  subject: '7',
  keys: {},
  effectiveAt: null,
  observedAt: null,
  changed: [],
  cancels: [],
  raw: {},
  ...change,
});

type Item = Partial<LifecycleEvent>;

/** Reads `{...}` as one event and `[...]` as many: each item is what differs from `lifecycle()`. */
export const testReader = (more: Partial<EventReader> = {}): EventReader => ({
  source: 'test',
  read: ({ text }) => {
    try {
      const read = JSON.parse(text) as Item | readonly Item[];
      const items = Array.isArray(read) ? (read as readonly Item[]) : [read as Item];
      return {
        events: items.map((item) => lifecycle({ ...item, raw: item as unknown as Json })),
        envelope: () => null,
      };
    } catch {
      return { unreadable: 'it is no JSON' };
    }
  },
  enrich: (event) => event,
  needsEnriched: false,
  ...more,
});

/** A `deliver:` entry that passes on. */
export const forward = (more: Partial<Forward> = {}): Forward => {
  const name = more.name ?? 'n8n';
  return {
    kind: 'forward',
    name,
    lane: `hr/${name}`,
    when: null,
    order: null,
    attemptsMax: 10,
    concurrent: 8,
    target: 'n8n',
    path: '/webhook',
    signer: null,
    answers: false,
    ...more,
  };
};

/** A `deliver:` entry that runs a plan. */
export const planRun = (more: Partial<PlanRun> = {}): PlanRun => {
  const {
    kind: _kind,
    target: _target,
    path: _path,
    signer: _signer,
    answers: _answers,
    ...rest
  } = forward();
  return { ...rest, kind: 'plan', name: 'leave', lane: 'hr/leave', plan: 'leaver', ...more };
};

export const webhookRoute = (more: Partial<WebhookRoute> = {}): WebhookRoute => ({
  name: 'hr',
  path: '/hooks/hr',
  segments: ['hooks', 'hr'],
  receiver: testReceiver(),
  unconfigured: null,
  bodyBytesMax: 1_000,
  limit: null,
  dedupe: { by: 'id', windowMs: 86_400_000 },
  reader: testReader(),
  enrich: null,
  deliver: [forward()],
  answer: null,
  silentAfterMs: null,
  trace: 'restart',
  ...more,
});

/** As much of a snapshot as the edge and the intake look at. */
export const webhookSnapshot = (...webhooks: readonly WebhookRoute[]): Snapshot => {
  const known: Partial<Snapshot> = {
    version: 'c0ffeec0ffee',
    environment: 'test',
    server: {
      listen: { host: '127.0.0.1', port: 0 },
      publicUrl: '',
      maxBodyBytes: 1_000,
      trustedProxies: [],
    },
    routes: [],
    webhooks,
  };
  return known as Snapshot;
};
