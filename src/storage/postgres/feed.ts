/**
 * Hears of changes on a connection of its own: notifications at once, and once a second the numbers
 * of the topics, as a net and as proof that the connection lives. After a gap everything is told.
 * Reconnects alone, later and later, each gateway at another moment.
 */
import { randomInt } from 'node:crypto';
import { escapeIdentifier, type Client } from 'pg';
import type { FeedTopic, StoreFeed } from '../../store-feed.ts';
import type { Connections } from './connection.ts';
import { channelOf } from './news.ts';
import type { TurnKeys } from './turns.ts';

const pollMs = 1_000;
/** A place is taken before its commit: so many polls later that came, or never will. */
const pollsUntilCommitted = 10;
const waits = { lockMs: 1_000, statementMs: 1_000, queryMs: 1_000 };
const backoffMs = { first: 100, most: 5_000 };

const topics: readonly FeedTopic[] = [
  'keys',
  'freezes',
  'turns',
  'losses',
  'deliveries',
  'holds',
  'protection',
  'checks',
];

export type Feed = Readonly<{
  feed: StoreFeed;
  /** Resolves when the first connection listens; what changes afterwards is told. */
  start(): Promise<void>;
  stop(): void;
}>;

type Listener = (detail: string | null) => void;

type Hearing = {
  readonly listeners: ReadonlyMap<FeedTopic, Set<Listener>>;
  readonly numbers: Map<string, number>;
  readonly turns: TurnKeys;
  /** Polls that tell of deliveries still. */
  placesMoved: number;
};

const isTopic = (name: string): name is FeedTopic => topics.some((topic) => topic === name);

const tell = ({ listeners }: Hearing, topic: FeedTopic, detail: string | null): void => {
  for (const changed of listeners.get(topic) ?? []) changed(detail);
};

/** Payloads: a topic and its number, `turns` and the hash of a key, or `deliveries` alone. */
const hear = (hearing: Hearing, payload: string): void => {
  const [topic = '', rest = ''] = payload.split(' ');
  if (topic === 'turns') {
    // Whoever does not stand in that line does not know its key, and need not hear of it.
    const key = hearing.turns.get(rest);
    if (key !== undefined) tell(hearing, topic, key);
    return;
  }
  if (topic === 'deliveries') tell(hearing, topic, null);
  else if (isTopic(topic)) note(hearing, topic, Number(rest));
};

/** Tells a topic whose number is not the one that was heard last. */
const note = (hearing: Hearing, topic: FeedTopic, number: number): void => {
  if (hearing.numbers.get(topic) === number) return;
  hearing.numbers.set(topic, number);
  tell(hearing, topic, null);
};

/** Tells of deliveries for a while after places were taken; where nothing comes in it is silent. */
const notePlaces = (hearing: Hearing, number: number): void => {
  if (hearing.numbers.get('deliveries') !== number) hearing.placesMoved = pollsUntilCommitted;
  hearing.numbers.set('deliveries', number);
  if (hearing.placesMoved === 0) return;
  hearing.placesMoved -= 1;
  tell(hearing, 'deliveries', null);
};

/** Makes a feed that is silent until it is started. */
export const makeFeed = (
  connections: Connections,
  { schema, turns }: Readonly<{ schema: string; turns: TurnKeys }>,
): Feed => {
  // The schema stands in its text, so that a person sees whose session it is.
  // Deliveries have no row there that receipts would wait for; the sequence of their places moves with
  // each that comes in, also where its gateway died before it told.
  const own = escapeIdentifier(schema);
  const text = `SELECT topic, number FROM ${own}.news
    UNION ALL SELECT 'deliveries', last_value + is_called::integer FROM ${own}.deliveries_place`;
  const listeners = new Map(topics.map((topic) => [topic, new Set<Listener>()]));
  const hearing: Hearing = { listeners, numbers: new Map(), turns, placesMoved: 0 };
  let current: Client | null = null;
  let timer: NodeJS.Timeout | undefined;
  let backoff = backoffMs.first;
  let stopped = false;

  const later = (ms: number, run: () => void): void => {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(run, ms);
  };
  const readNumbers = async (client: Client): Promise<ReadonlyMap<string, number>> => {
    const { rows } = await client.query<{ topic: string; number: number }>({
      name: 'news',
      text,
    });
    return new Map(rows.map(({ topic, number }) => [topic, number]));
  };
  const watch = async (client: Client): Promise<void> => {
    try {
      for (const [topic, number] of await readNumbers(client)) {
        if (topic === 'deliveries') notePlaces(hearing, number);
        else if (isTopic(topic)) note(hearing, topic, number);
      }
      later(pollMs, () => void watch(client));
    } catch {
      lose(client);
    }
  };
  const listen = async (): Promise<void> => {
    const client = connections.client(waits);
    current = client;
    client.on('notification', ({ payload }) => hear(hearing, payload ?? ''));
    await client.connect();
    await client.query(`LISTEN ${channelOf(schema)}`);
    for (const [topic, number] of await readNumbers(client)) hearing.numbers.set(topic, number);
    client.once('end', () => lose(client));
    backoff = backoffMs.first;
    later(pollMs, () => void watch(client));
  };
  const again = async (): Promise<void> => {
    try {
      await listen();
      for (const topic of topics) tell(hearing, topic, null);
    } catch {
      lose(current);
    }
  };
  /** One connection is lost once; its successor comes after a pause that no other gateway shares. */
  const lose = (client: Client | null): void => {
    if (stopped || client !== current) return;
    current = null;
    client?.end().catch(() => undefined);
    // The gap begins: a server that crashed may have forgotten who stood first before this one hears it.
    tell(hearing, 'turns', null);
    later(randomInt(Math.ceil(backoff / 2), backoff + 1), () => void again());
    backoff = Math.min(backoff * 2, backoffMs.most);
  };

  return Object.freeze({
    feed: Object.freeze({
      on: (topic: FeedTopic, changed: Listener) => {
        listeners.get(topic)?.add(changed);
        return () => void listeners.get(topic)?.delete(changed);
      },
    }),
    start: listen,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      current?.end().catch(() => undefined);
      current = null;
    },
  } satisfies Feed);
};
