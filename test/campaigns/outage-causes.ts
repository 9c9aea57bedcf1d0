/**
 * What the campaign `outages` takes away, and gives back: each cause as an entry of one table. The
 * last gateway is the one that is killed.
 */
import { sleep, type Seat, type Several } from './several-gateways.ts';

export type Cause = Readonly<{
  name: string;
  /** Connections to the last gateway break. */
  breaksGateway: boolean;
  /** Why it cannot be played here, or null. */
  needs?(several: Several): string | null;
  /** Plays it; resolves with the moment from which everything was there again (performance.now). */
  play(several: Several, draw: () => number): Promise<number>;
}>;

/** How long something is away, ms. */
const awayMs = (draw: () => number): number => 200 + Math.floor(draw() * 1_300);

/**
 * What every batch of the ledger is committed with, one without claims or one with; looked for in what
 * goes to PostgreSQL: the name of the prepared statement, which is a transaction of its own, in the
 * message that runs it (Bind).
 */
const commitMarkers = ['\0append\0', '\0append-claiming\0'];
/** End of PostgreSQL's answer outside of a transaction (ReadyForQuery, status I). */
const committed = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const cutWithinMs = 5_000;

const cutAt =
  (when: 'before' | 'after') =>
  async ({ proxy }: Several): Promise<number> => {
    const cut = proxy.cutNext({ marker: commitMarkers, when, answered: committed });
    await Promise.race([cut, sleep(cutWithinMs)]);
    if (proxy.forget()) throw new Error('no commit passed: the marker is not what it was');
    return performance.now();
  };

export const causes: readonly Cause[] = [
  {
    name: 'a gateway killed',
    breaksGateway: true,
    play: async (several, draw) => {
      const seat = several.seats.at(-1) as Seat;
      await seat.gateway.end('SIGKILL');
      await sleep(awayMs(draw));
      await several.restart(seat);
      return performance.now();
    },
  },
  {
    name: 'PostgreSQL stopped',
    breaksGateway: false,
    play: async ({ postgres }, draw) => {
      await postgres.stop('immediate');
      await sleep(awayMs(draw));
      await postgres.start();
      return performance.now();
    },
  },
  {
    name: 'Redis stopped',
    breaksGateway: false,
    play: async ({ redis }, draw) => {
      await redis.stop();
      await sleep(awayMs(draw));
      await redis.start();
      return performance.now();
    },
  },
  { name: 'cut before a commit', breaksGateway: false, play: cutAt('before') },
  { name: 'cut after a commit', breaksGateway: false, play: cutAt('after') },
  {
    name: 'a slow disk',
    breaksGateway: false,
    needs: ({ postgres }) =>
      postgres.slow === null ? 'no C compiler to build the library that slows it down' : null,
    play: async ({ postgres }, draw) => {
      await postgres.slow?.(100 + Math.floor(draw() * 1_400));
      await sleep(2_500);
      await postgres.slow?.(null);
      return performance.now();
    },
  },
];
