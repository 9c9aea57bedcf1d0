/** The connect guard: which addresses are let through, and that a name is judged as a whole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compileAddressGuard, guardedConnector } from '../../src/targets/connect-guard.ts';

const none = (): void => assert.fail('no entry is wrong here');
const closed = compileAddressGuard([], none);
const everything = compileAddressGuard(['0.0.0.0/0', '::/0'], none);

const special = [
  '127.0.0.1',
  '127.255.255.254',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.1.1',
  '100.64.0.1',
  '0.0.0.0',
  '0.1.2.3',
  '224.0.0.1',
  '255.255.255.255',
  '240.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '192.0.0.1',
  '::',
  '::1',
  'fe80::1',
  'fe80::1%eth0',
  'fc00::1',
  'fd12:3456::1',
  'ff02::1',
  'fec0::1',
  '2001:db8::1',
  '::ffff:10.0.0.1',
  '::ffff:127.0.0.1',
  '::10.0.0.1',
  '::8.8.8.8',
  '64:ff9b::10.0.0.1',
  '64:ff9b::808:808',
  '64:ff9b:1::1',
  '2002:a00:1::',
  '2002:808:808::1',
  '2001:0:1::1',
  '100::1',
  '::ffff:0:10.0.0.1',
];
for (const address of special) {
  test(`${address} is refused and may be allowed`, () => {
    assert.equal(closed(address), 'special range');
    assert.equal(everything(address), null);
  });
}

for (const address of ['8.8.8.8', '1.1.1.1', '2606:4700::1111', '::ffff:8.8.8.8', '172.32.0.1']) {
  test(`${address} is let through`, () => assert.equal(closed(address), null));
}

const metadata = [
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '100.100.100.200',
  '168.63.129.16',
  'fd00:ec2::254',
  'fd20:ce::254',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '64:ff9b::169.254.169.254',
  '2002:a9fe:a9fe::',
  '::169.254.169.254',
  '192.0.0.192',
];
for (const address of metadata) {
  test(`${address} is refused whatever is allowed`, () => {
    assert.equal(closed(address), 'metadata');
    assert.equal(everything(address), 'metadata');
  });
}

test('other spellings of an address are no address', () => {
  for (const text of [
    '127.1',
    '0x7f.0.0.1',
    '2130706433',
    '0177.0.0.1',
    'localhost',
    '',
    '::1/128',
  ]) {
    assert.equal(everything(text), 'unreadable');
  }
});

test('an allowed range opens itself and nothing else; a wrong entry is told and opens nothing', () => {
  const guard = compileAddressGuard(['10.1.0.0/16', 'fd00:1::/32', '192.168.0.9'], none);
  assert.equal(guard('10.1.2.3'), null);
  assert.equal(guard('::ffff:10.1.2.3'), null);
  assert.equal(guard('10.2.0.1'), 'special range');
  assert.equal(guard('fd00:1::5'), null);
  assert.equal(guard('192.168.0.9'), null);
  assert.equal(guard('192.168.0.8'), 'special range');
  const problems: string[] = [];
  const broken = compileAddressGuard(['10.0.0.0/33', 'localhost', '127.1/8', ''], (message) =>
    problems.push(message),
  );
  assert.equal(problems.length, 4);
  assert.equal(broken('127.0.0.1'), 'special range');
});

test('any IPv4 address is judged the same when it is mapped into IPv6', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      assert.equal(closed(`::ffff:${address}`), closed(address));
    }),
  );
});

const connectTo = (hostname: string, addresses: readonly string[]): Promise<unknown> => {
  const connect = guardedConnector({
    allowPrivate: [],
    connectMs: 1_000,
    resolve: (_host, done) =>
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      ),
  });
  return new Promise((resolve) => {
    connect({ hostname, host: hostname, protocol: 'http:', port: '9' }, (...args) =>
      resolve(args[0]),
    );
  });
};

test('one refused address among several refuses the name', async () => {
  const error = (await connectTo('scim.example.com', ['8.8.8.8', '127.0.0.1'])) as { code: string };
  assert.equal(error.code, 'target_unreachable');
});

test('a literal is judged without a look-up', async () => {
  const error = (await connectTo('127.0.0.1', [])) as { code: string };
  assert.equal(error.code, 'target_unreachable');
});

test('a name without addresses is not found', async () => {
  const error = (await connectTo('scim.example.com', [])) as { code: string };
  assert.equal(error.code, 'ENOTFOUND');
});
