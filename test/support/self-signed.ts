/**
 * Certificates made on the spot, for tests that need one that is trusted, expired or of another name:
 * DER written by hand (RFC 5280), signed by node:crypto. No private key lies in the repository.
 */
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const size = Buffer.from(body.length.toString(16).padStart(4, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x82]), size, body]);
};
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const utcTime = (at: number): Buffer =>
  der(
    0x17,
    Buffer.from(`${new Date(at).toISOString().slice(2, 19).replaceAll(/[-T:]/g, '')}Z`, 'ascii'),
  );
const named = (commonName: string): Buffer =>
  sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName, 'utf8')))));
const sha256WithRsa = sequence(oid('2a864886f70d01010b'), der(0x05));

/** A certificate of a new RSA key, signed by itself, with its names. Times in wall ms. */
export const selfSigned = (
  names: Readonly<{ dns?: string; ip?: readonly number[] }>,
  validity: Readonly<{ from: number; until: number }>,
  modulusLength = 2_048,
): Readonly<{ certificate: string; key: KeyObject; keyPem: string }> => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength });
  const alternatives = sequence(
    ...(names.dns === undefined ? [] : [der(0x82, Buffer.from(names.dns, 'ascii'))]),
    ...(names.ip === undefined ? [] : [der(0x87, Buffer.from(names.ip))]),
  );
  const extensions = der(0xa3, sequence(sequence(oid('551d11'), der(0x04, alternatives))));
  const name = named(names.dns ?? 'test');
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    sha256WithRsa,
    name,
    sequence(utcTime(validity.from), utcTime(validity.until)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    extensions,
  );
  const signature = sign('sha256', content, privateKey);
  const whole = sequence(
    content,
    sha256WithRsa,
    der(0x03, Buffer.concat([Buffer.from([0]), signature])),
  );
  const base64 = whole.toString('base64').replaceAll(/(.{64})/g, '$1\n');
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey,
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
};
