/**
 * Hostile SCIM calls, drawn by chance: what clients write in good faith (the dialects of Entra ID and
 * Okta) and what somebody writes who wants more than was granted. Each is sent as it stands.
 */
import type { Chance } from './random.ts';
import type { Json, Resource, ScimStore } from './scim-store.ts';

export type HostileCall = Readonly<{ method: string; path: string; body: string | null }>;

const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User';
const groupUrn = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
const strange = 'urn:example:params:scim:schemas:extension:badge:1.0:User';

const cased = (chance: Chance, name: string): string => {
  if (chance.often(0.7)) return name;
  if (chance.often(0.3)) return name.toUpperCase();
  if (chance.often(0.3)) return name.toLowerCase();
  return name
    .split('')
    .map((letter) => (chance.often(0.5) ? letter.toUpperCase() : letter))
    .join('');
};

const words = [
  'Ann',
  'Babs',
  'x',
  '',
  ' ',
  'Zoë',
  'app-new',
  'root-admins',
  'APP-ADMINS',
  'a@example.com',
  'a@other.org',
  'True',
  'false',
  '0',
];

const scalar = (chance: Chance): Json =>
  chance.pick<() => Json>([
    () => chance.pick(words),
    () => `w${chance.below(1_000)}`,
    () => chance.often(0.5),
    () => null,
    () => chance.below(100),
  ])();

const element = (chance: Chance): Json => ({
  value: chance.pick([`w${chance.below(50)}@example.com`, 'u1', 'u2', 'u30', 'g1', 'x']),
  ...(chance.often(0.4) ? { type: chance.pick(['work', 'home', 'other', 'User']) } : {}),
  ...(chance.often(0.2) ? { primary: chance.pick<Json>([true, false, 'True']) } : {}),
  ...(chance.often(0.15) ? { display: chance.pick(words) } : {}),
  ...(chance.often(0.05) ? { $ref: 'https://elsewhere.example/Users/u9' } : {}),
  ...(chance.often(0.05) ? { [cased(chance, 'VALUE')]: 'u3' } : {}),
});

const anyValue = (chance: Chance): Json =>
  chance.pick<() => Json>([
    () => scalar(chance),
    () => [scalar(chance)],
    () => element(chance),
    () => [element(chance), element(chance)],
    () => [],
    () => ({}),
    () => ({
      [cased(chance, 'givenName')]: scalar(chance),
      [cased(chance, 'familyName')]: scalar(chance),
    }),
    () => ({ value: scalar(chance), displayName: scalar(chance) }),
  ])();

/** Values of the right shape more often than not, or few calls would get past the reader. */
const valueFor = (chance: Chance, name: string): Json => {
  if (chance.often(0.15)) return anyValue(chance);
  const lower = name.toLowerCase();
  if (lower === 'active') return chance.pick<Json>([true, false, 'True', 'False', 'false']);
  if (/^(emails|phonenumbers|roles|entitlements|members|x509certificates)$/.test(lower)) {
    return chance.often(0.8) ? [element(chance)] : element(chance);
  }
  if (lower === 'name')
    return {
      givenName: chance.pick(words),
      ...(chance.often(0.5) ? { familyName: chance.pick(words) } : {}),
    };
  if (lower === 'manager') return chance.often(0.5) ? { value: 'u1' } : 'u1';
  return chance.often(0.9)
    ? chance.pick([...words.slice(0, 3), `w${chance.below(500)}`])
    : scalar(chance);
};

const userNames = [
  'title',
  'displayName',
  'nickName',
  'name',
  'userName',
  'externalId',
  'active',
  'emails',
  'phoneNumbers',
  'roles',
  'entitlements',
  'password',
  'groups',
  'locale',
  'userType',
  'x509Certificates',
  'preferredLanguage',
] as const;
const groupNames = ['displayName', 'members', 'externalId'] as const;

const subs: Readonly<Record<string, readonly string[]>> = {
  name: ['givenName', 'familyName', 'formatted'],
  emails: ['value', 'type', 'primary', 'display'],
  phoneNumbers: ['value', 'type'],
  roles: ['value', 'display'],
  members: ['value', 'type', 'display', '$ref'],
};

const filters = [
  'type eq "work"',
  'type eq "home"',
  'value eq "u1"',
  'value eq "u2" or value eq "u3"',
  'value sw "u"',
  'value pr',
  'not (value eq "u1")',
  'value eq "u1" and type eq "User"',
  'primary eq true',
  'primary eq "True"',
  'VALUE eq "u2"',
  'display co "a"',
  'value ne "zzz"',
];

type Kind = 'Users' | 'Groups';
const namesOf = (kind: Kind): readonly string[] => (kind === 'Users' ? userNames : groupNames);
const coreOf = (kind: Kind): string => (kind === 'Users' ? userUrn : groupUrn);

const extensionPath = (chance: Chance): string =>
  `${cased(chance, chance.often(0.85) ? enterprise : strange)}:${cased(chance, chance.pick(['department', 'manager', 'costCenter', 'employeeNumber', 'manager.value', 'manager.displayName']))}`;

const pathOf = (chance: Chance, kind: Kind): string => {
  if (kind === 'Users' && chance.often(0.15)) return extensionPath(chance);
  const name = chance.pick(namesOf(kind));
  const prefix = chance.often(0.12) ? `${cased(chance, coreOf(kind))}:` : '';
  const multiple = name in subs && name !== 'name';
  const filter = multiple && chance.often(0.45) ? `[${chance.pick(filters)}]` : '';
  const inner = subs[name];
  const sub =
    inner !== undefined && chance.often(0.4) ? `.${cased(chance, chance.pick(inner))}` : '';
  return `${prefix}${cased(chance, name)}${filter}${sub}`;
};

const valueAt = (chance: Chance, path: string): Json => {
  const last = path
    .replace(/^urn:[^[\]]*:/i, '')
    .replace(/\[.*\]/, '')
    .split('.');
  return valueFor(chance, (last[1] ?? last[0] ?? '').toLowerCase());
};

const memberPairs = (chance: Chance, kind: Kind): readonly (readonly [string, Json])[] =>
  Array.from({ length: 1 + chance.below(3) }, () => {
    if (chance.often(0.1))
      return [
        cased(chance, coreOf(kind)),
        { [chance.pick(namesOf(kind))]: scalar(chance) },
      ] as const;
    if (kind === 'Users' && chance.often(0.12)) {
      return [
        cased(chance, enterprise),
        { department: scalar(chance), manager: valueFor(chance, 'manager') },
      ] as const;
    }
    if (chance.often(0.05)) return ['id', chance.pick(['u1', 'u2'])] as const;
    if (chance.often(0.05)) return ['schemas', [coreOf(kind)]] as const;
    const path = pathOf(chance, kind);
    return [path, valueAt(chance, path)] as const;
  });

/** JSON by hand, so that one name may stand twice. */
const print = (pairs: readonly (readonly [string, Json])[]): string =>
  `{${pairs.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;

const operation = (chance: Chance, kind: Kind): string => {
  const op = chance.pick(['add', 'replace', 'remove', 'Add', 'Replace', 'Remove', 'REPLACE']);
  const removing = op.toLowerCase() === 'remove';
  if (!removing && chance.often(0.25)) {
    return `{"op":${JSON.stringify(op)},"value":${print(memberPairs(chance, kind))}}`;
  }
  const path =
    kind === 'Groups' && chance.often(0.35)
      ? chance.pick(['members', 'Members', `${groupUrn}:members`])
      : pathOf(chance, kind);
  const withValue = removing ? chance.often(0.2) : chance.often(0.97);
  return print([
    ['op', op],
    ['path', chance.often(0.02) ? anyValue(chance) : path],
    ...(withValue ? ([['value', valueAt(chance, path)]] as const) : []),
    ...(chance.often(0.03)
      ? ([
          ['Path', 'active'],
          ['value', false],
        ] as const)
      : []),
  ]);
};

const patchBody = (chance: Chance, kind: Kind): string => {
  const operations = Array.from({ length: chance.often(0.6) ? 1 : 1 + chance.below(4) }, () =>
    operation(chance, kind),
  );
  const name = chance.often(0.95) ? 'Operations' : cased(chance, 'operations');
  const extra = chance.often(0.03) ? ',"active":false' : '';
  return `{"schemas":["${patchUrn}"],"${name}":[${operations.join(',')}]${extra}}`;
};

/** The resource as it stands, with something changed, left out or slipped in. */
const putBody = (chance: Chance, kind: Kind, current: Resource | null): string => {
  const { meta: _meta, password: _password, ...rest } = current ?? {};
  const pairs: (readonly [string, Json])[] = Object.entries(rest).filter(() => chance.often(0.85));
  const changes = chance.often(0.25) ? 0 : 1 + chance.below(2);
  for (let index = 0; index < changes; index++) {
    const [name, value] = chance.pick(memberPairs(chance, kind));
    const at = pairs.findIndex(([held]) => held.toLowerCase() === name.toLowerCase());
    if (at >= 0 && chance.often(0.95)) pairs[at] = [name, value];
    else pairs.push([name, value]);
  }
  return print(pairs);
};

const createBody = (chance: Chance, kind: Kind): string => {
  const name = `new${chance.below(1_000_000)}`;
  const own: readonly (readonly [string, Json])[] =
    kind === 'Users'
      ? [
          ['userName', `${name}@${chance.pick(['example.com', 'other.org', 'EXAMPLE.com'])}`],
          ['active', chance.pick<Json>([true, false, 'True'])],
        ]
      : [['displayName', chance.pick([`app-${name}`, `${name}-admins`, `${name}-ADMINS `, name])]];
  const more = chance.often(0.6)
    ? memberPairs(chance, kind)
    : [['displayName', `w${chance.below(9)}`] as const].slice(kind === 'Users' ? 0 : 1);
  const schemas: readonly (readonly [string, Json])[] = chance.often(0.9)
    ? [['schemas', [coreOf(kind)]]]
    : [];
  return print([...schemas, ...own, ...more]);
};

const idOf = (chance: Chance, kind: Kind, store: ScimStore): string => {
  if (chance.often(0.03))
    return chance.pick(['nobody', 'U1', '%75%31', 'u1%2f..', '.search', 'me', 'u1;x=1', '']);
  return chance.pick(store.ids(kind).length === 0 ? ['none'] : store.ids(kind));
};

/** The ordinary and the wicked things a client would try on groups most of all. */
const likely: readonly ((chance: Chance, kind: Kind) => string)[] = [
  () => '[{"op":"Replace","path":"active","value":"False"}]',
  (chance) => `[{"op":"replace","path":"title","value":"w${chance.below(99)}"}]`,
  (chance) => `[{"op":"replace","value":{"title":"w${chance.below(99)}","active":false}}]`,
  (chance) => `[{"op":"add","path":"members","value":[{"value":"u${chance.below(40)}"}]}]`,
  (chance) => `[{"op":"remove","path":"members[value eq \\"u${chance.below(40)}\\"]"}]`,
  () => '[{"op":"remove","path":"members"}]',
  () => '[{"op":"replace","path":"members","value":[]}]',
  (chance) => `[{"op":"remove","path":"members","value":[{"value":"u${chance.below(40)}"}]}]`,
  (chance) =>
    `[{"op":"replace","path":"displayName","value":"${chance.pick(['app-x', 'x-admins', 'App-y', 'app-\\u2010admins', 'app-admins'])}"}]`,
  (chance) =>
    `[{"op":"replace","path":"displayName","value":"app-${chance.below(9)}"},{"op":"add","path":"members","value":[{"value":"u1"}]}]`,
  (chance) =>
    `[{"op":"replace","path":"name.givenName","value":"w${chance.below(99)}"},{"op":"replace","path":"userName","value":"root"}]`,
  (chance) =>
    `[{"op":"add","path":"emails","value":[{"value":"w${chance.below(99)}@example.com","type":"work"}]}]`,
  () => '[{"op":"replace","path":"emails[type eq \\"work\\"].value","value":"evil@example.com"}]',
  () => `[{"op":"add","path":"${enterprise}:department","value":"Sales"}]`,
  () => `[{"op":"add","value":{"${enterprise}":{"department":"Ops","manager":{"value":"u2"}}}}]`,
  (chance) =>
    `[{"op":"replace","value":{"${enterprise}:department":"w${chance.below(9)}","name.givenName":"n"}}]`,
];

/** Draws one call. */
export const drawCall = (chance: Chance, store: ScimStore, kind: Kind): HostileCall => {
  const path = `/${chance.often(0.97) ? kind : cased(chance, kind)}`;
  const roll = chance.below(100);
  if (roll < 10) return { method: 'POST', path, body: createBody(chance, kind) };
  const id = idOf(chance, kind, store);
  const one = `${path}/${id}`;
  if (roll < 15) return { method: 'DELETE', path: one, body: null };
  if (roll < 40)
    return { method: 'PUT', path: one, body: putBody(chance, kind, store.look(kind, id)) };
  if (roll < 44) return { method: 'GET', path: one, body: null };
  const operations = roll < 70 ? chance.pick(likely)(chance, kind) : null;
  const body =
    operations === null
      ? patchBody(chance, kind)
      : `{"schemas":["${patchUrn}"],"Operations":${operations}}`;
  return { method: 'PATCH', path: one, body };
};
