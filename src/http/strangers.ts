/**
 * The cheap limit of what is not verified: how often one address may be refused at one webhook route
 * before its messages are turned away unread. Verified messages cost nothing here, so a sender who
 * signs rightly meets it only where its address is also a stranger's. In memory and bounded: while the
 * table is full new addresses are not counted, and those counted stay limited.
 */
import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { makeMemoryLimiter } from '../limits/memory.ts';
import type { CompiledLimit } from '../policy/decision.ts';

export type Strangers = Readonly<{
  /** Seconds until another message of this address is read at this route; 0 = now. `now` is monotonic ms. */
  wait(route: string, address: string, now: number): number;
  /** One message could not be read or verified, or was a handshake that nobody signs. */
  charge(route: string, address: string, now: number): void;
  /** Addresses counted now. */
  size(): number;
}>;

/** Refusals at once, and a second after that. */
const rate = { count: 50, seconds: 1, burst: 300 };
const addressesMax = 20_000;

/** Whoever has one IPv6 address has a /64 of them. */
const neighbourhood = (address: string): string => {
  if (!isIPv6(address)) return address;
  const [plain] = address.split('%', 1) as [string];
  const parsed = ipaddr.process(plain);
  return parsed instanceof ipaddr.IPv6
    ? parsed.parts
        .slice(0, 4)
        .map((part) => part.toString(16))
        .join(':')
    : parsed.toString();
};

export const makeStrangers = (): Strangers => {
  const limiter = makeMemoryLimiter({ keysMax: addressesMax });
  const limitOf = (route: string, address: string): CompiledLimit => ({
    key: `${route}\n${neighbourhood(address)}`,
    policy: 'unverified',
    ...rate,
  });
  return {
    wait: (route, address, now) => {
      const over = limiter.level(limitOf(route, address), now) + 1 - rate.burst;
      return over <= 0 ? 0 : Math.max(1, Math.ceil((over * rate.seconds) / rate.count));
    },
    charge: (route, address, now) => {
      limiter.take([limitOf(route, address)], { revocation: false, now });
    },
    size: () => limiter.size(),
  };
};
