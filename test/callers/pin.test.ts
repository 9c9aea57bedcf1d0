/** Address pins: which addresses are inside, in every spelling, and that a bad list refuses more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compilePin } from '../../src/callers/pin.ts';

const none = (): void => assert.fail('no entry is wrong here');

const cases: readonly [readonly string[], readonly string[], readonly string[]][] = [
  [
    ['203.0.113.0/24'],
    ['203.0.113.0', '203.0.113.255', '::ffff:203.0.113.7', '::ffff:cb00:7107'],
    ['203.0.112.255', '203.0.114.0', '::1'],
  ],
  [['203.0.113.7'], ['203.0.113.7'], ['203.0.113.8']],
  [
    ['2001:db8::/32', '10.0.0.0/8'],
    ['2001:db8::1', '10.255.0.1'],
    ['2001:db9::1', '11.0.0.0', '::10.0.0.1'],
  ],
  [['::ffff:10.0.0.0/104'], ['10.1.2.3', '::ffff:10.1.2.3'], ['11.0.0.1']],
  [['0.0.0.0/0'], ['1.2.3.4', '255.255.255.255'], ['::1', 'fe80::1']],
  [['::/0'], ['::1', '2001:db8::1'], ['1.2.3.4']],
];
for (const [list, inside, outside] of cases) {
  test(`pin ${list.join(', ')}`, () => {
    const pin = compilePin(list, none);
    for (const address of inside) assert.equal(pin(address), true, address);
    for (const address of outside) assert.equal(pin(address), false, address);
  });
}

test('an entry that cannot be read is told and matches nothing', () => {
  const problems: string[] = [];
  const list = [
    '10.0.0.0/33',
    '10.1',
    '0x0a.0.0.1',
    '010.0.0.1',
    'localhost',
    '',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::/129',
    '::ffff:0:0/64',
    '10.0.0.0/ 8',
    '*',
  ];
  const pin = compilePin(list, (message) => problems.push(message));
  assert.equal(problems.length, list.length);
  assert.equal(problems[1], 'entry 2 is neither an IP address nor a CIDR range');
  for (const address of ['10.0.0.1', '10.0.0.0', '::1', '127.0.0.1'])
    assert.equal(pin(address), false);
});

test('what is no address is outside', () => {
  const pin = compilePin(['0.0.0.0/0', '::/0'], none);
  for (const text of [
    '',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.4 ',
    '__proto__',
    '1.2.3.4:80',
    '[::1]',
  ]) {
    assert.equal(pin(text), false, text);
  }
});

test('a range holds exactly the addresses that share its first bits', () => {
  const bits = (address: string): string =>
    address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  fc.assert(
    fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), (base, address, length) => {
      const expected = bits(base).slice(0, length) === bits(address).slice(0, length);
      assert.equal(compilePin([`${base}/${length}`], none)(address), expected);
      assert.equal(compilePin([`${base}/${length}`], none)(`::ffff:${address}`), expected);
    }),
  );
});
