/**
 * Holding a chain of a shared store while it is copied: as a gateway does, by a lease, and only while
 * no gateway is alive. A copy that was cut off leaves its lease behind; once that ended, the next
 * copy takes the chain up again.
 */
import type { Clock } from '../clock.ts';
import type { ChainStart, Head } from './store.ts';
import type { AboutGateway, LiveGateway, WriterStore } from './writer-store.ts';

type HoldDeps = Readonly<{
  target: Readonly<{ writers: WriterStore }>;
  clock: Clock;
  about: AboutGateway;
  leaseMs: number;
}>;

/** A chain that is held. */
export type Hold = Readonly<{
  head: Head;
  /** Extends the lease where that is due; false where the chain was lost. */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}>;

const aliveText = (gateways: readonly LiveGateway[]): string => {
  const names = gateways.map(
    ({ name, leaseUntil }) => `${name} (until ${new Date(leaseUntil).toISOString()})`,
  );
  return `Gateways, or another copy, are at work on the target: ${names.join(', ')}. Stop them; a lease that was left behind ends by itself.`;
};

/** Takes the chain that begins at `start`, whether it is there already or not. */
export const holdChain = async (
  { target: { writers }, clock, about, leaseMs }: HoldDeps,
  start: ChainStart & Readonly<{ previous: Buffer; at: number }>,
): Promise<Hold | Readonly<{ refused: string }>> => {
  const { writer, ...from } = start;
  const renew = () => writers.renew({ ...about, writer, leaseMs });
  const before = await writers.live();
  if (before.length > 0) return { refused: aliveText(before) };
  const head = await writers.claim({ ...about, candidate: writer, leaseMs, start: from });
  let renewedAt = clock.monotonic();
  const { gateways } = await renew();
  const others = gateways.filter((gateway) => gateway.writer !== writer);
  if (head.writer !== writer || others.length > 0) {
    await writers.release(head.writer);
    return { refused: aliveText(others) };
  }
  return {
    head,
    renew: async () => {
      const at = clock.monotonic();
      if (at - renewedAt < leaseMs / 3) return true;
      renewedAt = at;
      return (await renew()).held;
    },
    release: () => writers.release(writer),
  };
};
