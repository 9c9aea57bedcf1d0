/**
 * Calls of the campaign noninterference.ts, drawn by chance: what a client does in good faith, and
 * every way to ask for a value it may not read: filters, orders, pages, projections, PATCH paths,
 * PUTs that state a guess, entity tags, malformed requests.
 */
import { enterprise, secretWords } from './noninterference-worlds.ts';
import type { Chance } from './random.ts';
import type { Json, Resource } from './scim-store.ts';

export type ProbeCall = Readonly<{
  /** For the timing: calls of one kind take the same way. */
  kind: string;
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string | null;
}>;

type Draw = (chance: Chance, known: Known) => Omit<ProbeCall, 'kind'>;

/** What the generator knows: ids, and the tag one of the worlds gives a resource. */
export type Known = Readonly<{
  ids: readonly string[];
  tag(path: string): string | null;
  /** How much of its work is about users. */
  users: number;
}>;

const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User';
const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

const userNames = [
  'userName',
  'displayName',
  'active',
  'name.givenName',
  'emails.value',
  'emails.type',
  `${enterprise}:department`,
  'id',
  'title',
  'nickName',
  'phoneNumbers.value',
  'phoneNumbers',
  'name.middleName',
  'name',
  'name.formatted',
  'emails',
  'emails.display',
  'addresses.locality',
  'ims.type',
  'ims.value',
  'groups',
  'groups.value',
  'groups.display',
  `${enterprise}:costCenter`,
  `${enterprise}:manager.displayName`,
  `${enterprise}:manager.value`,
  `${enterprise}:manager`,
  'meta.version',
  'meta.lastModified',
  'meta',
  'schemas',
  'unknownName',
  'urn:example:params:scim:schemas:badge:1.0:User:display',
];
const groupNames = [
  'displayName',
  'members.value',
  'members.display',
  'members.type',
  'members',
  'id',
  'externalId',
  'meta.version',
  'schemas',
];

const seenWords = [
  'User 3',
  'user5@example.com',
  'Given4',
  'Sales',
  'work',
  'app-mail',
  'u1',
  'g0',
  'h0',
];
const word = (chance: Chance): string => chance.pick(chance.often(0.5) ? secretWords : seenWords);
const namesOf = (endpoint: string): readonly string[] =>
  endpoint === 'Groups' ? groupNames : userNames;
const cased = (chance: Chance, name: string): string =>
  chance.often(0.85) ? name : chance.often(0.5) ? name.toUpperCase() : name.toLowerCase();

const term = (chance: Chance, endpoint: string): string => {
  const name = cased(chance, chance.pick(namesOf(endpoint)));
  const operator = chance.pick(['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'lt', 'pr']);
  if (operator === 'pr') return `${name} pr`;
  const dot = name.startsWith('urn:') ? -1 : name.indexOf('.');
  const test = `${operator} ${JSON.stringify(word(chance))}`;
  if (dot < 0 || chance.often(0.6)) return `${name} ${test}`;
  const inner = `${name.slice(dot + 1)} ${test}`;
  return `${name.slice(0, dot)}[${chance.often(0.3) ? `not (${inner})` : inner}]`;
};

const filterOf = (chance: Chance, endpoint: string): string => {
  const first = term(chance, endpoint);
  if (chance.often(0.6)) return first;
  if (chance.often(0.3)) return `not (${first})`;
  return `${first} ${chance.pick(['and', 'or'])} ${term(chance, endpoint)}`;
};

const endpointOf = (chance: Chance, { users }: Known): string =>
  chance.often(users) ? 'Users' : 'Groups';
const idsOf = (endpoint: string, { ids }: Known): readonly string[] => [
  ...ids.filter((id) => /^[gh]/.test(id) === (endpoint === 'Groups')),
  'nobody',
];

const queryOf = (parts: Readonly<Record<string, string | number | null>>): string => {
  const given = Object.entries(parts).filter(([, value]) => value !== null);
  const text = given
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join('&');
  return text === '' ? '' : `?${text}`;
};

const projection = (chance: Chance, endpoint: string): Record<string, string> => {
  if (chance.often(0.6)) return {};
  const names = Array.from({ length: 1 + chance.below(2) }, () => chance.pick(namesOf(endpoint)));
  return { [chance.often(0.5) ? 'attributes' : 'excludedAttributes']: names.join(',') };
};

const pathTo = (endpoint: string, chance: Chance, known: Known): string =>
  `/${endpoint}/${chance.pick(idsOf(endpoint, known))}`;

const none = { headers: {}, body: null } as const;

const value = (chance: Chance, name: string): Json => {
  const text = word(chance);
  if (name === 'active') return chance.often(0.5);
  if (/^(emails|phoneNumbers)$/.test(name)) return [{ value: text, type: 'work' }];
  if (name === 'addresses') return [{ locality: text, type: 'home' }];
  if (name === 'members') return [{ value: chance.pick(['u1', 'u2', 'u9']), display: text }];
  if (name === 'name')
    return { givenName: 'Given4', ...(chance.often(0.5) ? { middleName: text } : {}) };
  if (name.endsWith('manager')) return { value: chance.pick(['u1', 'u2']) };
  return text;
};

const written = [
  'title',
  'nickName',
  'displayName',
  'name',
  'name.givenName',
  'name.middleName',
  'active',
  'phoneNumbers',
  'emails',
  'emails[type eq "work"].value',
  'emails[display eq "Spy"].value',
  'emails[value eq "user3@example.com"].display',
  'phoneNumbers[value eq "4711"].value',
  'phoneNumbers[type eq "work"].value',
  'addresses',
  'addresses[locality eq "Spy"]',
  'ims[type ne "skype"]',
  'ims[not (type pr)].display',
  'groups',
  `${enterprise}:department`,
  `${enterprise}:costCenter`,
  `${enterprise}:manager`,
];
const groupWritten = [
  'displayName',
  'members',
  'members[value eq "u1"]',
  'members[display eq "Spy"]',
  'members[type eq "User" and display co "C"]',
];

const changeOf = (chance: Chance, endpoint: string): Json => {
  const path = chance.pick(endpoint === 'Groups' ? groupWritten : written);
  const op = chance.pick(['add', 'replace', 'replace', 'remove']);
  return op === 'remove' ? { op, path } : { op, path, value: value(chance, path) };
};

const stated = (chance: Chance): Resource => {
  const index = chance.below(24);
  const guess = (name: string, share: number): Resource =>
    chance.often(share) ? { [name]: value(chance, name) } : {};
  const extension: Resource = {
    ...(chance.often(0.5) ? { department: chance.pick(['Sales', 'IT']) } : {}),
    ...(chance.often(0.2) ? { costCenter: word(chance) } : {}),
    ...(chance.often(0.3) ? { manager: { value: 'u1' } } : {}),
  };
  return {
    schemas: [userUrn, enterprise],
    userName: `user${index}@example.com`,
    displayName: `User ${index}`,
    active: chance.often(0.7),
    ...(chance.often(0.7) ? { name: { givenName: `Given${index}`, familyName: 'F' } } : {}),
    ...(chance.often(0.8)
      ? { emails: [{ value: `user${index}@example.com`, type: 'work', primary: true }] }
      : {}),
    ...(Object.keys(extension).length > 0 ? { [enterprise]: extension } : {}),
    ...guess('title', 0.3),
    ...guess('nickName', 0.15),
    ...guess('phoneNumbers', 0.15),
    ...guess('addresses', 0.1),
    ...(chance.often(0.1) ? { name: value(chance, 'name') } : {}),
  };
};

const tagged = (chance: Chance, path: string, known: Known): Record<string, string> => {
  const tag = chance.pick([
    known.tag(path) ?? '"x"',
    known.tag(path) ?? '*',
    '*',
    'W/"x"',
    '"a", "b"',
  ]);
  return { [chance.pick(['if-match', 'if-none-match'])]: tag };
};

const patchBody = (chance: Chance, endpoint: string): string =>
  JSON.stringify({
    schemas: [patchUrn],
    Operations: Array.from({ length: 1 + chance.below(2) }, () => changeOf(chance, endpoint)),
  });

const draws: Readonly<Record<string, Draw>> = {
  get: (chance, known) => {
    const endpoint = endpointOf(chance, known);
    const query = queryOf(projection(chance, endpoint));
    return { method: 'GET', path: `${pathTo(endpoint, chance, known)}${query}`, ...none };
  },
  list: (chance, known) => {
    const endpoint = endpointOf(chance, known);
    const sortBy = chance.often(0.6) ? cased(chance, chance.pick(namesOf(endpoint))) : null;
    const query = queryOf({
      sortBy,
      sortOrder: sortBy !== null && chance.often(0.3) ? 'descending' : null,
      startIndex: chance.often(0.5) ? 1 + chance.below(6) : null,
      count: chance.often(0.6) ? chance.below(8) : null,
      ...projection(chance, endpoint),
    });
    return { method: 'GET', path: `/${endpoint}${query}`, ...none };
  },
  filter: (chance, known) => {
    const endpoint = endpointOf(chance, known);
    const query = queryOf({
      filter: filterOf(chance, endpoint),
      count: chance.often(0.3) ? chance.below(4) : null,
      ...projection(chance, endpoint),
    });
    return { method: 'GET', path: `/${endpoint}${query}`, ...none };
  },
  patch: (chance, known) => {
    const endpoint = endpointOf(chance, known);
    const path = `${pathTo(endpoint, chance, known)}${queryOf(projection(chance, endpoint))}`;
    return { method: 'PATCH', path, headers: {}, body: patchBody(chance, endpoint) };
  },
  put: (chance, known) => {
    if (endpointOf(chance, known) === 'Groups') {
      const members = [{ value: 'u1' }, { value: `u${chance.below(9)}`, display: word(chance) }];
      const body = JSON.stringify({ displayName: chance.pick(['app-mail', 'app-chat']), members });
      return { method: 'PUT', path: pathTo('Groups', chance, known), headers: {}, body };
    }
    const path = pathTo('Users', chance, known);
    const body: Resource = stated(chance);
    const own = /^\/Users\/u(\d+)$/.exec(path)?.[1];
    if (own !== undefined && chance.often(0.8)) body['userName'] = `user${own}@example.com`;
    return { method: 'PUT', path, headers: {}, body: JSON.stringify(body) };
  },
  create: (chance) => {
    const fresh = chance.often(0.6) ? { userName: `new${chance.below(1_000)}@example.com` } : {};
    const body = JSON.stringify({ ...stated(chance), ...fresh });
    return { method: 'POST', path: '/Users', headers: {}, body };
  },
  delete: (chance, known) => ({
    method: 'DELETE',
    path: pathTo(endpointOf(chance, known), chance, known),
    ...none,
  }),
  tagged: (chance, known) => {
    const endpoint = endpointOf(chance, known);
    const path = pathTo(endpoint, chance, known);
    const headers = tagged(chance, path, known);
    return chance.often(0.5)
      ? { method: 'GET', path, headers, body: null }
      : { method: 'PATCH', path, headers, body: patchBody(chance, endpoint) };
  },
  search: (chance, known) => {
    const endpoint = endpointOf(chance, known);
    const body = JSON.stringify({
      schemas: ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'],
      filter: filterOf(chance, endpoint),
      ...(chance.often(0.3) ? { sortBy: chance.pick(namesOf(endpoint)) } : {}),
      count: chance.below(5),
    });
    return { method: 'POST', path: `/${endpoint}/.search`, headers: {}, body };
  },
  malformed: (chance, known) =>
    chance.pick<() => Omit<ProbeCall, 'kind'>>([
      () => ({ method: 'GET', path: `/Users?filter=${encodeURIComponent('title eq')}`, ...none }),
      () => ({ method: 'GET', path: `/Users?sortBy=${encodeURIComponent('no such')}`, ...none }),
      () => ({ method: 'PATCH', path: pathTo('Users', chance, known), headers: {}, body: '{"a":' }),
      () => ({
        method: 'PATCH',
        path: pathTo('Users', chance, known),
        headers: {},
        body: JSON.stringify({ schemas: [patchUrn], Operations: [{ op: 'add', path: 'title[' }] }),
      }),
      () => ({ method: 'PUT', path: pathTo('Users', chance, known), headers: {}, body: '{}' }),
      () => ({ method: 'POST', path: '/Users', headers: {}, body: '{"userName":7}' }),
    ])(),
};

const shares: readonly (readonly [kind: string, weight: number])[] = [
  ['get', 20],
  ['list', 16],
  ['filter', 22],
  ['patch', 18],
  ['put', 12],
  ['create', 3],
  ['delete', 1],
  ['tagged', 8],
  ['search', 3],
  ['malformed', 3],
];
const kinds = shares.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));

/** Draws one call. */
export const drawProbe = (chance: Chance, known: Known): ProbeCall => {
  const kind = chance.pick(kinds);
  const draw = draws[kind];
  if (draw === undefined) throw new TypeError(`no such kind: ${kind}`);
  return { kind, ...draw(chance, known) };
};
