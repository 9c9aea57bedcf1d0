import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compileExpression, expressionLengthMax } from '../src/expressions.ts';
import type { Expression, VariableType } from '../src/expressions.ts';

const variables: Readonly<Record<string, VariableType>> = {
  before: 'dyn',
  after: 'dyn',
  changed: 'list',
  client: 'string',
  actions: 'list',
  now: 'google.protobuf.Timestamp',
};

const compile = (source: string, result: 'bool' | null = null): Expression => {
  const compiled = compileExpression(source, variables, result);
  if ('problem' in compiled) throw new TypeError(`${source}: ${compiled.problem}`);
  return compiled;
};
const problemOf = (source: string, result: 'bool' | null = null): string => {
  const compiled = compileExpression(source, variables, result);
  return 'problem' in compiled ? compiled.problem : '';
};
const user = {
  userName: 'ann@example.com',
  active: true,
  logins: 3,
  title: '',
  emails: [{ value: 'ann@example.com', type: 'work', primary: true }],
  members: [],
};
const facts = {
  before: null,
  after: user,
  changed: ['userName', 'emails.value'],
  client: 'entra',
  actions: ['users:create'],
  now: new Date('2026-11-23T10:00:00Z'),
};

const truths: readonly string[] = [
  'after.userName.endsWith("@example.com")',
  'before == null',
  'after.logins == 3 && after.logins < 3.5 && after.logins in [3]',
  'after.emails.exists(e, e.primary && e.value == after.userName)',
  'after.emails.exists(e, e.value.endsWith("@example.com"))',
  'after.emails.filter(e, e.type == "work").map(e, e.value)[0] == after.userName',
  'after.emails.all(e, e.type in ["work", "home"])',
  'changed.all(c, c in ["userName", "emails.value"])',
  'after.emails.exists(e, e.value == client + "@example.com") == false',
  'now > timestamp("2026-01-01T00:00:00Z") && now.getHours("UTC") == 10',
  'size(after.emails) == 1 && !has(after.nothing)',
  'after.title == "" ? client == "entra" : false',
  'now - timestamp("2026-11-23T09:00:00Z") == duration("1h")',
  'after.userName.split("@")[1] == "example.com"',
  '"ANN".lowerAscii() == "ann" && "ann".upperAscii() == "ANN"',
];
for (const source of truths) {
  test(`holds: ${source}`, () => {
    assert.deepEqual(compile(source, 'bool').evaluate(facts), { value: true });
  });
}

/** What a text may not be, and a word of what is said about it. */
const refused: readonly (readonly [string, string])[] = [
  ['after.userName.matches("(a+)+$")', 'matches() is not allowed'],
  ['matches(after.userName, "a")', 'matches() is not allowed'],
  ['cel.bind(x, after.members + after.members, x + x) == []', 'bind() is not allowed'],
  ['bytes(after.userName).json().x', 'is not allowed'],
  ['type(after) == map', 'not allowed'],
  ['duration(after.title) > duration("1h")', 'only literals'],
  ['now.getHours(after.timezone) == 1', 'only literals'],
  ['now.getHours("Mars/Base") == 1', 'no such time zone'],
  ['after.members.all(a, after.members.all(b, a != b))', 'another loop'],
  ['after.members.all(a, a.value in before.members)', 'written out'],
  ['after.members.exists(a, after.members == before.members)', 'compare with a'],
  ['after.members.exists(a, after.displayName.contains(a.value))', 'only of a'],
  ['after.members.exists(a, size(after.members) > 3)', 'only of a'],
  ['after.members.exists(a, a == after.members + after.members)', 'literal on one side'],
  ['[after.members].map(x, x + x).map(x, x + x)', 'literal on one side'],
  ['[after.members].map(x, [x, x]).map(x, [x, x]) == []', 'cannot build'],
  ['after.members.map(m, after) == []', 'm alone'],
  ['after.title.split("").join(after.userName)', 'only literals'],
  ['after.title.split("").join("ab").split("").join("ab")', 'once'],
  ['after.members.all(after, true)', 'already names'],
  ['unknown.x == 1', 'not known'],
  ['google.protobuf.Timestamp == 1', 'not known'],
  ['after.userName +', ''],
  ['', ''],
  ['"a" == 1', 'no such overload'],
];
for (const [source, words] of refused) {
  test(`refuses at load: ${source}`, () => {
    const problem = problemOf(source);
    assert.notEqual(problem, '');
    assert.ok(problem.includes(words), problem);
    assert.ok(!problem.includes('\n') && problem.length <= 200);
  });
}

test('a condition must be a bool, at load where that can be seen, else at run time', () => {
  assert.match(problemOf('"x"', 'bool'), /gives string, not bool/);
  assert.deepEqual(compile('after.userName', 'bool').evaluate(facts), {
    failed: 'the expression gives no bool',
  });
});

test('text, nesting and size of an expression are bounded', () => {
  assert.match(problemOf(`"${'x'.repeat(expressionLengthMax)}"`), /at most 2000/);
  assert.notEqual(problemOf(`${'('.repeat(200)}1${')'.repeat(200)}`), '');
  assert.notEqual(problemOf(Array.from({ length: 300 }, () => '1').join('+')), '');
  assert.notEqual(problemOf(`[${'1,'.repeat(250)}1] == []`), '');
});

test('mentions names every declared variable the text uses, wherever it stands', () => {
  const mentioned = (source: string) => [...compile(source).mentions].toSorted();
  assert.deepEqual(mentioned('after.emails.exists(e, e.value == before.userName)'), [
    'after',
    'before',
  ]);
  assert.deepEqual(mentioned('has(before.x) || client in ["before"]'), ['before', 'client']);
  assert.deepEqual(mentioned('"after"'), []);
});

test('ASCII folding is ASCII alone: U+212A KELVIN SIGN is no k', () => {
  const run = compile('after.userName.lowerAscii() == "kim"', 'bool');
  assert.deepEqual(run.evaluate({ ...facts, after: { userName: 'KIM' } }), { value: true });
  assert.deepEqual(run.evaluate({ ...facts, after: { userName: '\u212aim' } }), { value: false });
});

const leaky: readonly string[] = [
  'after[after.userName]',
  'bool(after.userName)',
  'int(after.userName)',
  'double(after.userName)',
  'timestamp(after.userName)',
  'after.emails[after.index]',
  'after.userName.substring(after.index)',
  'after.userName - after.userName',
  'after.userName ? 1 : 2',
  'after.userName && true',
  '-after.userName',
  'after.emails.all(e, e.nothing == 1)',
  'after.big + after.big',
];
for (const source of leaky) {
  test(`an error holds no value of the data: ${source}`, () => {
    const after = { userName: 's3cret-ann', index: 987_654, emails: [{}], big: 9_223_372_036_854n };
    const result = compile(source).evaluate({ ...facts, after });
    const text = 'failed' in result ? result.failed : '';
    assert.ok(!text.includes('s3cret') && !text.includes('987654'), text);
    if (!source.includes('big')) assert.notEqual(text, '');
  });
}

test('names every object inherits are no keys, and foreign names are harmless', () => {
  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    assert.ok('failed' in compile(`after[client] == 1`).evaluate({ ...facts, client: name }));
    assert.deepEqual(compile(`client in after`).evaluate({ ...facts, client: name }), {
      value: false,
    });
  }
  const after = JSON.parse(
    '{"constructor":"x","__proto__":{"admin":true},"userName":"a"}',
  ) as object;
  const result = compile('after.admin == true', 'bool').evaluate({ ...facts, after });
  assert.ok('failed' in result);
});

test('no data makes evaluation throw', () => {
  const all = truths.map((source) => compile(source));
  fc.assert(
    fc.property(fc.object({ withNullPrototype: true }), fc.anything(), (object, anything) => {
      for (const expression of all) {
        for (const after of [object, anything, { ...user, emails: anything }]) {
          const result = expression.evaluate({ ...facts, after });
          assert.ok('value' in result || 'failed' in result);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('one pass over a large resource stays a pass: cost follows the data, not its square', () => {
  const members = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ value: `u${at}` }));
  const run = compile('after.members.all(m, m.value != after.userName && !(m.value in ["x"]))');
  const msFor = (count: number): number => {
    const after = { userName: 'y', members: members(count) };
    run.evaluate({ ...facts, after });
    const rounds = Array.from({ length: 5 }, () => {
      const start = performance.now();
      assert.deepEqual(run.evaluate({ ...facts, after }), { value: true });
      return performance.now() - start;
    });
    return Math.min(...rounds);
  };
  // Quadratic cost would be 256 times as much for 16 times the data.
  const small = msFor(1_000);
  assert.ok(msFor(16_000) < 80 * Math.max(small, 0.05));
});
