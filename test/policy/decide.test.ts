import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Action, Effect } from '../../src/identity/operation.ts';
import type { Question } from '../../src/policy/decision.ts';
import { decide, judge } from '../../src/policy/decide.ts';
import { compile, custom, enterprise, groupType, resource, userType } from './fixtures.ts';

const noon = Date.parse('2026-11-23T12:00:00Z');
const effect = (action: Action, ...attributes: string[]): Effect => ({ action, attributes });
const ask = (effects: readonly Effect[], more: Partial<Question> = {}): Question => ({
  type: userType,
  effects,
  client: 'c',
  now: noon,
  before: null,
  after: null,
  changed: [],
  ...more,
});
type Grant = Readonly<Record<string, unknown>>;
const answer = (
  grants: readonly Grant[],
  question: Question,
  permissions: Readonly<Record<string, unknown>> = {},
) => {
  const compiled = compile(grants, permissions);
  assert.deepEqual(compiled.problems, []);
  const held = compiled.grants['c'];
  const decision = decide(held, question);
  const early = judge(held, question);
  // What is denied before any fact was gathered stays denied whatever the facts are.
  if (early !== null) assert.equal(decision.allowed, false);
  return { decision, early };
};
const codeOf = (grants: readonly Grant[], question: Question) => {
  const { decision } = answer(grants, question);
  return decision.allowed ? 'allow' : decision.code;
};
const users = (actions: readonly string[], more: object = {}) => ({ users: { actions, ...more } });

test('without any grant every action is denied, discovery too', () => {
  for (const grants of [undefined, compile([]).grants['c']]) {
    for (const action of ['users:read', 'discovery:read', '__proto__:x'] as const) {
      const denial = judge(grants, ask([effect(action)]));
      assert.equal(denial?.code, 'action_denied');
      assert.equal(denial?.rule, 'closed-by-default');
      assert.match(denial?.detail ?? '', new RegExp(`${action}.*client's owner`));
      assert.equal(decide(grants, ask([effect(action)])).allowed, false);
    }
  }
});

test('a grant ends at 24:00 UTC of its last day, to the millisecond', () => {
  const last = [{ ...users(['read']), until: '2026-11-23' }];
  const end = Date.parse('2026-11-24T00:00:00Z');
  assert.equal(codeOf(last, ask([effect('users:read')], { now: end - 1 })), 'allow');
  assert.equal(codeOf(last, ask([effect('users:read')], { now: end })), 'action_denied');
});

test('without known actions some change must be granted to go on, and nothing is decided', () => {
  assert.equal(codeOf([users(['*'])], ask([])), 'action_denied');
  const early = (grant: Grant) => judge(compile([grant]).grants['c'], ask([])) === null;
  assert.equal(early(users(['update'])), true);
  assert.equal(early(users(['read', 'search'])), false);
  assert.equal(early({ ...users(['update']), until: '2026-11-22' }), false);
  assert.equal(early({ groups: { actions: ['update'] } }), false);
  assert.equal(judge(undefined, ask([]))?.code, 'action_denied');
});

test('discovery comes with any live grant', () => {
  const discover = ask([effect('discovery:read')], { type: null });
  assert.equal(codeOf([users(['update'])], discover), 'allow');
  assert.equal(codeOf([{ ...users(['update']), until: '2026-11-22' }], discover), 'action_denied');
});

const table: readonly [string, readonly Grant[], readonly Effect[], string][] = [
  ['a granted action', [users(['update'])], [effect('users:update', 'title')], 'allow'],
  [
    'one action of two',
    [users(['update'])],
    [effect('users:update', 'title'), effect('users:rename', 'userName')],
    'action_denied',
  ],
  [
    'each action by a grant of its own',
    [users(['update']), users(['rename'])],
    [effect('users:update', 'title'), effect('users:rename', 'userName')],
    'allow',
  ],
  [
    'an extension nobody named',
    [users(['update'])],
    [effect('users:update', `${custom}:colour`)],
    'attribute_denied',
  ],
  [
    'the enterprise extension',
    [users(['update'])],
    [effect('users:update', `${enterprise}:department`)],
    'allow',
  ],
  [
    'two grants mixed within one action',
    [
      users(['update'], { write: { only: ['title'] } }),
      users(['update'], { write: { only: ['nickName'] } }),
    ],
    [effect('users:update', 'title', 'nickName')],
    'attribute_denied',
  ],
  [
    'an owned attribute smuggled into update',
    [users(['update'])],
    [effect('users:update', 'active')],
    'attribute_denied',
  ],
  [
    'a password smuggled into create',
    [users(['create'])],
    [effect('users:create', 'userName', 'password')],
    'attribute_denied',
  ],
  [
    'roles smuggled into create',
    [users(['create'])],
    [effect('users:create', 'userName', 'roles')],
    'attribute_denied',
  ],
  [
    'a create with its name and state',
    [users(['create'], { write: { only: ['name'] } })],
    [effect('users:create', 'schemas', 'userName', 'externalId', 'active', 'name.givenName')],
    'allow',
  ],
  [
    'an address without the list, with the action alone',
    [users(['recovery'], { write: { only: ['title'] } })],
    [effect('users:recovery', 'emails.value')],
    'attribute_denied',
  ],
  [
    'an address with action and list',
    [users(['recovery'], { write: { only: ['emails'] } })],
    [effect('users:recovery', 'emails.value')],
    'allow',
  ],
  [
    'a filter inside the read list',
    [users(['search'], { read: { except: ['phoneNumbers'] } })],
    [effect('users:search', 'userName')],
    'allow',
  ],
  [
    'probing by a filter outside the read list',
    [users(['search'], { read: { except: ['phoneNumbers'] } })],
    [effect('users:search', 'phoneNumbers.value')],
    'attribute_denied',
  ],
  [
    'an action of another resource',
    [users(['*'])],
    [effect('groups:update', 'displayName')],
    'action_denied',
  ],
  [
    'a grant that ended',
    [{ ...users(['update']), until: '2026-11-22' }],
    [effect('users:update', 'title')],
    'action_denied',
  ],
  [
    'a grant that ends tonight',
    [{ ...users(['update']), until: '2026-11-23' }],
    [effect('users:update', 'title')],
    'allow',
  ],
  ['what the wildcard leaves out', [users(['*'])], [effect('users:delete')], 'action_denied'],
];
for (const [what, grants, effects, expected] of table) {
  test(`${expected}: ${what}`, () => {
    const { decision, early } = answer(grants, ask(effects));
    assert.equal(decision.allowed ? 'allow' : decision.code, expected);
    assert.equal(early?.code ?? 'allow', expected);
  });
}

test('the denial that came closest is reported, with its rule and what is missing', () => {
  const grants = [users(['read']), { use: 'p' }, users(['update'], { write: { only: ['title'] } })];
  const permissions = { p: users(['update'], { when: 'after.title != "CEO"' }) };
  const denied = (...attributes: string[]) => {
    const { decision } = answer(
      grants,
      ask([effect('users:update', ...attributes)], {
        before: resource({ id: '1' }),
        after: resource({ id: '1', title: 'CEO' }),
      }),
      permissions,
    );
    assert.equal(decision.allowed, false);
    return decision.allowed ? assert.fail() : decision;
  };
  const byCondition = denied('nickName');
  assert.equal(byCondition.code, 'condition_denied');
  assert.equal(byCondition.rule, 'permissions.p.users.when');
  assert.doesNotMatch(byCondition.detail, /CEO/);
  const byAttribute = denied(`${custom}:colour`, 'nickName');
  assert.equal(byAttribute.code, 'attribute_denied');
  assert.equal(byAttribute.rule, 'permissions.p.users.write');
  assert.ok(byAttribute.detail.includes(`write ${custom}:colour with users:update`));
});

test('a public detail shows few names, short and without control characters', () => {
  const many = ['a\u0000b\u202e', 'x'.repeat(500), 'c', 'd', 'e', 'f', 'g'];
  const { decision } = answer([users(['update'])], ask([effect('users:update', ...many)]));
  if (decision.allowed) assert.fail();
  assert.match(decision.detail, /ab, x{100}, c, d, e and 2 more/);
});

test('conditions see both resources, the change, client, actions and time', () => {
  const conditions: readonly [string, boolean][] = [
    ['after.userName.endsWith("@example.com")', true],
    ['after.nickName == ""', true],
    ['before.active == true && after.active == false', true],
    ['before == null', false],
    ['after == null', false],
    ['changed == ["active"]', true],
    ['client == "c" && actions == ["users:deactivate"]', true],
    ['now < timestamp("2026-11-23T12:00:01Z") && now >= timestamp("2026-11-23T12:00:00Z")', true],
    ['after.nothingSuch == 1', false],
    ['after.userName', false],
    ['1 / 0 == 1', false],
  ];
  for (const [when, met] of conditions) {
    const question = ask([effect('users:deactivate', 'active')], {
      before: resource({ userName: 'a@example.com', active: true }),
      after: resource({ userName: 'a@example.com', active: false }),
      changed: ['active'],
    });
    const code = codeOf([users(['deactivate'], { when })], question);
    assert.equal(code, met ? 'allow' : 'condition_denied', when);
  }
});

test('before is null on create, after is null on delete', () => {
  const created = resource({ userName: 'a' });
  const create = ask([effect('users:create', 'userName')], { before: null, after: created });
  const remove = ask([effect('users:delete')], { before: created, after: null });
  assert.equal(codeOf([users(['create'], { when: 'before == null' })], create), 'allow');
  assert.equal(codeOf([users(['delete'], { when: 'after == null' })], remove), 'allow');
});

test('a condition never judges reads', () => {
  const both = [users(['read', 'update'], { when: 'false' })];
  assert.equal(codeOf(both, ask([effect('users:read')])), 'allow');
  assert.equal(codeOf(both, ask([effect('users:update')])), 'condition_denied');
});

test("a fact that was not gathered is our fault, not the client's", () => {
  const { before: _, ...without } = ask([effect('users:update', 'title')]);
  assert.equal(codeOf([users(['update'], { when: 'before.active == true' })], without), 'internal');
  assert.equal(codeOf([users(['update'], { when: 'client == "c"' })], without), 'allow');
});

test('groups are judged by every name they have or get', () => {
  const only = [
    { groups: { actions: ['update', 'add-member'], only: ['app-*'], except: ['*-admins'] } },
  ];
  const named = (groupNames?: readonly string[]) =>
    answer(
      only,
      ask([effect('groups:update', 'displayName')], {
        type: groupType,
        ...(groupNames === undefined ? {} : { groupNames }),
      }),
    );
  assert.equal(named(['app-crm']).decision.allowed, true);
  assert.equal(named(['app-crm', 'app-hr']).decision.allowed, true);
  for (const names of [['app-crm', 'sales'], ['app-crm-Admins'], [], undefined]) {
    const { decision, early } = named(names);
    assert.equal(early, null, 'names are not known before any look-up');
    if (decision.allowed) assert.fail();
    assert.equal(decision.code, 'action_denied');
    assert.equal(decision.rule, 'routes.slack.grants[0].groups.only/except');
  }
});

test('denied: drop covers and names what to strip', () => {
  const dropping = users(['update'], { write: { only: ['title'], denied: 'drop' } });
  const question = ask([effect('users:update', 'title', 'nickName', `${custom}:colour`)]);
  const { decision, early } = answer([dropping], question);
  assert.equal(early, null);
  assert.ok(decision.allowed);
  assert.deepEqual(decision.drop, ['nickName', `${custom}:colour`]);
  // A grant that covers everything comes first, wherever it stands.
  const { decision: whole } = answer(
    [dropping, users(['update'], { write: { only: ['title', 'nickName', custom] } })],
    question,
  );
  assert.ok(whole.allowed);
  assert.deepEqual(whole.drop, []);
});

test('drop never covers a read', () => {
  const grants = [users(['search'], { read: { only: ['title'] }, write: { denied: 'drop' } })];
  assert.equal(codeOf(grants, ask([effect('users:search', 'emails')])), 'attribute_denied');
});

test('a value that is dropped cannot satisfy a condition', () => {
  const drop = { only: ['title'], denied: 'drop' };
  const judged = (
    when: string,
    before: object,
    after: object,
    changed: string[],
    names: string[],
  ) =>
    codeOf(
      [users(['update'], { write: drop, when })],
      ask([effect('users:update', ...names)], {
        before: resource({ ...before }),
        after: resource({ ...after }),
        changed,
      }),
    );
  const both = ['title', 'nickName'];
  assert.equal(
    judged('after.nickName == "ok"', { nickName: 'no' }, { nickName: 'ok' }, both, both),
    'condition_denied',
  );
  assert.equal(
    judged('after.nickName == "ok"', { nickName: 'ok' }, { nickName: 'no' }, both, both),
    'allow',
  );
  assert.equal(judged('changed == ["title"]', {}, {}, both, both), 'allow');
  const department = `${enterprise}:department`;
  const inside = `after["${enterprise}"].department == "HR"`;
  const hr = { [enterprise]: { department: 'HR', division: 'x' } };
  const it = { [enterprise]: { department: 'IT', division: 'x' } };
  assert.equal(judged(inside, it, hr, [department], ['title', department]), 'condition_denied');
  assert.equal(judged(inside, hr, it, [department], ['title', department]), 'allow');
  assert.equal(judged(inside, it, hr, [enterprise], ['title', enterprise]), 'condition_denied');
  // Parts of a multi-valued attribute that are sent and not sent cannot be told apart: no.
  assert.equal(
    judged(
      'size(after.emails) == 1',
      { emails: [{ value: 'a' }] },
      { emails: [{ value: 'b', type: 'home' }] },
      both,
      ['emails.value'],
    ),
    'condition_denied',
  );
  // One action's drop is seen by the condition of another action's grant.
  const across = [
    users(['update'], { write: drop }),
    users(['recovery'], { when: 'after.nickName == "ok"' }),
  ];
  const question = ask([effect('users:update', ...both), effect('users:recovery', 'emails')], {
    before: resource({ nickName: 'no' }),
    after: resource({ nickName: 'ok' }),
    changed: [...both, 'emails'],
  });
  assert.equal(codeOf(across, question), 'condition_denied');
  const kept = { before: question.after ?? null, after: question.before ?? null };
  for (const effects of [question.effects, [...question.effects].reverse()]) {
    const { decision } = answer(across, { ...question, ...kept, effects });
    assert.ok(decision.allowed);
    assert.deepEqual(decision.drop, ['nickName']);
  }
});

test('a shadow grant lets pass and tells what it would have refused', () => {
  const trial = {
    ...users(['update'], { write: { only: ['title'] }, when: 'false' }),
    mode: 'shadow',
    until: '2026-12-31',
  };
  const { decision } = answer([trial], ask([effect('users:update', 'nickName')]));
  assert.ok(decision.allowed);
  assert.deepEqual(decision.drop, []);
  assert.deepEqual(
    decision.shadow.map(({ code, rule }) => [code, rule]),
    [
      ['attribute_denied', 'routes.slack.grants[0].users.write'],
      ['condition_denied', 'routes.slack.grants[0].users.when'],
    ],
  );
  assert.equal(codeOf([trial], ask([effect('users:delete')])), 'action_denied');
  assert.equal(
    codeOf([{ ...trial, until: '2026-11-22' }], ask([effect('users:update', 'nickName')])),
    'action_denied',
  );
  // An enforced grant that covers, even by dropping, comes first.
  const enforced = users(['update'], { write: { only: ['title'], denied: 'drop' } });
  const { decision: beside } = answer([trial, enforced], ask([effect('users:update', 'nickName')]));
  assert.ok(beside.allowed);
  assert.deepEqual([beside.drop, beside.shadow], [['nickName'], []]);
});

test('shadow mode relaxes no group restriction', () => {
  const trial = {
    groups: { actions: ['add-member'], only: ['app-*'] },
    mode: 'shadow',
    until: '2026-12-31',
  };
  const question = ask([effect('groups:add-member', 'members')], {
    type: groupType,
    groupNames: ['sales'],
  });
  assert.equal(codeOf([trial], question), 'action_denied');
});

test('the view is the union of the read lists of the grants that covered', () => {
  const grants = [
    users(['update'], { read: { only: ['title'] } }),
    users(['rename'], { read: { only: ['name'] } }),
    users(['read'], { read: { only: ['phoneNumbers'] } }),
  ];
  const { decision } = answer(
    grants,
    ask([effect('users:update', 'title'), effect('users:rename', 'userName')]),
  );
  assert.ok(decision.allowed);
  assert.deepEqual(
    ['title', 'name.givenName', 'phoneNumbers', 'id'].map((name) => decision.view.covers(name)),
    [true, true, false, true],
  );
  assert.equal(decision.rule, 'routes.slack.grants[0].users + routes.slack.grants[1].users');
});

test('limits are those of the covering grants, by reading or writing', () => {
  const limited = { ...users(['read', 'update']), limits: { reads: '5/s', writes: '1/s' } };
  const limitsOf = (...effects: Effect[]) => {
    const { decision } = answer([limited, users(['rename'])], ask(effects));
    assert.ok(decision.allowed);
    return decision.limits.map(({ policy }) => policy);
  };
  assert.deepEqual(limitsOf(effect('users:read')), ['grant-reads']);
  assert.deepEqual(limitsOf(effect('users:update'), effect('users:update')), ['grant-writes']);
  assert.deepEqual(limitsOf(effect('users:rename')), []);
});

test('more grants never allow less, fewer attributes never need more, and the order changes no verdict', () => {
  const names = ['title', 'nickName', 'name.givenName', `${custom}:colour`];
  const rule = fc.record({
    actions: fc.subarray(['update', 'rename', 'create', 'read'], { minLength: 1 }),
    write: fc.record({
      only: fc.subarray(names, { minLength: 1 }),
      denied: fc.constantFrom('refuse', 'drop'),
    }),
  });
  const grant = fc.record({ users: rule, until: fc.constantFrom('2026-11-22', '2026-12-31') });
  const asked = fc.array(
    fc.record({
      action: fc.constantFrom<Action>('users:update', 'users:rename', 'users:create', 'users:read'),
      attributes: fc.subarray(names),
    }),
    { minLength: 1, maxLength: 3 },
  );
  fc.assert(
    fc.property(fc.array(grant, { maxLength: 4 }), grant, asked, (grants, one, effects) => {
      const allowed = (held: readonly Grant[], list: readonly Effect[]) =>
        decide(compile(held).grants['c'], ask(list)).allowed;
      const now = allowed(grants, effects);
      assert.equal(allowed([...grants].reverse(), effects), now);
      if (now) assert.ok(allowed([...grants, one], effects));
      if (now) {
        const fewer = effects.map((each) => ({ ...each, attributes: each.attributes.slice(1) }));
        assert.ok(allowed(grants, fewer));
      }
    }),
    { numRuns: 300 },
  );
});

test('urgent: where one grant with it covers all, all of it revokes, and nothing is in trial', () => {
  const urgentOf = (grants: readonly Grant[], ...actions: readonly Action[]) => {
    const { decision } = answer(
      grants,
      ask(
        actions.map((action) => effect(action)),
        { before: { id: 'u' }, after: { id: 'u' } },
      ),
    );
    return decision.allowed ? decision.urgent : decision.code;
  };
  const plain = users(['deactivate', 'update']);
  const leavers = { ...users(['deactivate']), urgent: '5/h' };
  const window = { key: 'urgent\nslack\nc\n1', count: 5, ms: 3_600_000 };
  assert.equal(urgentOf([plain], 'users:deactivate'), null);
  assert.deepEqual(urgentOf([plain, leavers], 'users:deactivate'), window);
  assert.deepEqual(urgentOf([leavers, plain], 'users:deactivate'), {
    ...window,
    key: 'urgent\nslack\nc\n0',
  });
  // Another grant is needed beside it, or more is done than taken away.
  assert.equal(urgentOf([plain, leavers], 'users:deactivate', 'users:update'), null);
  const both = { ...users(['deactivate', 'update']), urgent: '5/h' };
  assert.equal(urgentOf([both], 'users:update'), null);
  assert.equal(urgentOf([both], 'users:deactivate', 'users:update'), null);
  const trial = {
    ...users(['deactivate'], { when: 'after.userName == "x"' }),
    urgent: '5/h',
    mode: 'shadow',
    until: '2026-12-31',
  };
  assert.equal(urgentOf([plain, trial], 'users:deactivate'), null);
  const ended = { ...leavers, until: '2026-01-31' };
  assert.equal(urgentOf([plain, ended], 'users:deactivate'), null);
});
