import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isRefusal } from '../../../src/errors.ts';
import {
  checkIdentifiers,
  compileProfile,
  loadsOf,
} from '../../../src/identity/attributes/compile-profile.ts';
import type { Profile } from '../../../src/identity/attributes/profile.ts';
import { profileSettings } from '../../../src/identity/attributes/settings.ts';
import type { Change, Filter, Resource } from '../../../src/identity/scim/schema-model.ts';
import { coreTypes, groupType, userType } from '../../../src/identity/scim/schemas.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const compile = async (users: unknown, groups: unknown = {}) => {
  const settings = profileSettings.parse({ users, groups });
  await Promise.all(loadsOf(settings).map((load) => load()));
  const problems: string[] = [];
  const profile = compileProfile('p', settings, coreTypes, (path, message) =>
    problems.push(`${path.join('/')}: ${message}`),
  );
  return { profile, problems };
};
const profileOf = async (users: unknown, groups?: unknown): Promise<Profile> => {
  const { profile, problems } = await compile(users, groups);
  assert.deepEqual(problems, []);
  return profile;
};

/** The example of interface.md §1. */
const workforce = {
  '*': ['trim', 'nfc'],
  userName: ['lowercase'],
  'emails[].value': ['email'],
  'phoneNumbers[].value': [{ phone: { country: 'after.addresses[0].country', else: 'keep' } }],
  'addresses[].country': ['country'],
  locale: ['language-tag'],
  timezone: ['time-zone'],
  active: ['boolean'],
  displayName: [{ default: 'after.name.givenName + " " + after.name.familyName', on: ['create'] }],
  [`${enterprise}:department`]: [{ map: { Eng: 'Engineering' } }],
};

const resourceOf = (
  profile: Profile,
  resource: Resource,
  on: 'create' | 'replace' = 'create',
  type = userType,
) => {
  const done = profile.resource(resource, type, on);
  assert.ok(!isRefusal(done), JSON.stringify(done));
  return done;
};
const refusalOf = (done: unknown) => {
  assert.ok(isRefusal(done), JSON.stringify(done));
  return done;
};
const changesOf = (
  profile: Profile,
  changes: readonly Change[],
  before: Resource | null = null,
) => {
  const done = profile.changes(changes, userType, before);
  assert.ok(!isRefusal(done), JSON.stringify(done));
  return done;
};

test('the example profile brings a user into canonical form and says which rule did what', async () => {
  const profile = await profileOf(workforce);
  const given = {
    userName: ' Ann@EXAMPLE.com',
    name: { givenName: 'Zoe\u0308', familyName: 'van der MCDONALD ' },
    emails: [{ value: 'Ann@EXAMPLE.com', type: 'work' }],
    phoneNumbers: [{ value: '030 123456' }, { value: 'call me' }],
    addresses: [{ country: 'Germany' }],
    locale: 'de_DE',
    timezone: 'W. Europe Standard Time',
    active: 'True',
    [enterprise]: { department: 'Eng', employeeNumber: '007' },
  };
  const frozen = JSON.stringify(given);
  const { resource, normalised } = resourceOf(profile, given);
  assert.deepEqual(resource, {
    userName: 'ann@example.com',
    name: { givenName: 'Zoë', familyName: 'van der MCDONALD' },
    emails: [{ value: 'Ann@example.com', type: 'work' }],
    phoneNumbers: [{ value: '+4930123456' }, { value: 'call me' }],
    addresses: [{ country: 'DE' }],
    locale: 'de-DE',
    timezone: 'Europe/Berlin',
    active: true,
    [enterprise]: { department: 'Engineering', employeeNumber: '007' },
    displayName: 'Zoë van der MCDONALD',
  });
  assert.equal(JSON.stringify(given), frozen);
  assert.deepEqual(
    normalised.map(({ path, rule }) => `${path}:${rule}`),
    [
      'userName:trim',
      'userName:lowercase',
      'name.givenName:nfc',
      'name.familyName:trim',
      'emails.value:email',
      'addresses.country:country',
      'locale:language-tag',
      'timezone:time-zone',
      'active:boolean',
      `${enterprise}:department:map`,
      'displayName:default',
      'phoneNumbers.value:phone',
    ],
  );
  const again = resourceOf(profile, resource);
  assert.equal(again.resource, resource);
  assert.deepEqual(again.normalised, []);
});

test('`*` reaches every text but ids, references, secrets and what is read-only', async () => {
  const profile = await profileOf({ '*': ['trim'] }, { '*': ['trim'] });
  const opaque = {
    externalId: ' 7 ',
    password: ' p ',
    profileUrl: ' https://x ',
    photos: [{ value: ' https://x ' }],
    x509Certificates: [{ value: ' AA== ' }],
    groups: [{ value: ' g ', display: ' g ' }],
    [enterprise]: { manager: { value: ' m ' } },
  };
  assert.equal(resourceOf(profile, opaque).resource, opaque);
  const group = { displayName: ' g', members: [{ value: ' u ', display: ' Ann ' }] };
  assert.deepEqual(resourceOf(profile, group, 'create', groupType).resource, {
    displayName: 'g',
    members: [{ value: ' u ', display: 'Ann' }],
  });
});

test('else: refuse names path and rule and never the value; keep keeps; drop removes and reports', async () => {
  const bad = { userName: 'ann', phoneNumbers: [{ value: '5551234x', type: 'work' }] };
  const rule = (otherwise: string) => ({
    'phoneNumbers[].value': [{ phone: {}, else: otherwise }],
  });
  const refused = refusalOf((await profileOf(rule('refuse'))).resource(bad, userType, 'create'));
  assert.equal(refused.refused, 'value_invalid');
  assert.equal(refused.rule, 'profiles.p.users.phoneNumbers.value.phone');
  assert.ok(refused.detail.includes('phoneNumbers.value') && refused.detail.includes('phone'));
  assert.ok(!JSON.stringify(refused).includes('5551234'));
  assert.equal(resourceOf(await profileOf(rule('keep')), bad).resource, bad);
  const dropped = resourceOf(await profileOf(rule('drop')), bad);
  assert.deepEqual(dropped.resource, { userName: 'ann' });
  assert.deepEqual(dropped.normalised, [{ path: 'phoneNumbers.value', rule: 'phone:drop' }]);
});

test('`on` says when a rule applies', async () => {
  const profile = await profileOf({
    title: [{ lowercase: { on: ['patch'] } }],
    displayName: [{ default: '"none"' }],
    nickName: [{ default: '"nick"', on: ['create', 'replace'] }],
  });
  const { resource } = resourceOf(profile, { title: 'X' });
  assert.deepEqual(resource, { title: 'X', displayName: 'none', nickName: 'nick' });
  assert.deepEqual(resourceOf(profile, { title: 'X' }, 'replace').resource, {
    title: 'X',
    nickName: 'nick',
  });
  const { changes } = changesOf(profile, [
    { op: 'replace', path: { attribute: 'title' }, value: 'X' },
  ]);
  assert.deepEqual(changes, [{ op: 'replace', path: { attribute: 'title' }, value: 'x' }]);
});

test('defaults read each other, never overwrite, and an empty or failed one leaves nothing', async () => {
  const profile = await profileOf({
    displayName: [{ default: 'after.name.formatted' }],
    'name.formatted': [{ default: 'after.nickName' }],
    title: [{ default: 'after.nothing.there' }],
    userType: [{ default: '""' }],
    active: [{ default: 'true' }],
    [`${enterprise}:division`]: [{ default: '"R&D"' }, 'lowercase'],
  });
  assert.deepEqual(resourceOf(profile, { nickName: 'Ann' }).resource, {
    nickName: 'Ann',
    displayName: 'Ann',
    name: { formatted: 'Ann' },
    active: true,
    [enterprise]: { division: 'r&d' },
  });
  assert.equal(resourceOf(profile, { active: false }).resource['active'], false);
});

test('a change that clears becomes a remove; a dropped one is left out and reported', async () => {
  const profile = await profileOf({
    title: ['trim', 'drop-empty'],
    timezone: [{ 'time-zone': { else: 'drop' } }],
  });
  const { changes, normalised } = changesOf(profile, [
    { op: 'replace', path: { attribute: 'title' }, value: ' ' },
    { op: 'add', path: { attribute: 'title' }, value: '' },
    { op: 'replace', path: { attribute: 'timezone' }, value: 'PST' },
    { op: 'replace', path: { attribute: 'nickName' }, value: '' },
  ]);
  assert.deepEqual(changes, [
    { op: 'remove', path: { attribute: 'title' } },
    { op: 'replace', path: { attribute: 'nickName' }, value: '' },
  ]);
  assert.ok(normalised.some(({ path, rule }) => path === 'timezone' && rule === 'time-zone:drop'));
});

test('PATCH values pass at every depth, and CEL sees what the same PATCH sets', async () => {
  const profile = await profileOf(workforce);
  const work: Filter = {
    kind: 'compare',
    path: { attribute: 'type' },
    operator: 'eq',
    value: 'work',
  };
  const { changes } = changesOf(profile, [
    {
      op: 'add',
      path: { attribute: 'phoneNumbers', filter: work, sub: 'value' },
      value: '030 123456',
    },
    { op: 'add', path: { attribute: 'addresses', filter: work, sub: 'country' }, value: 'Germany' },
    { op: 'replace', path: { attribute: 'emails' }, value: [{ value: 'a@EXAMPLE.com' }] },
    { op: 'replace', path: { schema: enterprise, attribute: 'department' }, value: 'Eng' },
    { op: 'replace', path: { attribute: 'name' }, value: { givenName: ' Ann' } },
  ]);
  assert.deepEqual(
    changes.map((change) => ('value' in change ? change.value : null)),
    ['+4930123456', 'DE', [{ value: 'a@example.com' }], 'Engineering', { givenName: 'Ann' }],
  );
  const before = { addresses: [{ country: 'US' }] };
  const phone: Change = {
    op: 'replace',
    path: { attribute: 'phoneNumbers' },
    value: [{ value: '(415) 555-2671' }],
  };
  assert.deepEqual(changesOf(profile, [phone], before).changes, [
    { ...phone, value: [{ value: '+14155552671' }] },
  ]);
  assert.deepEqual(changesOf(profile, [phone]).changes, [phone]);
});

const deactivate: Change = { op: 'replace', path: { attribute: 'active' }, value: false };

test('a call that only takes access away is never refused', async () => {
  const profile = await profileOf({ ...workforce, locale: ['language-tag'] });
  const odd: Filter = {
    kind: 'compare',
    path: { attribute: 'value' },
    operator: 'eq',
    value: 'Ann <\u202e\u212a@@>',
  };
  const removals: readonly Change[] = [
    deactivate,
    { op: 'replace', path: { attribute: 'active' }, value: 'False' },
    { op: 'remove', path: { attribute: 'emails', filter: odd } },
    { op: 'remove', path: { attribute: 'userName' } },
  ];
  assert.equal(checkIdentifiers(removals, userType), null);
  const { changes } = changesOf(profile, removals);
  assert.deepEqual(changes, [removals[0], deactivate, removals[2], removals[3]]);
});

test('beside a deactivation a bad value is dropped, and the deactivation goes', async () => {
  const profile = await profileOf(workforce);
  const { changes, normalised } = changesOf(profile, [
    deactivate,
    { op: 'replace', path: { attribute: 'timezone' }, value: 'PST' },
    { op: 'replace', path: { attribute: 'userName' }, value: '\u212aim' },
  ]);
  assert.deepEqual(changes, [deactivate]);
  assert.deepEqual(normalised, [
    { path: 'timezone', rule: 'time-zone:drop' },
    { path: 'userName', rule: 'identifier:drop' },
  ]);
  const put = { userName: 'ann', active: false, timezone: 'PST' };
  assert.deepEqual(resourceOf(profile, put, 'replace').resource, {
    userName: 'ann',
    active: false,
  });
  // A rename to a look-alike does more than take access away, whatever stands beside it.
  refusalOf(profile.resource({ userName: '\u212aim', active: false }, userType, 'replace'));
  refusalOf(profile.resource({ ...put, active: true }, userType, 'replace'));
  refusalOf(profile.resource(put, userType, 'create'));
});

test('identifiers are checked as they came, before a rule can fold a look-alike away', async () => {
  const profile = await profileOf({ userName: ['nfc', 'lowercase'] });
  const refused = refusalOf(profile.resource({ userName: '\u212aim' }, userType, 'create'));
  assert.equal(refused.rule, 'identifier');
  assert.ok(!refused.detail.includes('im"'));
  assert.equal(resourceOf(profile, { userName: 'Zoe\u0308' }).resource['userName'], 'zoë');
});

test('literals of filters pass the rules of their path; a bad one passes as it is', async () => {
  const profile = await profileOf(workforce);
  const eq = (
    attribute: string,
    value: string | boolean,
    operator: 'eq' | 'sw' = 'eq',
  ): Filter => ({
    kind: 'compare',
    path: { attribute },
    operator,
    value,
  });
  const filter: Filter = {
    kind: 'and',
    terms: [
      eq('userName', ' ANN'),
      { kind: 'not', term: eq('active', 'True') },
      eq('emails', 'Ann@EXAMPLE.com'),
      { kind: 'values', path: { attribute: 'emails' }, filter: eq('value', 'b@EXAMPLE.com') },
      eq('userName', 'ANN ', 'sw'),
      eq('timezone', 'PST'),
      { kind: 'present', path: { attribute: 'title' } },
    ],
  };
  assert.deepEqual(profile.filter(filter, userType), {
    kind: 'and',
    terms: [
      eq('userName', 'ann'),
      { kind: 'not', term: eq('active', true) },
      eq('emails', 'Ann@example.com'),
      { kind: 'values', path: { attribute: 'emails' }, filter: eq('value', 'b@example.com') },
      eq('userName', 'ann ', 'sw'),
      eq('timezone', 'PST'),
      { kind: 'present', path: { attribute: 'title' } },
    ],
  });
  const clean = eq('userName', 'ann');
  assert.equal(profile.filter(clean, userType), clean);
});

/** What cannot be compiled, and where it is reported. */
const faulty: readonly (readonly [unknown, string])[] = [
  [{ userNam: ['trim'] }, 'users/userNam: a User has no attribute'],
  [{ emails: ['trim'] }, 'users/emails: emails is complex'],
  [{ id: ['trim'] }, 'users/id: id is read-only'],
  [{ password: ['trim'] }, 'users/password: password is a secret'],
  [{ userName: ['boolean'] }, 'users/userName/0: boolean: is not for a string'],
  [{ active: ['trim'] }, 'users/active/0: trim: is not for a boolean'],
  [{ '*': [{ default: '"x"' }] }, 'users/*: a default needs'],
  [{ '*': [{ phone: { country: 'after.title' } }] }, 'users/*: rules with CEL'],
  [{ 'emails[].value': [{ default: '"x"' }] }, 'cannot fill a multi-valued'],
  [{ 'emails[].value': ['trim'], 'emails.value': ['nfc'] }, 'written twice'],
  [{ title: [{ default: 'after.' }] }, 'users/title/0: default: '],
  [{ title: [{ default: 'before.title' }] }, 'before is not known'],
  [{ title: [{ default: '"x"', on: ['patch'] }] }, 'a patch fills nothing'],
  [{ title: [{ map: { a: 'b', b: 'c' } }] }, 'leads on'],
  [{ title: ['lowercase', { map: { eng: 'Engineering' } }] }, 'changes what another one gives'],
  [{ '*': ['trim'], title: [{ map: { eng: ' Eng' } }] }, 'changes what another one gives'],
];
for (const [users, words] of faulty) {
  test(`a problem at load: ${JSON.stringify(users)}`, async () => {
    const { problems } = await compile(users);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.ok(
      problems[0]?.startsWith('profiles/p/users/') && problems[0].includes(words),
      problems[0],
    );
  });
}

test('rules for a resource that the route does not serve are a problem', () => {
  const problems: string[] = [];
  compileProfile('p', profileSettings.parse({ user: { title: ['trim'] } }), coreTypes, (path) =>
    problems.push(path.join('/')),
  );
  assert.deepEqual(problems, ['profiles/p/user']);
});

test('an extension nobody gave a meaning can be named', async () => {
  const profile = await profileOf({ 'urn:example:ext:1.0:User:costCode': ['trim'] });
  const resource = { 'urn:example:ext:1.0:User': { costCode: ' 007 ', other: ' x ' } };
  assert.deepEqual(resourceOf(profile, resource).resource, {
    'urn:example:ext:1.0:User': { costCode: '007', other: ' x ' },
  });
});

test('names that every object inherits are harmless', async () => {
  const profile = await profileOf(workforce);
  const given = JSON.parse(
    '{"userName":"ANN","__proto__":{"active":false},"constructor":" x ","toString":["y "]}',
  ) as Resource;
  const { resource } = resourceOf(profile, given);
  assert.equal(resource['userName'], 'ann');
  assert.equal(resource['constructor'], ' x ');
  assert.ok(Object.hasOwn(resource, '__proto__'));
  assert.equal(Object.hasOwn(Object.prototype, 'active'), false);
});

const word = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    ' Ann ',
    'Zoe\u0308',
    'ANN@EXAMPLE.com',
    'a@b.example',
    '030 123456',
    '+14155552671',
    '',
    'Germany',
    'DE',
    'de_DE',
    'UTC',
    'PST',
    'Eng',
    'True',
    'Σ',
    '\u212a',
    'drop me',
    'US',
  ),
);
const anyUser = fc.record(
  {
    userName: word,
    displayName: word,
    title: word,
    active: fc.oneof(fc.boolean(), word),
    locale: word,
    timezone: word,
    name: fc.record({ givenName: word, familyName: word }, { requiredKeys: [] }),
    emails: fc.array(fc.record({ value: word, type: word }, { requiredKeys: [] }), {
      minLength: 1,
      maxLength: 3,
    }),
    phoneNumbers: fc.array(fc.record({ value: word }), { minLength: 1, maxLength: 3 }),
    addresses: fc.array(fc.record({ country: word }), { minLength: 1, maxLength: 2 }),
    [enterprise]: fc.record({ department: word }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);

const lenient = (otherwise: string) => ({
  ...workforce,
  '*': ['drop-empty', 'trim', 'nfc'],
  userName: [{ lowercase: { else: otherwise } }],
  'emails[].value': [{ email: { else: otherwise } }],
  'phoneNumbers[].value': [{ phone: { country: 'after.addresses[0].country', else: otherwise } }],
  'addresses[].country': [{ country: { else: otherwise } }],
  locale: [{ 'language-tag': {}, else: otherwise }],
  timezone: [{ 'time-zone': {}, else: otherwise }, { default: '"Europe/Berlin"' }],
  active: [{ boolean: { else: otherwise } }, { default: 'true' }],
});

for (const otherwise of ['refuse', 'keep', 'drop']) {
  test(`a compiled profile is idempotent and pure (else: ${otherwise})`, async () => {
    const profile = await profileOf(lenient(otherwise));
    fc.assert(
      fc.property(anyUser, (given) => {
        const user = given as Resource;
        const text = JSON.stringify(user);
        const first = profile.resource(user, userType, 'create');
        assert.equal(JSON.stringify(user), text);
        if (isRefusal(first)) return;
        const second = resourceOf(profile, first.resource);
        assert.deepEqual(second.resource, first.resource);
        assert.deepEqual(
          second.normalised.filter(({ rule }) => !rule.endsWith(':drop')),
          [],
        );
      }),
      { numRuns: 500 },
    );
  });
}

test('a filter literal becomes what the stored value became', async () => {
  const profile = await profileOf(lenient('keep'));
  const paths = ['userName', 'displayName', 'title', 'locale', 'timezone'] as const;
  fc.assert(
    fc.property(word, fc.constantFrom(...paths), (value, attribute) => {
      const stored = profile.resource({ [attribute]: value }, userType, 'create');
      if (isRefusal(stored)) return;
      const kept = stored.resource[attribute];
      const filter: Filter = { kind: 'compare', path: { attribute }, operator: 'eq', value };
      const asked = profile.filter(filter, userType);
      assert.ok(!isRefusal(asked) && asked.kind === 'compare');
      const cleared = value.trim() === '';
      if (!cleared) assert.equal(asked.value, kept);
    }),
    { numRuns: 500 },
  );
});

test('a pure removal is never refused, whatever it holds', async () => {
  const profile = await profileOf(lenient('refuse'));
  const filter = word.map((value): Filter => ({
    kind: 'compare',
    path: { attribute: 'value' },
    operator: 'eq',
    value,
  }));
  const removal: fc.Arbitrary<Change> = fc.oneof(
    fc.constant(deactivate),
    fc.constantFrom('userName', 'emails', 'phoneNumbers', 'locale').map((attribute): Change => ({
      op: 'remove',
      path: { attribute },
    })),
    filter.map((one): Change => ({ op: 'remove', path: { attribute: 'emails', filter: one } })),
  );
  fc.assert(
    fc.property(fc.array(removal, { minLength: 1, maxLength: 5 }), (changes) => {
      assert.equal(checkIdentifiers(changes, userType), null);
      assert.equal(changesOf(profile, changes).changes.length, changes.length);
    }),
  );
});
