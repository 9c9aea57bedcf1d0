/**
 * Address pins: CIDR lists compiled to one question, "is this address inside?". IPv4-mapped IPv6
 * addresses count as the IPv4 address they carry, on both sides. Whatever cannot be read is outside.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { AddressPin } from './settings.ts';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [Address, number];

/** IPv4-mapped prefix length: `::ffff:0:0/96`. */
const mappedBits = 96;

const plain = (address: Address): Address =>
  address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()
    ? address.toIPv4Address()
    : address;

// `::8.8.8.8` is IPv4-compatible, but ipaddr.js reads it as IPv4-mapped: written in hex it does not.
const compatible = /^::[0-9]+\.[0-9.]+$/;
const canonical = (text: string): string =>
  compatible.test(text) ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text;

/** Only the usual spellings: `127.1`, octal and hexadecimal forms are no addresses here. */
const readAddress = (text: string): Address | null =>
  isIP(text) === 0 ? null : ipaddr.parse(canonical(text));

const readRange = (text: string): Range | null => {
  const slash = text.indexOf('/');
  const base = readAddress(slash < 0 ? text : text.slice(0, slash));
  if (base === null) return null;
  const whole = base.kind() === 'ipv4' ? 32 : 128;
  const written = slash < 0 ? String(whole) : text.slice(slash + 1);
  if (!/^[0-9]{1,3}$/.test(written)) return null;
  const bits = Number(written);
  if (bits > whole) return null;
  const address = plain(base);
  if (address === base) return [base, bits];
  return bits >= mappedBits ? [address, bits - mappedBits] : null;
};

/**
 * Compiles a list of addresses and CIDRs (`203.0.113.0/24`, `2001:db8::/32`, `203.0.113.7`). Each
 * entry that is neither is told to `problem` and matches nothing, so a bad list refuses more, never
 * less.
 */
export const compilePin = (
  cidrs: readonly string[],
  problem: (message: string) => void,
): AddressPin => {
  const ranges: Range[] = [];
  cidrs.forEach((cidr, index) => {
    const range = readRange(cidr);
    if (range === null) problem(`entry ${index + 1} is neither an IP address nor a CIDR range`);
    else ranges.push(range);
  });
  return (text) => {
    const read = readAddress(text);
    if (read === null) return false;
    const address = plain(read);
    return ranges.some(
      ([base, bits]) => base.kind() === address.kind() && address.match(base, bits),
    );
  };
};
