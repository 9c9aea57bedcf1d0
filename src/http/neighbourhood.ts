/** Addresses that are counted as one: whoever has one IPv6 address has a /64 of them. */
import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The address, or what stands for all of its /64; IPv4 in IPv6 is IPv4. */
export const neighbourhood = (address: string): string => {
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
