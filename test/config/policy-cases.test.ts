import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readPolicyCases } from '../../src/config/policy-cases.ts';
import { printProblem } from '../../src/config/problem.ts';

const head = `- client: c1
  method: post
  path: /scim/r1/Users
`;
const good = `${head}  expect: { decision: allow }
`;

/** Reads `cases/a.yaml` out of texts by path. */
const read = (text: string, others: Readonly<Record<string, string>> = {}) => {
  const texts = new Map([['/w/cases/a.yaml', text], ...Object.entries(others)]);
  return readPolicyCases('/w/cases/a.yaml', async (path) => {
    const found = texts.get(path);
    if (found === undefined) throw new Error(`no ${path}`);
    return found;
  });
};

const problemsOf = async (text: string, others = {}): Promise<readonly string[]> => {
  const { cases, problems } = await read(text, others);
  assert.deepEqual(cases, [], 'nothing is run where anything is wrong');
  return problems.map((problem) => printProblem(problem).replace('/w/cases/', ''));
};

test('a case is read with its place, its name, its body and its current resource', async () => {
  const { cases, problems } = await read(
    `# cases
${good}
- name: with everything
  client: c1
  method: PATCH
  path: /scim/r1/Users/1?attributes=userName
  body: { Operations: [{ op: replace, path: active, value: false }] }
  before: ../before.json
  expect: { decision: deny, code: action_denied, rule: r, actions: [a], calls: [] }
`,
    { '/w/before.json': '{"id":"1","active":true}' },
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(JSON.parse(JSON.stringify(cases)), [
    {
      file: '/w/cases/a.yaml',
      line: 2,
      name: 'c1 POST /scim/r1/Users',
      client: 'c1',
      method: 'POST',
      path: '/scim/r1/Users',
      body: null,
      before: null,
      expect: { decision: 'allow' },
    },
    {
      file: '/w/cases/a.yaml',
      line: 7,
      name: 'with everything',
      client: 'c1',
      method: 'PATCH',
      path: '/scim/r1/Users/1?attributes=userName',
      body: '{"Operations":[{"op":"replace","path":"active","value":false}]}',
      before: { id: '1', active: true },
      expect: { decision: 'deny', code: 'action_denied', rule: 'r', actions: ['a'], calls: [] },
    },
  ]);
});

test('a body from a file is sent as it stands there, malformed or not', async () => {
  const { cases } = await read(`${head}  body: b.json\n  expect: { decision: deny }\n`, {
    '/w/cases/b.json': '{"a":1,"a":2}',
  });
  assert.equal(cases[0]?.body, '{"a":1,"a":2}');
  const json = await read(
    '[{"client":"c","method":"GET","path":"/","expect":{"decision":"deny"}}]',
  );
  assert.equal(json.cases.length, 1, 'JSON is YAML');
});

const mistakes: readonly (readonly [string, readonly string[]])[] = [
  ['', ['a.yaml:1:1: the file is empty']],
  ['a: b', ['a.yaml:1:1: a file of policy cases is a list with at least one case']],
  ['[]', ['a.yaml:1:1: a file of policy cases is a list with at least one case']],
  ['- {', ['a.yaml:1:4: the indentation does not fit the lines above']],
  [head, ['a.yaml:1:3: "expect" is missing ([0].expect)']],
  [`${good}  wat: 1\n`, ['a.yaml:5:3: unknown key ([0].wat)']],
  [
    `${good}- client: 7\n  method: G T\n  path: Users\n  expect: { decision: maybe }\n`,
    [
      'a.yaml:5:11: write text here (in quotes if it looks like a number) ([1].client)',
      'a.yaml:6:11: write a method such as POST ([1].method)',
      'a.yaml:7:9: write a path that begins with / ([1].path)',
      'a.yaml:8:23: write one of: allow, deny, hold ([1].expect.decision)',
    ],
  ],
  [
    `${head}  expect: { decision: deny, code: action_dened, calls: 3 }\n`,
    [
      'a.yaml:4:35: write an error code of the list in the README ([0].expect.code)',
      'a.yaml:4:56: write a list here ([0].expect.calls)',
    ],
  ],
  [
    `${head}  body: missing.json\n  before: bad.json\n  expect: { decision: deny }\n`,
    [
      'a.yaml:4:9: this file cannot be read ([0].body)',
      'a.yaml:5:11: this is no JSON object ([0].before)',
    ],
  ],
];

test('every mistake is told with its line and column', async () => {
  for (const [text, expected] of mistakes) {
    assert.deepEqual(await problemsOf(text, { '/w/cases/bad.json': '[1]' }), expected, text);
  }
  const missing = await readPolicyCases('/w/x.yaml', () => Promise.reject(new Error('no')));
  assert.deepEqual(missing.problems.map(printProblem), ['/w/x.yaml:1:1: this file cannot be read']);
});

test('whatever the file holds, nothing throws, and there are cases or problems', async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '- ',
      '  ',
      'client: ',
      'expect: ',
      'body: ',
      '{',
      '}',
      '[',
      ']',
      '\n',
      ': ',
      '"',
    ),
    fc.constantFrom('decision: allow', '__proto__: ', '*a', '&a ', '!x ', '<<: ', 'c1', '/p', '\t'),
    fc.string({ maxLength: 6, unit: 'binary' }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 20 }), fc.boolean(), async (pieces, after) => {
      const text = after ? good + pieces.join('') : pieces.join('') + good;
      const { cases, problems } = await read(text);
      assert.equal(cases.length === 0, problems.length > 0, text);
      for (const each of problems) assert.ok(each.line >= 1 && each.col >= 1);
    }),
    { numRuns: 200 },
  );
});
