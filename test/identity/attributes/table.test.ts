import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as fc from 'fast-check';
import { compileExpression } from '../../../src/expressions.ts';
import type { Json } from '../../../src/identity/json-value.ts';
import type { Outcome } from '../../../src/identity/attributes/normaliser.ts';
import { normalisers } from '../../../src/identity/attributes/table.ts';
import { windowsZones } from '../../../src/identity/attributes/windows-zones.ts';
import { userType } from '../../../src/identity/scim/schemas.ts';
import { emptyView } from '../../../src/identity/scim/view.ts';
import type { Attribute } from '../../../src/identity/scim/schema-model.ts';

const text: Attribute = {
  name: 'title',
  type: 'string',
  multiValued: false,
  required: false,
  caseExact: false,
  mutability: 'readWrite',
  returned: 'default',
  uniqueness: 'none',
};

/** Options a rule is tried with where it needs some. */
const sampleOptions: Readonly<Record<string, unknown>> = {
  map: { Eng: 'Engineering', FTE: 'employee' },
  default: '"Engineering"',
};

const make = (name: string, options: unknown = sampleOptions[name] ?? {}) => {
  const normaliser = normalisers[name];
  assert.ok(normaliser !== undefined);
  const problems: string[] = [];
  const run = normaliser.make(options as never, {
    attribute: normaliser.appliesTo === 'boolean' ? { ...text, type: 'boolean' } : text,
    problem: (message) => problems.push(message),
    expression: (source) => {
      const compiled = compileExpression(source, { after: 'dyn' }, null);
      if ('problem' in compiled) problems.push(compiled.problem);
      return 'problem' in compiled ? null : compiled;
    },
  });
  const after = (resource: Record<string, Json>) => () => ({
    after: emptyView(resource, userType),
  });
  return {
    problems,
    run: (value: Json, resource: Record<string, Json> = {}): Outcome => run(value, after(resource)),
  };
};

before(async () => {
  for (const { load } of Object.values(normalisers)) await load?.();
});

/** [rule, value, canonical form; null = refused]. events-and-attributes.md §5, trap by trap. */
const cases: readonly (readonly [string, Json, Json | null | undefined])[] = [
  // phone
  ['phone', '(415) 555-2671', null],
  ['phone', '+1 (555) 123-4567', '+15551234567'],
  ['phone', '+1 (415) 555-2671', '+14155552671'],
  ['phone', '1-800-FLOWERS', null],
  ['phone', '+1-800-FLOWERS', null],
  ['phone', '+49 (0)30 123456', '+4930123456'],
  ['phone', '+٤٩٣٠١٢٣٤٥٦', '+4930123456'],
  ['phone', '＋４９ ３０ １２３４５６', '+4930123456'],
  ['phone', '+1 415 555 2671 ext. 12', 'tel:+14155552671;ext=12'],
  ['phone', '+1 415 555 2671 x12', 'tel:+14155552671;ext=12'],
  ['phone', 'tel:+1-415-555-2671;ext=12', 'tel:+14155552671;ext=12'],
  ['phone', 'tel:+1-415-555-2671', '+14155552671'],
  ['phone', '+39 06 1234 5678', '+390612345678'],
  ['phone', '+1234', null],
  ['phone', '++49 30 123456', null],
  ['phone', '', null],
  ['phone', `+${'1'.repeat(100)}`, null],
  // country
  ['country', 'de', 'DE'],
  ['country', 'DEU', 'DE'],
  ['country', '276', 'DE'],
  ['country', '4', 'AF'],
  ['country', 'Germany', 'DE'],
  ['country', 'Deutschland', 'DE'],
  ['country', 'ALLEMAGNE', 'DE'],
  ['country', 'Alemania', 'DE'],
  ['country', 'Côte d\u0027Ivoire', 'CI'],
  ['country', 'UK', 'GB'],
  ['country', 'England', 'GB'],
  ['country', 'EL', 'GR'],
  ['country', 'XK', 'XK'],
  ['country', 'Kosovo', 'XK'],
  ['country', 'U.S.A.', 'US'],
  ['country', 'Turkey', 'TR'],
  ['country', 'Türkiye', 'TR'],
  ['country', 'ZZ', null],
  ['country', 'constructor', null],
  ['country', '', null],
  // language tag
  ['language-tag', 'en_US', 'en-US'],
  ['language-tag', 'EN-us', 'en-US'],
  ['language-tag', 'iw', 'he'],
  ['language-tag', 'zh-hans-cn', 'zh-Hans-CN'],
  ['language-tag', '1033', 'en-US'],
  ['language-tag', '0x0407', 'de-DE'],
  ['language-tag', 'de_DE.UTF-8', 'de-DE'],
  ['language-tag', 'English', null],
  ['language-tag', '9999', null],
  ['language-tag', 'en-US, en;q=0.8', null],
  ['language-tag', 'C', null],
  ['language-tag', '', null],
  // time zone
  ['time-zone', 'Europe/Kyiv', 'Europe/Kyiv'],
  ['time-zone', 'Europe/Kiev', 'Europe/Kiev'],
  ['time-zone', 'Asia/Kolkata', 'Asia/Kolkata'],
  ['time-zone', 'europe/berlin', 'Europe/Berlin'],
  ['time-zone', 'W. Europe Standard Time', 'Europe/Berlin'],
  ['time-zone', 'india standard time', 'Asia/Kolkata'],
  ['time-zone', 'utc', 'UTC'],
  ['time-zone', 'Etc/GMT+5', 'Etc/GMT+5'],
  ['time-zone', 'US/Eastern', 'US/Eastern'],
  ['time-zone', '+05:30', null],
  ['time-zone', 'UTC+1', null],
  ['time-zone', 'PST', null],
  ['time-zone', 'IST', null],
  ['time-zone', 'ACT', null],
  ['time-zone', 'Mars/Base', null],
  ['time-zone', '(UTC+01:00) Amsterdam, Berlin', null],
  // names
  ['trim', '  Ann \u00a0\n', 'Ann'],
  ['nfc', 'Zoe\u0308', 'Zoë'],
  ['nfc', 'ﬁⅧ', 'ﬁⅧ'],
  ['nfc', 'ANN van der MCDONALD', 'ANN van der MCDONALD'],
  ['lowercase', 'Ann@Example.COM', 'ann@example.com'],
  ['lowercase', 'ÉLODIE', 'élodie'],
  ['lowercase', 'I', 'i'],
  ['lowercase', '\u0130stanbul', null],
  ['lowercase', '\u212aim', null],
  // email
  ['email', ' Ann.Lee+hr@EXAMPLE.com ', 'Ann.Lee+hr@example.com'],
  ['email', 'ann@bücher.example', 'ann@xn--bcher-kva.example'],
  ['email', 'ann@BÜCHER.example', 'ann@xn--bcher-kva.example'],
  ['email', 'Ann <ann@example.com>', null],
  ['email', '"Ann Lee"@example.com', null],
  ['email', 'ann@a@example.com', null],
  ['email', 'ann', null],
  ['email', '@example.com', null],
  ['email', 'ann@', null],
  ['email', 'ann@localhost', null],
  ['email', 'ann@127.0.0.1', null],
  ['email', 'ann@example.com/x', null],
  ['email', 'ann@exa mple.com', null],
  ['email', 'ann@example..com', null],
  ['email', 'a\u202enn@example.com', null],
  // boolean
  ['boolean', 'True', true],
  ['boolean', '1', true],
  ['boolean', 'Y', true],
  ['boolean', 'no', false],
  ['boolean', 'FALSE', false],
  ['boolean', false, false],
  ['boolean', '', null],
  ['boolean', 'active', null],
  ['boolean', 'constructor', null],
  ['boolean', 1, null],
  // map, drop-empty
  ['map', 'Eng', 'Engineering'],
  ['map', 'Engineering', 'Engineering'],
  ['map', 'eng', null],
  ['map', 'toString', null],
  ['drop-empty', '', undefined],
  ['drop-empty', ' ', ' '],
];
for (const [rule, value, expected] of cases) {
  test(`${rule}: ${JSON.stringify(value)}`, () => {
    const outcome = make(rule).run(value);
    if (expected !== null) assert.deepEqual(outcome, { value: expected });
    else {
      assert.ok('problem' in outcome, JSON.stringify(outcome));
      const shown = typeof value === 'string' ? value.trim() : '';
      assert.ok(shown.length < 3 || !outcome.problem.includes(shown), outcome.problem);
    }
  });
}

test('phone: the country is a literal or CEL, and never a guess', () => {
  const german = make('phone', { country: 'DE' });
  assert.deepEqual(german.run('030 123456'), { value: '+4930123456' });
  assert.deepEqual(german.run('+1 415 555 2671'), { value: '+14155552671' });
  const cel = make('phone', { country: 'after.addresses[0].country' });
  assert.deepEqual(cel.problems, []);
  const us = { addresses: [{ country: 'US' }] };
  assert.deepEqual(cel.run('(415) 555-2671', us), { value: '+14155552671' });
  for (const resource of [{}, { addresses: [{}] }, { addresses: [{ country: 'Utopia' }] }]) {
    assert.ok('problem' in cel.run('(415) 555-2671', resource));
  }
  assert.ok('problem' in make('phone', { country: 'US' }).run('5551234'));
  assert.equal(make('phone', { country: 'UK' }).problems.length, 1);
  assert.equal(make('phone', { country: 'after.' }).problems.length, 1);
});

test('map: a chain of replacements is a problem at load', () => {
  assert.equal(make('map', { a: 'b', b: 'c' }).problems.length, 1);
  assert.equal(make('map', { a: 'b', b: 'b' }).problems.length, 0);
});

test('every Windows zone leads to a zone that exists', () => {
  assert.ok(windowsZones.size >= 135);
  for (const iana of windowsZones.values()) {
    assert.doesNotThrow(() => Intl.DateTimeFormat('en', { timeZone: iana }), iana);
  }
});

/** Texts that tend to break things: marks, look-alikes, halves, separators, names of prototypes. */
const nasty = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc
    .array(
      fc.constantFrom(
        'a',
        'A',
        'K',
        'İ',
        'Σ',
        'ς',
        'e\u0301',
        '\u0345',
        'ﬁ',
        'ẞ',
        'ǰ',
        '\ud800',
        '\u202e',
        ' ',
        '\u00a0',
        '@',
        '.',
        '+',
        '-',
        '_',
        '/',
        'x',
        'ext',
        '0',
        '1',
        '49',
        '٣',
        'tel:',
        ';ext=1',
        'en',
        'us',
        'example',
        'com',
        'Europe',
        'Berlin',
        'utc',
        'Eng',
        '__proto__',
        'true',
        '',
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
  fc.constantFrom(...cases.map(([, value]) => JSON.stringify(value).replaceAll('"', ''))),
);

for (const name of Object.keys(normalisers)) {
  test(`${name} is pure and idempotent, and keeps values out of its words`, () => {
    const { run } = make(name);
    const country = make('phone', { country: 'DE' }).run;
    const runs = name === 'phone' ? [run, country] : [run];
    fc.assert(
      fc.property(nasty, (value) => {
        for (const one of runs) {
          const first = one(value);
          assert.deepEqual(one(value), first);
          if ('value' in first && first.value !== undefined) {
            assert.deepEqual(one(first.value), first);
          }
        }
      }),
      { numRuns: 400 },
    );
  });
}

for (const { name, prefixSafe } of Object.values(normalisers)) {
  if (!prefixSafe) continue;
  test(`${name}: a part stays a part`, () => {
    const { run } = make(name);
    const letter = fc.constantFrom('a', 'Σ', 'Ä', 'ẞ', 'é', 'Я', '-', 'Z', 'ς');
    fc.assert(
      fc.property(fc.array(letter), fc.array(letter), (head, tail) => {
        const part = run(head.join(''));
        const whole = run([...head, ...tail].join(''));
        assert.ok('value' in part && typeof part.value === 'string');
        assert.ok('value' in whole && typeof whole.value === 'string');
        assert.ok(whole.value.startsWith(part.value));
      }),
    );
  });
}

test('the table has no prototype, and each descriptor is frozen and under its own name', () => {
  assert.equal(Object.getPrototypeOf(normalisers), null);
  for (const [name, normaliser] of Object.entries(normalisers)) {
    assert.equal(normaliser.name, name);
    assert.ok(Object.isFrozen(normaliser) && normaliser.idempotent && normaliser.title !== '');
  }
});
