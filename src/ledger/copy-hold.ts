/**
 * Holding a chain of a shared store while it is copied: as a gateway does, by a lease, and only while
 * no gateway is alive. A copy that was cut off leaves its lease behind; once that ended, the next
 * copy takes the chain up again.
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../ids.ts';
import type { Head } from './store.ts';
import type { AboutGateway, LiveGateway, WriterStore } from './writer-store.ts';

type HoldDeps = Readonly<{
  target: Readonly<{ writers: WriterStore }>;
  clock: Clock;
  random: Random;
  about: AboutGateway;
  leaseMs: number;
}>;

type Start = Readonly<{ first: number; previous: Buffer; at: number }>;

/** A chain that is held. */
export type Hold = Readonly<{
  head: Head;
  /** Extends the lease where that is due; false where the chain was lost. */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}>;

/** Released chains without a record that a claim may hand out before the one that is wanted. */
const othersMax = 64;

const aliveText = (gateways: readonly LiveGateway[]): string => {
  const names = gateways.map(({ name, leaseUntil }) => {
    const until = new Date(leaseUntil).toISOString();
    return `${name} (until ${until})`;
  });
  return `Gateways, or another copy, are at work on the target: ${names.join(', ')}. Stop them; a lease that was left behind ends by itself.`;
};

/** Takes the chain of `writer`, new behind `start` where it is not there yet. */
export const holdChain = async (
  deps: HoldDeps,
  writer: string,
  start: Start | undefined,
): Promise<Hold | Readonly<{ refused: string }>> => {
  const { about, leaseMs, clock } = deps;
  const { writers } = deps.target;
  const held: string[] = [];
  const claim = async (candidate: string, from?: Start): Promise<Head> => {
    const head = await writers.claim({
      ...about,
      candidate,
      leaseMs,
      ...(from === undefined ? {} : { start: from }),
    });
    held.push(head.writer);
    return head;
  };
  const releaseBut = async (kept: string | null): Promise<void> => {
    for (const each of held.splice(0)) if (each !== kept) await writers.release(each);
  };
  try {
    const known = (await writers.heads()).some((head) => head.writer === writer);
    // A known chain may be under a lease: claimed by its own name it would seem to be a new one.
    let head = await claim(
      known ? deps.random(4).toString('hex') : writer,
      known ? undefined : start,
    );
    const { gateways } = await writers.renew({ ...about, writer: head.writer, leaseMs });
    const others = gateways.filter((gateway) => gateway.writer !== head.writer);
    if (others.length > 0) {
      await releaseBut(null);
      return { refused: aliveText(others) };
    }
    if (head.writer !== writer && known) await writers.release(writer);
    while (head.writer !== writer && held.length < othersMax) head = await claim(writer, start);
    if (head.writer !== writer) {
      await releaseBut(null);
      return { refused: 'The target does not hand out the chain of the source.' };
    }
    await releaseBut(writer);
    let renewedAt = clock.monotonic();
    return {
      head,
      renew: async () => {
        if (clock.monotonic() - renewedAt < leaseMs / 3) return true;
        renewedAt = clock.monotonic();
        return (await writers.renew({ ...about, writer, leaseMs })).held;
      },
      release: () => writers.release(writer),
    };
  } catch (error) {
    await releaseBut(null).catch(() => undefined);
    throw error;
  }
};
