import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { decodeBase64 } from '../../../src/identity/events/base64.ts';
import { compileReader } from '../../../src/identity/events/compile-reader.ts';
import { elementSpans, quoteLargeNumbers } from '../../../src/identity/events/json-text.ts';
import { openBody } from '../../../src/identity/events/open-body.ts';
import { mappings } from '../../../src/identity/events/table.ts';
import { payloads } from './payloads.ts';

const all = ['json', 'json-lines', 'form', 'xml'] as const;
const open = (text: string): unknown => {
  const opened = openBody(text, all);
  return 'unreadable' in opened ? opened : opened.body;
};
const isUnreadable = (text: string): boolean => 'unreadable' in openBody(text, all);

describe('JSON', () => {
  test('a number too large for a double is the text it was', () => {
    assert.deepEqual(
      open('{"a":3332288930291515418,"b":[-9007199254740993],"c":9007199254740991}'),
      {
        a: '3332288930291515418',
        b: ['-9007199254740993'],
        c: 9007199254740991,
      },
    );
    for (const text of [
      '{"a\\"9007199254740993":1}',
      '{9007199254740993:1}',
      '9007199254740993 x',
    ]) {
      assert.equal(quoteLargeNumbers(text), text);
    }
  });

  test('what two readers could read differently is not read', () => {
    for (const text of [
      '{"a":1,"a":2}',
      '{"a":1,"\\u0061":2}',
      '{"a":1e400}',
      '{"__proto__":{}}',
      '{"a":"\\ud800"}',
      '\ufeff{}',
      '{"a":1}}',
      '{"a":01234567890123456789}',
      '{"a":12345678901234567890"b":1}',
      `${'['.repeat(40)}${']'.repeat(40)}`,
      `[${'1,'.repeat(100_000)}1]`,
    ]) {
      assert.ok(isUnreadable(text), text.slice(0, 40));
    }
  });

  test('a hundred thousand brackets are refused at once', () => {
    assert.ok(isUnreadable('['.repeat(100_000)));
    assert.ok(isUnreadable('{"a":'.repeat(100_000)));
  });

  test('items are cut out as they were written', () => {
    const list = fc.array(fc.jsonValue({ maxDepth: 3 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(
        list,
        fc.constantFrom('data.events', '.'),
        fc.constantFrom(0, 1, '\t'),
        (items, place, space) => {
          const whole =
            place === '.' ? items : { 'a"]': '}', data: { x: [1], events: items }, z: null };
          const text = JSON.stringify(whole, null, space);
          const spans = elementSpans(text, place);
          assert.deepEqual(
            spans.map(({ start, end }) => JSON.parse(text.slice(start, end)) as unknown),
            JSON.parse(JSON.stringify(items)),
          );
        },
      ),
    );
    assert.deepEqual(elementSpans('{"data":3}', 'data.events'), []);
    assert.deepEqual(elementSpans('{"data":{"events":[ ]}}', 'data.events'), []);
  });
});

describe('forms', () => {
  test('brackets become what they stand for', () => {
    assert.deepEqual(open('a[b][0]=1&a[b][1]=2&c=%C3%A9+x&d[]=p&d[]=q&e='), {
      a: { b: ['1', '2'] },
      c: 'é x',
      d: ['p', 'q'],
      e: '',
    });
    assert.deepEqual(open('a[1]=x&a[0]=y'), { a: ['y', 'x'] });
    assert.deepEqual(open('a[1]=x&a[3]=y'), { a: { 1: 'x', 3: 'y' } });
  });

  test('a field given twice, as two things, or that is no text is not read', () => {
    for (const text of [
      'a=1&a=2',
      'a=1&a[b]=2',
      'a[b]=2&a=1',
      'a=%ff',
      'a=%zz',
      '__proto__=1',
      'a[__proto__]=1',
      'a=1&=2',
      `a${'[b]'.repeat(20)}=1`,
      'a=1&'.repeat(6_000),
    ]) {
      assert.ok(isUnreadable(text), text.slice(0, 40));
    }
  });

  test('constructor and its like are names among others', () => {
    const body = open('constructor[prototype][x]=1&toString=2') as Record<string, unknown>;
    assert.deepEqual(Object.keys(body), ['constructor', 'toString']);
    assert.equal(({} as Record<string, unknown>)['x'], undefined);
  });
});

describe('XML', () => {
  const bombs = {
    'an external entity': '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    'an external subset': '<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>',
    'a parameter entity': '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1/"> %x;]><a/>',
    'a billion laughs':
      '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]><l>&c;</l>',
    'a lower-case document type': '<!doctype a><a/>',
    'an entity nobody declared': '<a>&x;</a>',
    'a stylesheet': '<?xml-stylesheet href="http://127.0.0.1/"?><a/>',
    PHP: '<?php echo 1 ?><a/>',
    depth: `${'<a>'.repeat(200)}${'</a>'.repeat(200)}`,
    width: `<a>${'<b/>'.repeat(30_000)}</a>`,
    'two roots': '<a/><b/>',
    'no end': '<a><b></a>',
    text: '<',
  };
  for (const [name, text] of Object.entries(bombs)) {
    test(`refuses ${name}`, () => {
      const opened = openBody(text, all);
      assert.ok('unreadable' in opened, JSON.stringify(opened));
      assert.doesNotMatch(opened.unreadable, /127\.0\.0\.1|passwd|echo/);
    });
  }

  test('characters by number are read once, and NUL is none', () => {
    assert.deepEqual(open('<a>M&#252;l&#x6c;er &amp;lt; &amp;#65; &quot;&apos;</a>'), {
      a: 'M\u00fcller &lt; &#65; "\'',
    });
    const nul = JSON.stringify(open('<a>x&#0;y</a>'));
    assert.ok(!nul.includes('\\u0000'), nul);
  });

  test('names of prototypes are names, or refused; nothing is changed by them', () => {
    for (const name of [
      '__proto__',
      'x:__proto__',
      'constructor',
      'prototype',
      'hasOwnProperty',
      'toString',
    ]) {
      open(`<a><${name}><polluted>1</polluted></${name}></a>`);
      open(`<${name} polluted="1"/>`);
      assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    }
  });

  test('texts stay texts, prefixes go', () => {
    assert.deepEqual(
      open(
        '<x:a xmlns:x="u" y="1"><x:b>007</x:b><c>&lt;&#65;</c><d><![CDATA[<x&y;>]]></d><e/></x:a>',
      ),
      {
        a: { b: '007', c: '<A', d: '<x&y;>', e: '' },
      },
    );
  });
});

describe('base64', () => {
  test('reads what Buffer writes, with and without padding', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const bytes = Buffer.from(text.toWellFormed());
        for (const form of ['base64', 'base64url'] as const) {
          assert.equal(decodeBase64(bytes.toString(form)), text.toWellFormed());
        }
      }),
    );
    for (const text of ['a', 'ab!d', 'a===', '/w==', 'a b='])
      assert.equal(decodeBase64(text), null);
  });
});

describe('any body, for every source', () => {
  const reader = (sender: string) => {
    const compiled = compileReader({ sender, event: null });
    assert.ok(!('problems' in compiled));
    return compiled;
  };
  const readers = mappings.map(({ name }) => reader(name));
  const given = { headers: {}, receivedAt: 0, messageId: null };

  test('bytes never throw', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('utf8')),
      fc.stringMatching(/^[<>/a!?&;=[\]"'-]{0,40}$/),
      fc.stringMatching(/^[{}[\],:"0-9a\\]{0,40}$/),
    );
    fc.assert(
      fc.property(texts, (text) => {
        for (const one of readers) {
          const read = one.read({ text, ...given });
          if ('unreadable' in read) assert.ok(read.unreadable.length > 5);
          else read.events.forEach((_event, index) => read.envelope(index));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('payloads with other values in them never throw', () => {
    const value = fc.jsonValue({ maxDepth: 2 });
    const swap = (body: unknown, at: number, by: unknown, count = { at: 0 }): unknown => {
      if (count.at++ === at) return by;
      if (Array.isArray(body)) return body.map((one) => swap(one, at, by, count));
      if (typeof body !== 'object' || body === null) return body;
      return Object.fromEntries(
        Object.entries(body).map(([name, one]) => [name, swap(one, at, by, count)]),
      );
    };
    const shaped = payloads.filter(({ body }) => typeof body === 'object');
    fc.assert(
      fc.property(
        fc.constantFrom(...shaped),
        fc.nat({ max: 30 }),
        value,
        ({ sender, body, headers = {} }, at, by) => {
          const text = JSON.stringify(swap(body, at, by));
          const read = reader(sender).read({ ...given, text, headers });
          if ('unreadable' in read) return;
          for (const event of read.events) {
            assert.equal(typeof event.subject, 'string');
            assert.ok(event.subject.length <= 512 && !/\p{C}/u.test(event.subject + event.type));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('an item in its envelope is read as that item', () => {
    let tried = 0;
    for (const { sender, body, headers = {} } of payloads) {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const read = reader(sender).read({ ...given, text, headers });
      assert.ok(!('unreadable' in read));
      read.events.forEach((event, index) => {
        const alone = read.envelope(index);
        assert.equal(alone === null, read.events.length === 1);
        if (alone === null) return;
        tried++;
        const again = reader(sender).read({ ...given, text: alone, headers });
        assert.ok(!('unreadable' in again), alone);
        assert.deepEqual(again.events, [event]);
      });
    }
    assert.ok(tried > 10);
  });

  test('an item of XML keeps what it says, character by character', () => {
    const text =
      '<ExternalEvent x="1"><externalEventMeta><type>t</type></externalEventMeta><events><event><entityType>&lt;&#252; &amp;amp;<![CDATA[<b&amp;>]]></entityType></event><event><entityType>b</entityType></event></events></ExternalEvent>';
    const read = reader('successfactors').read({ ...given, text });
    assert.ok(!('unreadable' in read));
    const again = reader('successfactors').read({ ...given, text: String(read.envelope(0)) });
    assert.ok(!('unreadable' in again));
    assert.deepEqual(again.events, read.events.slice(0, 1));
    assert.match(String(read.envelope(0)), /x="1"/);
  });

  test('a form of many is split as well', () => {
    const text =
      'v=1&employees[0][id]=5&employees[0][changedFields][0]=a&employees[1][id]=06&w=%26';
    const read = reader('bamboohr').read({ ...given, text });
    assert.ok(!('unreadable' in read));
    assert.deepEqual(
      read.events.map(({ subject }) => subject),
      ['5', '06'],
    );
    assert.equal(read.envelope(1), 'v=1&employees%5B0%5D%5Bid%5D=06&w=%26');
  });

  test('long bodies cost their length, whatever they are made of', () => {
    const pieces = [
      '<![CDATA[',
      '<!--',
      '<a ',
      '<a>',
      '&#1',
      '&',
      '}\n',
      '{}\n',
      '\n',
      '{"a":',
      '[',
      '"',
      '\\"',
      'a=&',
      'a[',
      '-',
      '1',
      ']]>',
      '<?xml ',
      '<a b="',
    ];
    for (const piece of pieces) {
      for (const start of ['', '{', '<a>', '{}']) {
        const text = start + piece.repeat(400_000 / piece.length);
        const began = performance.now();
        openBody(text, all);
        assert.ok(performance.now() - began < 4_000, JSON.stringify(start + piece));
      }
    }
    const many = Array.from({ length: 1_000 }, (_one, at) => ({
      uuid: `${at}`,
      x: 'y'.repeat(900),
    }));
    const read = reader('okta').read({
      ...given,
      text: JSON.stringify({ data: { events: many } }),
    });
    assert.ok(!('unreadable' in read));
    const began = performance.now();
    const lengths = read.events.map((_event, at) => String(read.envelope(at)).length);
    assert.ok(lengths.every((length) => length < 1_000));
    assert.ok(performance.now() - began < 4_000);
  });

  test('more than a thousand items are not read', () => {
    const text = JSON.stringify({ data: { events: Array.from({ length: 1_001 }, () => ({})) } });
    assert.ok('unreadable' in reader('okta').read({ ...given, text }));
  });
});
