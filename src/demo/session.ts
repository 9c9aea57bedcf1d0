/**
 * The session that the demo plays, as data: what identity providers and a recipe really send, good
 * and bad, and what the gateway must make of each call. `{ada}` stands for the id of what the step
 * with `keeps: 'ada'` created.
 */
import { safetyAct } from './safety-act.ts';
import { enterprise, group, patch, user, type Step } from './step.ts';

const eq = (attribute: string, value: string): string =>
  `?filter=${encodeURIComponent(`${attribute} eq "${value}"`)}`;

const joiners: readonly Step[] = [
  {
    says: 'Entra looks whether Ada exists',
    client: 'entra',
    method: 'GET',
    path: `/Users${eq('userName', 'Ada.Lovelace@Example.com')}`,
    expect: { status: 200, actions: ['users:read'] },
  },
  {
    says: 'joiner: Ada, as badly as feeds come',
    client: 'entra',
    method: 'POST',
    path: '/Users',
    body: {
      schemas: [user, enterprise],
      userName: 'Ada.Lovelace@Example.com ',
      externalId: 'entra-0001',
      name: { givenName: 'Ade\u0301lai\u0308de', familyName: 'Lovelace' },
      active: 'True',
      emails: [{ value: 'Ada.Lovelace@EXAMPLE.com', type: 'work', primary: true }],
      addresses: [{ country: 'United Kingdom', type: 'work' }],
      phoneNumbers: [{ value: '020 7946 0018', type: 'work' }],
      locale: 'en_gb',
      timezone: 'GMT Standard Time',
      [enterprise]: { department: 'Eng' },
    },
    keeps: 'ada',
    expect: {
      status: 201,
      actions: ['users:create'],
      repairs: ['C2'],
      normalised: [
        'userName trim',
        'userName lowercase',
        'name.givenName nfc',
        'emails.value email',
        'addresses.country country',
        'phoneNumbers.value phone',
        'locale language-tag',
        'timezone time-zone',
        `${enterprise}:department map`,
      ],
      holds: {
        userName: 'ada.lovelace@example.com',
        name: { givenName: 'Ad\u00e9la\u00efde', familyName: 'Lovelace' },
        active: true,
        emails: [{ value: 'Ada.Lovelace@example.com', type: 'work', primary: true }],
        addresses: [{ country: 'GB', type: 'work' }],
        phoneNumbers: [{ value: '+442079460018', type: 'work' }],
        locale: 'en-GB',
        timezone: 'Europe/London',
        [enterprise]: { department: 'Engineering' },
      },
    },
  },
  {
    says: 'joiner: Grace, well formed',
    client: 'entra',
    method: 'POST',
    path: '/Users',
    body: {
      schemas: [user],
      userName: 'grace.hopper@example.com',
      externalId: 'entra-0002',
      name: { givenName: 'Grace', familyName: 'Hopper' },
      active: true,
    },
    keeps: 'grace',
    expect: {
      status: 201,
      actions: ['users:create'],
      normalised: [],
      holds: { userName: 'grace.hopper@example.com', active: true },
    },
  },
  {
    says: 'Entra sends Grace twice',
    client: 'entra',
    method: 'POST',
    path: '/Users',
    body: { schemas: [user], userName: 'GRACE.HOPPER@example.com', active: true },
    expect: { status: 409, code: 'target_refused', actions: ['users:create'] },
  },
  {
    says: 'joiner: Alan, from Okta',
    client: 'okta',
    method: 'POST',
    path: '/Users',
    body: {
      schemas: [user],
      userName: 'alan.turing@example.com',
      externalId: '00u1alan',
      name: { givenName: 'Alan', familyName: 'Turing' },
      displayName: 'Alan Turing',
      emails: [{ primary: true, value: 'alan.turing@example.com', type: 'work' }],
      groups: [],
      active: true,
    },
    keeps: 'alan',
    expect: {
      status: 201,
      actions: ['users:create'],
      holds: { userName: 'alan.turing@example.com', displayName: 'Alan Turing' },
    },
  },
  {
    says: 'Okta searches, page by page',
    client: 'okta',
    method: 'GET',
    path: '/Users?startIndex=1&count=100',
    expect: { status: 200, actions: ['users:search'] },
  },
  {
    says: 'a phone number without any country',
    client: 'entra',
    method: 'PATCH',
    path: '/Users/{grace}',
    body: patch({ op: 'Add', path: 'phoneNumbers[type eq "work"].value', value: '7946 0018' }),
    expect: { status: 400, code: 'value_invalid', actions: ['users:recovery'] },
  },
];

const movers: readonly Step[] = [
  {
    says: 'mover: Grace, title and department',
    client: 'entra',
    method: 'PATCH',
    path: '/Users/{grace}',
    body: patch(
      { op: 'Replace', path: 'title', value: '  Rear Admiral ' },
      { op: 'Add', path: `${enterprise}:department`, value: 'Eng' },
    ),
    expect: {
      status: 200,
      actions: ['users:update'],
      repairs: ['C1'],
      holds: { title: 'Rear Admiral', [enterprise]: { department: 'Engineering' } },
    },
  },
  {
    says: 'mover: Ada marries, new name and login',
    client: 'entra',
    method: 'PATCH',
    path: '/Users/{ada}',
    body: patch({
      op: 'Replace',
      value: { userName: 'ADA.KING@example.com', 'name.familyName': 'King' },
    }),
    expect: {
      status: 200,
      actions: ['users:rename', 'users:update'],
      holds: {
        userName: 'ada.king@example.com',
        name: { givenName: 'Ad\u00e9la\u00efde', familyName: 'King' },
      },
    },
  },
  {
    says: 'Okta replaces Alan whole',
    client: 'okta',
    method: 'PUT',
    path: '/Users/{alan}',
    body: {
      schemas: [user],
      id: '{alan}',
      userName: 'alan.turing@example.com',
      externalId: '00u1alan',
      name: { givenName: 'Alan', familyName: 'Turing' },
      displayName: 'Alan M. Turing',
      emails: [{ primary: true, value: 'alan.turing@example.com', type: 'work' }],
      active: true,
    },
    expect: {
      status: 200,
      actions: ['users:update'],
      holds: { displayName: 'Alan M. Turing' },
    },
  },
];

const members = (...names: readonly string[]) => names.map((name) => ({ value: `{${name}}` }));

const groups: readonly Step[] = [
  {
    says: 'Okta pushes the group app-wiki',
    client: 'okta',
    method: 'POST',
    path: '/Groups',
    body: { schemas: [group], displayName: 'app-wiki', members: [] },
    keeps: 'wiki',
    expect: { status: 201, actions: ['groups:create'], holds: { displayName: 'app-wiki' } },
  },
  {
    says: 'Okta pushes its members',
    client: 'okta',
    method: 'PATCH',
    path: '/Groups/{wiki}',
    body: patch({
      op: 'add',
      path: 'members',
      value: [
        { value: '{ada}', display: 'ada.king@example.com' },
        { value: '{grace}', display: 'grace.hopper@example.com' },
        { value: '{alan}', display: 'alan.turing@example.com' },
      ],
    }),
    expect: { status: 200, actions: ['groups:add-member'] },
  },
  {
    says: 'Entra removes Alan: by RFC 7644 this would remove all',
    client: 'entra',
    method: 'PATCH',
    path: '/Groups/{wiki}',
    body: patch({ op: 'Remove', path: 'members', value: members('alan') }),
    expect: {
      status: 200,
      actions: ['groups:remove-member'],
      repairs: ['C1', 'C3'],
      holds: { members: members('ada', 'grace') },
    },
  },
  {
    says: 'two members are left',
    client: 'okta',
    method: 'GET',
    path: '/Groups/{wiki}',
    expect: { status: 200, actions: ['groups:read'] },
  },
  {
    says: 'Entra empties the group',
    client: 'entra',
    method: 'PATCH',
    path: '/Groups/{wiki}',
    body: patch({ op: 'Replace', path: 'members', value: [] }),
    expect: { status: 403, code: 'action_denied', actions: ['groups:replace-members'] },
  },
  {
    says: 'Okta adds Alan to directory-admins',
    client: 'okta',
    method: 'PATCH',
    path: '/Groups/{admins}',
    body: patch({ op: 'add', path: 'members', value: members('alan') }),
    expect: { status: 403, code: 'action_denied', actions: ['groups:add-member'] },
  },
];

const leavers: readonly Step[] = [
  {
    says: 'leaver: Grace, the way Entra says it',
    client: 'entra',
    method: 'PATCH',
    path: '/Users/{grace}',
    body: patch({ op: 'Replace', path: 'active', value: 'False' }),
    expect: {
      status: 200,
      actions: ['users:deactivate'],
      repairs: ['C1', 'C2'],
      holds: { active: false, title: 'Rear Admiral' },
    },
  },
  {
    says: 'leaver: Alan, the way Okta says it',
    client: 'okta',
    method: 'PATCH',
    path: '/Users/{alan}',
    body: patch({ op: 'replace', value: { active: false } }),
    expect: { status: 200, actions: ['users:deactivate'], holds: { active: false } },
  },
  {
    says: 'Entra deletes Grace for good',
    client: 'entra',
    method: 'DELETE',
    path: '/Users/{grace}',
    expect: {
      status: 403,
      code: 'action_denied',
      actions: ['users:delete'],
      holds: { active: false },
    },
  },
];

const refusals: readonly Step[] = [
  {
    says: 'recipe writes a title',
    client: 'recipe',
    method: 'POST',
    path: '/Users',
    body: { schemas: [user], userName: 'eve@contractors.example.com', title: 'CEO' },
    expect: { status: 403, code: 'attribute_denied', actions: ['users:create'] },
  },
  {
    says: 'recipe creates an employee',
    client: 'recipe',
    method: 'POST',
    path: '/Users',
    body: { schemas: [user], userName: 'eve@example.com' },
    expect: { status: 403, code: 'condition_denied', actions: ['users:create'] },
  },
  {
    says: 'recipe makes itself an administrator',
    client: 'recipe',
    method: 'PATCH',
    path: '/Users/{ada}',
    body: patch({ op: 'add', path: 'roles', value: [{ value: 'admin' }] }),
    expect: { status: 403, code: 'action_denied', actions: ['users:entitle'] },
  },
  {
    says: 'a key that nobody issued',
    client: 'stranger',
    method: 'GET',
    path: '/Users',
    expect: { status: 401, code: 'caller_refused' },
  },
  {
    says: 'one name twice: two readers, two meanings',
    client: 'entra',
    method: 'POST',
    path: '/Users',
    raw: '{"userName":"mallory@example.com","userName":"ada.king@example.com"}',
    expect: { status: 400, code: 'request_suspicious' },
  },
  {
    says: 'a way around the route',
    client: 'entra',
    method: 'GET',
    path: '/Users/..%2f..%2fadmin',
    expect: { status: 400, code: 'request_suspicious' },
  },
];

/** The recipe may write 6 a minute, 3 at once; the two above that were denied cost nothing. */
const burst: readonly Step[] = [1, 2, 3, 4, 5].map((number): Step => ({
  says: `recipe runs away: contractor ${number}`,
  client: 'recipe',
  method: 'POST',
  path: '/Users',
  body: { schemas: [user], userName: `c${number}@contractors.example.com` },
  expect:
    number <= 3
      ? { status: 201, actions: ['users:create'] }
      : { status: 429, code: 'rate_limited', actions: ['users:create'] },
}));

/** What the target holds before the session: nobody may touch it. */
export const seeds: readonly Readonly<{ path: string; body: unknown; keeps: string }>[] = [
  {
    path: '/Groups',
    body: { schemas: [group], displayName: 'directory-admins', members: [] },
    keeps: 'admins',
  },
  {
    path: '/Users',
    body: { schemas: [user], userName: 'breakglass@example.com', active: true },
    keeps: 'breakglass',
  },
];

/** The whole session, in order. */
export const session: readonly Step[] = [
  ...joiners,
  ...movers,
  ...groups,
  ...leavers,
  ...safetyAct,
  ...refusals,
  ...burst,
];
