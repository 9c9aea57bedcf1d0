/** Templates of paths: what is fixed is judged at load, what is put in can change nothing of the shape. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compileTemplate } from '../../src/config/compile-template.ts';

const compiled = (source: string) => {
  const template = compileTemplate(source, { event: 'map' });
  assert.ok('print' in template, JSON.stringify(template));
  return template;
};
const printed = (source: string, event: Readonly<Record<string, unknown>>) =>
  compiled(source).print({ event });

test('values are encoded whole, in path and query', () => {
  assert.deepEqual(printed('/v1/{event.a}/x?f={event.b}&g=1', { a: 'a/b?c#d', b: "ü&=%+ '()*!" }), {
    text: '/v1/a%2Fb%3Fc%23d/x?f=%C3%BC%26%3D%25%2B%20%27%28%29%2A%21&g=1',
  });
  assert.deepEqual(printed('/v1/{event.a}{event.a}', { a: 7 }), { text: '/v1/77' });
  assert.deepEqual(printed('/v1/{size(event.a)}', { a: 'abc' }), { text: '/v1/3' });
  assert.deepEqual(printed('/v1', {}), { text: '/v1' });
});

test('braces and quotes of an expression are its own', () => {
  assert.deepEqual(printed('/{event.a == "}" ? "x{" : "y"}', { a: '}' }), { text: '/x%7B' });
  assert.deepEqual(printed('/{{"k": event.a}.k}', { a: 'v' }), { text: '/v' });
  assert.deepEqual(printed(String.raw`/{event.a + "\"}"}`, { a: 'v' }), { text: '/v%22%7D' });
});

test('a value that is none fails, and says where without saying what', () => {
  for (const [value, why] of [
    ['', 'gives nothing'],
    ['.', 'gives a dot segment'],
    ['..', 'gives a dot segment'],
    [null, 'gives no text or number'],
    [true, 'gives no text or number'],
    [['a'], 'gives no text or number'],
    [{}, 'gives no text or number'],
    [Number.NaN, 'gives no number'],
    ['\ud800', 'gives broken text'],
    ['s'.repeat(1_001), 'gives more than 1000 characters'],
  ] as const)
    assert.deepEqual(printed('/v1/{event.a}', { a: value }), { failed: `{event.a} ${why}` });
  assert.deepEqual(printed('/v1/{event.a}', {}), { failed: 'there is no such key: a' });
  assert.deepEqual(printed('/v1/.{event.a}', { a: '.' }), {
    failed: '{event.a} gives a dot segment',
  });
});

test('what is fixed is judged at load', () => {
  const problemOf = (source: string): string => {
    const template = compileTemplate(source, { event: 'map' });
    return 'problem' in template ? template.problem : 'none';
  };
  for (const [source, problem] of [
    ['v1', 'it begins with one /, written out'],
    ['{event.a}', 'it begins with one /, written out'],
    ['//host/x', 'it begins with one /, written out'],
    ['', 'it begins with one /, written out'],
    ['/a/../b', 'no dot segments'],
    ['/a/./b', 'no dot segments'],
    ['/a#b', 'outside of { } write letters, digits and signs of a URL only'],
    ['/a%2e', 'outside of { } write letters, digits and signs of a URL only'],
    ['/a}b', 'outside of { } write letters, digits and signs of a URL only'],
    ['/a b', 'outside of { } write letters, digits and signs of a URL only'],
    [String.raw`/a\b`, 'outside of { } write letters, digits and signs of a URL only'],
    ['/a?b?c', 'it has one ? at most'],
    ['/a/{event.b', 'a { is never closed'],
    ['/a/{secret.b}', 'secret is not known here'],
    [`/${'{event.a}'.repeat(17)}`, 'at most 16 values in braces'],
  ] as const)
    assert.equal(problemOf(source), problem, source);
  assert.notEqual(problemOf('/a/{}'), 'none');
});

const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('..', '.', '/', '\\', '%2e%2e', '?', '#', '@', '//', '\r\n', 'a'),
  fc.double(),
);

test('whatever the values, the shape is the one that was written', () => {
  const template = compiled('/a/{event.x}/b{event.y}?q={event.z}');
  fc.assert(
    fc.property(value, value, value, (x, y, z) => {
      const out = template.print({ event: { x, y, z } });
      if ('failed' in out) return;
      const url = new URL(out.text, 'https://t.example.com');
      assert.equal(url.origin, 'https://t.example.com');
      assert.equal(url.hash, '');
      assert.equal(`${url.pathname}${url.search}`, out.text);
      const [, a, first, second] = url.pathname.split('/');
      assert.deepEqual([a, url.pathname.split('/').length], ['a', 4]);
      assert.equal(decodeURIComponent(first ?? ''), String(x));
      assert.equal(decodeURIComponent(second ?? ''), `b${String(y)}`);
      assert.deepEqual([...url.searchParams], [['q', String(z)]]);
    }),
  );
});

test('whatever is written, compiling says yes or no and throws nothing', () => {
  const text = fc.array(
    fc.oneof(
      fc.constantFrom(
        '/',
        '{',
        '}',
        '"',
        "'",
        '\\',
        'event',
        '.a',
        '?',
        '#',
        '..',
        '%',
        '{event.a}',
      ),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(text, (parts) => {
      const template = compileTemplate(`/${parts.join('')}`, { event: 'map' });
      if ('problem' in template) assert.notEqual(template.problem, '');
      else assert.ok(typeof template.print({ event: { a: 'v' } }) === 'object');
    }),
  );
});
