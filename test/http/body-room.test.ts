/** Bodies that nobody has verified are held in bounds, by bytes that came. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { makeBodyRoom } from '../../src/http/body-room.ts';

const limits = { allMax: 100, addressMax: 40 };

it('bounds what one address holds, and all of them', () => {
  const room = makeBodyRoom(limits);
  const [one, two] = [room.open('192.0.2.1'), room.open('192.0.2.1')];
  assert.equal(one.take(30), true);
  assert.equal(two.take(20), false);
  assert.equal(two.take(10), true);
  const others = ['192.0.2.2', '192.0.2.3'].map((address) => room.open(address));
  assert.deepEqual(
    others.map((hold) => hold.take(31)),
    [true, false],
  );
  one.release();
  assert.equal(two.take(20), true);
  for (const hold of [one, two, ...others]) hold.release();
  assert.equal(room.held(), 0);
});

it('takes one body of an address whole, however large its route lets it be', () => {
  const hold = makeBodyRoom(limits).open('192.0.2.1');
  assert.deepEqual([hold.take(50), hold.take(50), hold.take(1)], [true, true, false]);
});

it('counts the neighbours of an IPv6 address as one', () => {
  const room = makeBodyRoom(limits);
  assert.equal(room.open('2001:db8:1:2::1').take(30), true);
  assert.equal(room.open('2001:db8:1:2::2').take(30), false);
  assert.equal(room.open('2001:db8:1:3::2').take(30), true);
});

it('gives back all that was taken, once, in any order', () => {
  const step = fc.record({ hold: fc.nat(5), bytes: fc.integer({ min: 0, max: 50 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const room = makeBodyRoom(limits);
      const holds = Array.from({ length: 6 }, (_, one) => room.open(`192.0.2.${one % 3}`));
      for (const { hold, bytes } of steps) {
        if (bytes === 0) holds[hold]?.release();
        else holds[hold]?.take(bytes);
        assert.ok(room.held() >= 0 && room.held() <= limits.allMax);
      }
      for (const hold of holds) {
        hold.release();
        hold.release();
      }
      assert.equal(room.held(), 0);
    }),
  );
});
