/**
 * The load of the campaign `outages`: on each gateway, users' whole lives one after the other, and
 * reads of one steady user. It knows whether there is trouble, and so which answers may come.
 */
import type { LoadAnswer } from './load-client.ts';
import { newUser, renamed } from './load-client.ts';
import { sleep, type Seat, type Several } from './several-gateways.ts';

/** Trouble there is now; `broken`: the seat whose connections may break. */
export type Trouble = Readonly<{ broken: number | null }>;

export type OutageFigures = Readonly<{
  acknowledged: ReadonlySet<string>;
  refused: number;
  /** 429 with Retry-After: while Redis is away each gateway keeps to its share. */
  limited: number;
  broken: number;
  reads: number;
  slowestReadMs: number;
  slowestMutationMs: number;
  /** Lines on answers that should not have come. */
  unexpected: readonly string[];
}>;

export type OutageLoad = Readonly<{
  start(): void;
  /** Ends it and waits for the answers that are due. */
  stop(): Promise<void>;
  /** Tells which trouble there is from now on; null = none. */
  trouble(trouble: Trouble | null): void;
  /**
   * Resolves when every gateway answered a mutation well that began after `since`, with the ms from
   * then to the last of these; null where that takes longer than `mostMs`.
   */
  recovered(since: number, mostMs: number): Promise<number | null>;
  figures(): OutageFigures;
}>;

const againMs = 30;
const readEveryMs = 15;
const unexpectedMax = 200;

export const makeOutageLoad = (
  given: Readonly<{ several: Several; steady: string; clientsPerGateway: number }>,
): OutageLoad => {
  const { several, steady, clientsPerGateway } = given;
  const acknowledged = new Set<string>();
  const unexpected: string[] = [];
  const counts = {
    refused: 0,
    limited: 0,
    broken: 0,
    reads: 0,
    slowestReadMs: 0,
    slowestMutationMs: 0,
  };
  /** Per seat: when the newest mutation that went well began and ended. */
  const well = several.seats.map(() => ({ began: -1, ended: -1 }));
  const now: { running: boolean; trouble: Trouble | null } = { running: false, trouble: null };
  let ended: Promise<unknown> = Promise.resolve();

  const complain = (line: string): void => {
    if (unexpected.length < unexpectedMax) unexpected.push(line);
  };
  const told = (answer: LoadAnswer): string =>
    `${answer.status} ${answer.code ?? ''} ${answer.outcome ?? ''} Retry-After ${answer.retryAfter ?? 'none'}`;
  /** The limits are far beyond the load: only a gateway that counts alone, from nothing, refuses. */
  const isLimited = (answer: LoadAnswer | null): boolean => {
    const limited = answer?.code === 'rate_limited' && Number(answer.retryAfter) > 0;
    if (limited) counts.limited += 1;
    return limited;
  };
  const mayBreak = (at: number, then: Trouble | null): boolean =>
    then?.broken === at || now.trouble?.broken === at;

  const mutate = async (at: number, method: string, path: string, body?: unknown) => {
    const seat = several.seats[at] as Seat;
    const then = now.trouble;
    const began = performance.now();
    const answer = await seat.client.ask(method, `/scim/users/Users${path}`, body);
    counts.slowestMutationMs = Math.max(counts.slowestMutationMs, performance.now() - began);
    if (answer === null) {
      counts.broken += 1;
      if (!mayBreak(at, then)) complain(`${method} on gateway ${at}: the connection broke`);
      await sleep(againMs);
    } else if (answer.status <= 299 && answer.ledgerId !== null) {
      acknowledged.add(answer.ledgerId);
      const newest = well[at] as (typeof well)[number];
      if (began >= newest.began) Object.assign(newest, { began, ended: performance.now() });
    } else if (answer.status === 503 && Number(answer.retryAfter) > 0) {
      counts.refused += 1;
      if (then === null && now.trouble === null) complain(`${method} in calm: ${told(answer)}`);
      await sleep(againMs);
    } else {
      if (!isLimited(answer)) complain(`${method} on gateway ${at}: ${told(answer)}`);
      await sleep(againMs);
    }
    return answer;
  };
  const live = async (at: number, name: string): Promise<void> => {
    for (let life = 0; now.running; life += 1) {
      const made = await mutate(at, 'POST', '', newUser(`${name}-${life}@example.com`));
      if (made?.status !== 201) continue;
      const path = `/${made.resourceId}`;
      for (let change = 0; now.running && change < 3; change += 1) {
        await mutate(at, 'PATCH', path, renamed(`${name} ${life} ${change}`));
      }
      if (now.running) await mutate(at, 'DELETE', path);
    }
  };
  const read = async (at: number): Promise<void> => {
    while (now.running) {
      const then = now.trouble;
      const { client } = several.seats[at] as Seat;
      const answer = await client.ask('GET', `/scim/users/Users/${steady}`);
      if (answer?.status === 200) {
        counts.reads += 1;
        counts.slowestReadMs = Math.max(counts.slowestReadMs, answer.ms);
      } else if (!isLimited(answer) && (answer !== null || !mayBreak(at, then))) {
        complain(`a read on gateway ${at}: ${answer === null ? 'broke' : told(answer)}`);
      }
      await sleep(readEveryMs);
    }
  };
  return {
    start: () => {
      now.running = true;
      ended = Promise.all(
        several.seats.flatMap((_seat, at) => [
          read(at),
          ...Array.from({ length: clientsPerGateway }, (_unused, one) => live(at, `g${at}c${one}`)),
        ]),
      );
    },
    stop: async () => {
      now.running = false;
      await ended;
    },
    trouble: (there) => {
      now.trouble = there;
    },
    recovered: async (since, mostMs) => {
      while (well.some(({ began }) => began < since)) {
        if (performance.now() - since > mostMs) return null;
        await sleep(5);
      }
      return Math.max(...well.map((one) => one.ended)) - since;
    },
    figures: () => ({ ...counts, acknowledged, unexpected }),
  };
};
