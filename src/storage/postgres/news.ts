/**
 * What one gateway tells the others through the store. Each change of a topic bumps its number in the
 * same transaction; the notification is only faster. Channels belong to a database, so their names
 * are made from the schema.
 */
import { hash } from 'node:crypto';
import type { FeedTopic } from '../../store-feed.ts';
import type { Run, Sessions, Statement } from './connection.ts';

/** Topics that have a number; news of turns and deliveries are kept by their lines. */
export type NumberedTopic = Exclude<FeedTopic, 'turns' | 'deliveries'>;

/** Name of a schema's channel; it needs no quotes. */
export const channelOf = (schema: string): string =>
  `sallyport_${hash('sha256', schema).slice(0, 32)}`;

const tell: Statement = {
  text: `WITH told AS (UPDATE news SET number = number + 1 WHERE topic = $2 RETURNING number)
    SELECT pg_notify($1, $2 || ' ' || number) FROM told`,
};

/** Waits for an advisory lock, held until the transaction ends. */
export const takeLock: Statement = { text: 'SELECT pg_advisory_xact_lock($1::bigint)' };

/**
 * Runs a change of a topic in one transaction with its news. The news come first: their row's lock
 * makes changes of one topic follow each other, so that a change may count before it adds.
 */
export const change = <Result>(
  { transaction }: Sessions,
  schema: string,
  topic: NumberedTopic,
  work: (run: Run) => Promise<Result>,
): Promise<Result> =>
  transaction(async (run) => {
    await run(tell, [channelOf(schema), topic]);
    return work(run);
  });

/** What a change gives, and whether others must hear of it. */
export type Changed<Result> = Readonly<{ result: Result; news: boolean }>;

/**
 * Runs a change of a topic in one transaction; its news come last, and only where something changed:
 * whoever changed rows of the topic may tell after it, and never waits crosswise. With a `lock` (its
 * number, `lockOf`), changes under the same one follow each other, so that one may count before it adds.
 */
export const changeFirst = <Result>(
  { transaction }: Sessions,
  { schema, topic, lock }: Readonly<{ schema: string; topic: NumberedTopic; lock: string | null }>,
  work: (run: Run) => Promise<Changed<Result>>,
): Promise<Result> =>
  transaction(async (run) => {
    if (lock !== null) await run(takeLock, [lock]);
    const { result, news } = await work(run);
    if (news) await run(tell, [channelOf(schema), topic]);
    return result;
  });

const tellDue: Statement = { text: "SELECT pg_notify($1, 'deliveries')" };

/**
 * Tells that deliveries became due, after the commit that made them so: commits that notify wait for
 * each other, and receipts must not. News that come while some are under way are told once more after
 * them. Where a process dies in between, the feed's poll finds that the places moved.
 */
export const makeTellDue = ({ run }: Sessions, channel: string): (() => void) => {
  let state: 'idle' | 'telling' | 'again' = 'idle';
  const tellOnce = async (): Promise<void> => {
    state = 'telling';
    await run(tellDue, [channel]).catch(() => undefined);
    const more = (state as string) === 'again';
    state = 'idle';
    if (more) await tellOnce();
  };
  return () => {
    if (state === 'idle') void tellOnce();
    else state = 'again';
  };
};
