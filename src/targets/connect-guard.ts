/**
 * The connect guard: a target's name is resolved once, every address is judged, and the socket goes
 * to a judged address (no second resolution, so no DNS rebinding). Private and special ranges are
 * refused unless the target allows them; cloud metadata is refused always, whatever it is wrapped
 * in. TLS is verified always; there is no switch. Used by pool.ts only.
 */
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { buildConnector } from 'undici';
import { GatewayError } from '../errors.ts';

/** All addresses of a name; injected in tests. */
export type Resolve = (
  host: string,
  done: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

/** Why an address may not be connected to, or null. */
export type AddressGuard = (address: string) => 'metadata' | 'special range' | 'unreadable' | null;

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Cidr = readonly [Address, number];

const cidrs = (...texts: readonly string[]): readonly Cidr[] =>
  texts.map((text) => ipaddr.parseCIDR(text));

/** Where clouds hand out credentials or host secrets: AWS, GCP, Azure, ECS, EKS, Alibaba, Oracle. */
const metadata = cidrs(
  '169.254.169.0/24',
  '169.254.170.0/24',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fd00:ec2::/32',
  'fd20:ce::254/128',
);
/** The only IPv6 space that is routed publicly (RFC 4291 §2.4, IANA). */
const globalUnicast = cidrs('2000::/3');

/** How many bits stand before an IPv4 address that is carried inside an IPv6 one. */
const carriers: readonly (readonly [Cidr, number])[] = [
  [ipaddr.parseCIDR('::ffff:0:0/96'), 96], // IPv4-mapped
  [ipaddr.parseCIDR('::/96'), 96], // IPv4-compatible, deprecated
  [ipaddr.parseCIDR('::ffff:0:0:0/96'), 96], // RFC 6145
  [ipaddr.parseCIDR('64:ff9b::/96'), 96], // NAT64, RFC 6052
  [ipaddr.parseCIDR('64:ff9b:1::/48'), 96], // NAT64 of one site, RFC 8215, /96 form
  [ipaddr.parseCIDR('2002::/16'), 16], // 6to4
];

const within = (address: Address, ranges: readonly Cidr[]): boolean =>
  ranges.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits));

const carried = (address: ipaddr.IPv6): ipaddr.IPv4 | null => {
  for (const [[base, bits], before] of carriers) {
    if (!address.match(base, bits)) continue;
    const at = before / 8;
    return new ipaddr.IPv4(address.toByteArray().slice(at, at + 4));
  }
  return null;
};

/** `::8.8.8.8` is IPv4-compatible, but ipaddr.js reads it as IPv4-mapped: written in hex it does not. */
const compatible = /^::[0-9]+\.[0-9.]+$/;
const canonical = (text: string): string => new URL(`http://[${text}]`).hostname.slice(1, -1);

/**
 * Compiles the guard. Entries of `allowPrivate` that are no CIDR are told to `problem` and allow
 * nothing. IPv4-mapped addresses are judged as the IPv4 address they are; other carriers (NAT64,
 * 6to4) pass only where an entry names them.
 */
export const compileAddressGuard = (
  allowPrivate: readonly string[],
  problem: (message: string) => void,
): AddressGuard => {
  const allowed: Cidr[] = [];
  allowPrivate.forEach((text, index) => {
    const base = text.split('/', 1)[0] as string;
    const cidr = text.includes('/') ? text : `${text}/${isIP(text) === 6 ? 128 : 32}`;
    if (isIP(base) !== 0 && ipaddr.isValidCIDR(cidr)) allowed.push(ipaddr.parseCIDR(cidr));
    else problem(`entry ${index + 1} is neither an IP address nor a CIDR range`);
  });
  return (text) => {
    if (isIP(text) === 0) return 'unreadable';
    const written = ipaddr.parse(compatible.test(text) ? canonical(text) : text);
    const inner = written instanceof ipaddr.IPv6 ? carried(written) : null;
    if (within(written, metadata) || (inner !== null && within(inner, metadata))) return 'metadata';
    const mapped = written instanceof ipaddr.IPv6 && written.isIPv4MappedAddress();
    const address = mapped && inner !== null ? inner : written;
    if (within(address, allowed)) return null;
    if (address instanceof ipaddr.IPv6 && !within(address, globalUnicast)) return 'special range';
    return address.range() === 'unicast' ? null : 'special range';
  };
};

const resolveAll: Resolve = (host, done) => {
  systemLookup(host, { all: true, order: 'verbatim' }, (error, addresses) =>
    done(error, error === null ? addresses : []),
  );
};

const blocked = (why: string): GatewayError =>
  new GatewayError('target_unreachable', {
    detail: `The target's address is not allowed (${why}).`,
  });

/** A look-up for `net.connect` that gives only judged addresses; one bad address refuses the name. */
const guardedLookup =
  (guard: AddressGuard, resolve: Resolve): LookupFunction =>
  (host, options, done) => {
    resolve(host, (error, addresses) => {
      if (error !== null) return done(error, []);
      for (const { address } of addresses) {
        const why = guard(address);
        if (why !== null) return done(blocked(why), []);
      }
      const first = addresses[0];
      if (first === undefined) {
        return done(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), []);
      }
      if (options.all === true) done(null, [...addresses]);
      else done(null, first.address, first.family);
    });
  };

/**
 * The connector of one target for undici. HTTP/1.1 only. `connectMs` bounds resolution, connection
 * and TLS handshake together. A refused address ends in a GatewayError `target_unreachable`.
 */
export const guardedConnector = (options: {
  allowPrivate: readonly string[];
  connectMs: number;
  resolve?: Resolve;
}): buildConnector.connector => {
  const guard = compileAddressGuard(options.allowPrivate, () => {});
  const connect = buildConnector({
    allowH2: false,
    timeout: options.connectMs,
    autoSelectFamily: true,
    lookup: guardedLookup(guard, options.resolve ?? resolveAll),
  });
  return (to, done) => {
    // A literal is never looked up, so it is judged here.
    const why = isIP(to.hostname) === 0 ? null : guard(to.hostname);
    if (why !== null) {
      queueMicrotask(() => done(blocked(why), null));
      return;
    }
    connect(to, (error, socket) => {
      // On failure undici passes the error alone.
      if (error !== null || socket === null) return done(error ?? blocked('no socket'), null);
      const remote = guard(socket.remoteAddress ?? '');
      if (remote === null) return done(null, socket);
      socket.destroy();
      done(blocked(remote), null);
    });
  };
};
