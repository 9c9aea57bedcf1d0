/** Which hosts only a private network reaches: there a line without TLS is the admin's own affair. */
import ipaddr from 'ipaddr.js';

/** Judges a host name or address, IPv6 with or without brackets. Names are not looked up. */
export const isPrivateHost = (host: string): boolean => {
  const bare = host.replace(/^\[|\]$/g, '');
  if (bare === 'localhost' || bare.endsWith('.localhost')) return true;
  if (!ipaddr.isValid(bare)) return false;
  return ['loopback', 'private', 'uniqueLocal', 'linkLocal', 'carrierGradeNat'].includes(
    ipaddr.process(bare).range(),
  );
};
