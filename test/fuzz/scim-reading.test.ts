/** Properties of the reading engines: strict JSON, filters, paths, evaluation. */
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import { parseJson } from '../../src/identity/json.ts';
import { matches } from '../../src/identity/scim/evaluate.ts';
import { filterNames, parseFilter, printFilter } from '../../src/identity/scim/filter.ts';
import { parsePath, printPath } from '../../src/identity/scim/path.ts';
import type { AttributePath, Filter, Resource } from '../../src/identity/scim/schema-model.ts';
import { resolveName, userType } from '../../src/identity/scim/schemas.ts';
import { invalidFilters, rfcFilters, validFilters } from '../vectors/scim-filters.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const text = fc.string({ unit: 'binary', maxLength: 12 });
const equality = fc.constantFrom('eq' as const, 'ne' as const);
const textual = fc.constantFrom(
  ...(['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'] as const),
);
const ordering = fc.constantFrom(...(['eq', 'ne', 'gt', 'ge', 'lt', 'le'] as const));
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ min: -1e15, max: 1e15, noNaN: true }).map((value) => value + 0),
);

/** Objects as the parsers make them. */
const plain = { noNullPrototype: true } as const;

/** A leaf over the paths of `stringPaths`, `booleanPaths` and `plainPaths`. */
const leafOver = (
  stringPaths: readonly AttributePath[],
  booleanPaths: readonly AttributePath[],
  plainPaths: readonly AttributePath[],
): fc.Arbitrary<Filter> => {
  const kind = fc.constant('compare' as const);
  const anyPath = fc.constantFrom(...stringPaths, ...booleanPaths, ...plainPaths);
  const strings = fc.constantFrom(...stringPaths, ...plainPaths);
  const branches: fc.Arbitrary<Filter>[] = [
    fc.record({ kind, path: strings, operator: textual, value: text }, plain),
    fc.record(
      {
        kind,
        path: fc.constantFrom(...booleanPaths),
        operator: equality,
        value: fc.boolean(),
      },
      plain,
    ),
    fc.record({ kind, path: anyPath, operator: equality, value: fc.constant(null) }, plain),
    fc.record({ kind: fc.constant('present' as const), path: anyPath }, plain),
  ];
  if (plainPaths.length > 0) {
    const path = fc.constantFrom(...plainPaths);
    branches.push(fc.record({ kind, path, operator: ordering, value: number }, plain));
  }
  return fc.oneof(...branches);
};

/** Junctions over leaves, in canonical shape: no `and` directly inside `and`, no `or` inside `or`. */
const treeOver = (leaf: fc.Arbitrary<Filter>, depth: number): fc.Arbitrary<Filter> => {
  if (depth === 0) return leaf;
  const inner = treeOver(leaf, depth - 1);
  const junction = (kind: 'and' | 'or'): fc.Arbitrary<Filter> =>
    fc.array(inner, { minLength: 2, maxLength: 3 }).map((terms) => ({
      kind,
      terms: terms.flatMap((term) => (term.kind === kind ? term.terms : [term])),
    }));
  const negation = inner.map((term): Filter => ({ kind: 'not', term }));
  return fc.oneof({ weight: 2, arbitrary: leaf }, negation, junction('and'), junction('or'));
};

const elementFilter = treeOver(
  leafOver([{ attribute: 'value' }, { attribute: 'type' }], [{ attribute: 'primary' }], []),
  2,
);
const filters = treeOver(
  fc.oneof(
    {
      weight: 3,
      arbitrary: leafOver(
        [
          { attribute: 'userName' },
          { attribute: 'externalId' },
          { attribute: 'name', sub: 'givenName' },
          { attribute: 'emails', sub: 'value' },
          { schema: enterprise, attribute: 'department' },
          { schema: enterprise, attribute: 'manager', sub: 'value' },
        ],
        [{ attribute: 'active' }, { attribute: 'emails', sub: 'primary' }],
        [{ schema: 'urn:acme:1.0:User', attribute: 'badge' }],
      ),
    },
    elementFilter.map((filter): Filter => ({
      kind: 'values',
      path: { attribute: 'emails' },
      filter,
    })),
  ),
  3,
);

const short = fc.constantFrom('', 'a', 'A', 'ab', 'b');
const users: fc.Arbitrary<Resource> = fc.record(
  {
    userName: short,
    externalId: short,
    active: fc.boolean(),
    name: fc.record({ givenName: short }, { requiredKeys: [] }),
    emails: fc.array(
      fc.record({ value: short, type: short, primary: fc.boolean() }, { requiredKeys: [] }),
      { maxLength: 3 },
    ),
    [enterprise]: fc.record({ department: short }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);

test('parsing a printed filter gives the same tree', () => {
  const unbounded = { nodesMax: 10_000, lengthMax: 1_000_000 };
  fc.assert(
    fc.property(filters, (filter) => {
      assert.deepEqual(parseFilter(printFilter(filter), userType, unbounded), filter);
    }),
    { numRuns: 2_000 },
  );
});

test('every probed name resolves to itself, and junctions hide none', () => {
  fc.assert(
    fc.property(filters, (filter) => {
      const names = filterNames(filter);
      for (const name of names) assert.ok(resolveName(userType, name) !== null, name);
      assert.deepEqual(filterNames({ kind: 'not', term: filter }), names);
    }),
  );
});

test('parsing a printed path gives the same path', () => {
  const paths = fc.record(
    {
      attribute: fc.constant('emails'),
      filter: elementFilter,
      sub: fc.constantFrom('value', 'type'),
    },
    { ...plain, requiredKeys: ['attribute'] },
  );
  fc.assert(
    fc.property(paths, (path) => assert.deepEqual(parsePath(printPath(path), userType), path)),
    { numRuns: 1_000 },
  );
});

test('not, and, or are logic, whatever the resource', () => {
  fc.assert(
    fc.property(filters, filters, users, (one, other, user) => {
      const yes = (filter: Filter): boolean => matches(filter, user, userType);
      const [a, b] = [yes(one), yes(other)];
      assert.equal(yes({ kind: 'not', term: one }), !a);
      assert.equal(yes({ kind: 'and', terms: [one, other] }), a && b);
      assert.equal(yes({ kind: 'or', terms: [one, other] }), a || b);
    }),
    { numRuns: 1_000 },
  );
});

test('a value filter matches exactly when one element alone would', () => {
  fc.assert(
    fc.property(elementFilter, users, (filter, user) => {
      const whole: Filter = { kind: 'values', path: { attribute: 'emails' }, filter };
      const emails = (user['emails'] ?? []) as readonly Resource[];
      const alone = emails.some((email) => matches(whole, { emails: [email] }, userType));
      assert.equal(matches(whole, user, userType), alone);
    }),
    { numRuns: 1_000 },
  );
});

/** Texts near the grammar: vectors cut, joined and sprinkled with syntax. */
const nearFilters = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...'()[]". \\,:'.split(''),
        ' and ',
        ' or ',
        'not (',
        ' eq ',
        ' pr',
        '"x"',
        'emails[',
        '].value',
        'userName',
        '$ref',
        '\u212a',
        '\u0000',
      ),
      fc
        .tuple(
          fc.constantFrom(...rfcFilters, ...validFilters, ...invalidFilters),
          fc.nat(),
          fc.nat(),
        )
        .map(([[vector], from, to]) => vector.slice(from % 40, to % 80)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

test('any text gives a filter that prints and parses again, or a refusal; nothing throws', () => {
  fc.assert(
    fc.property(nearFilters, (near) => {
      const filter = parseFilter(near, userType);
      if (!isRefusal(filter)) {
        assert.deepEqual(parseFilter(printFilter(filter), userType), filter);
      }
      const path = parsePath(near, userType);
      if (!isRefusal(path)) assert.deepEqual(parsePath(printPath(path), userType), path);
    }),
    { numRuns: 5_000 },
  );
});

const jsonPieces = fc
  .array(
    fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"A"',
      '"b"',
      '"a":',
      '"b":',
      '"',
      '\\',
      '\\u0061',
      '\\ud83d',
      '1',
      '-',
      '0',
      '1e9',
      '9007199254740993',
      'true',
      'false',
      'null',
      't',
      ' ',
      '\n',
      '😀',
      '\u0000',
    ),
    { maxLength: 14 },
  )
  .map((parts) => parts.join(''));

test('strict JSON never accepts or reads what JSON.parse would not', () => {
  fc.assert(
    fc.property(jsonPieces, (source) => {
      let expected: unknown;
      let valid = true;
      try {
        expected = JSON.parse(source);
      } catch {
        valid = false;
      }
      const value = parseJson(source);
      if (isRefusal(value)) return;
      assert.ok(valid);
      assert.deepEqual(value, expected);
    }),
    { numRuns: 10_000 },
  );
});

const attributeNames = fc.stringMatching(/^[A-Za-z$][-_A-Za-z0-9$]{0,6}$/);
const bodies = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.string({ unit: 'binary' }),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .uniqueArray(fc.tuple(attributeNames, tie('value')), {
        selector: ([name]) => name.toLowerCase(),
        maxLength: 30,
      })
      .map((members) => Object.fromEntries(members)),
  ),
})).value;

test('strict JSON accepts every body whose names are clean', () => {
  fc.assert(
    fc.property(bodies, fc.constantFrom(0, 2, '\t'), (body, indent) => {
      const source = JSON.stringify(body, null, indent);
      assert.deepEqual(parseJson(source), JSON.parse(source));
    }),
    { numRuns: 1_000 },
  );
});

const core = 'urn:ietf:params:scim:schemas:core:2.0:User:';
const spelled = fc
  .tuple(
    fc.constantFrom('active', 'title', 'locale'),
    fc.constantFrom('plain', 'upper', 'urn', 'escape'),
  )
  .map(([name, how]) => ({
    name,
    literal: {
      plain: `"${name}"`,
      upper: `"${name.toUpperCase()}"`,
      urn: `"${core}${name}"`,
      escape: `"\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}"`,
    }[how],
  }));

test('one attribute spelled twice is refused, however and wherever it is spelled', () => {
  fc.assert(
    fc.property(fc.array(spelled, { maxLength: 4 }), fc.boolean(), (members, deep) => {
      const object = `{${members.map(({ literal }) => `${literal}:{"active":1}`).join(',')}}`;
      const twice = new Set(members.map(({ name }) => name)).size < members.length;
      const value = parseJson(deep ? `[{"x":[${object}]}]` : object);
      assert.equal(isRefusal(value), twice);
    }),
    { numRuns: 1_000 },
  );
});

/** Shortest of several runs, milliseconds. */
const fastestMs = (run: () => unknown): number => {
  let fastest = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint();
    run();
    fastest = Math.min(fastest, Number(process.hrtime.bigint() - start) / 1e6);
  }
  return fastest;
};

const hostile = [
  '[',
  '{',
  '"',
  '\\',
  '(',
  ')',
  'a',
  ' ',
  '1',
  '-',
  't',
  ',',
  ':',
  '.',
  '\0',
  '😀',
  '"\\',
  '\\u',
  '\\ud83d',
  '{"a":',
  '[[],',
  '"a",',
  '"":',
  'not (',
  'a[',
  'emails[',
  'urn:',
  'title pr and ',
  'userName eq "x" or ',
  '(title pr) ',
  'emails[type eq "',
  '1e',
  'a.b.',
  '":"',
];

/** One look at every character: what the machine is able to do just now. */
const lookedThrough = (text: string): number => {
  let sum = 0;
  for (let at = 0; at < text.length; at += 1) sum += text.charCodeAt(at);
  return sum;
};

test('100 KB of anything is refused within five milliseconds', () => {
  for (const piece of hostile) {
    const garbage = piece.repeat(Math.ceil(100_000 / piece.length));
    // On a machine that is busy with others, fifty looks at the text instead.
    const boundMs = Math.max(5, 50 * fastestMs(() => lookedThrough(garbage)));
    const unbounded = { lengthMax: 1_000_000 };
    const runs = {
      json: () => parseJson(garbage),
      filter: () => parseFilter(garbage, userType),
      'filter without a length': () => parseFilter(garbage, userType, unbounded),
      'string of a filter': () => parseFilter(`userName eq "${garbage}`, userType, unbounded),
      path: () => parsePath(garbage, userType),
      'filter of a path': () => parsePath(`emails[${garbage.slice(0, 8_000)}`, userType),
    };
    for (const [what, run] of Object.entries(runs)) {
      assert.ok(isRefusal(run()), `${what} takes ${JSON.stringify(piece)}`);
      const ms = fastestMs(run);
      assert.ok(ms < boundMs, `${what} of ${JSON.stringify(piece)}: ${ms} of ${boundMs} ms`);
    }
  }
});
