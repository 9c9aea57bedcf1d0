/**
 * Two worlds for the campaign noninterference.ts: targets that hold the same people and groups, but
 * other values where no client of the campaign may read (or none at all), and other versions. Each is
 * the server of scim-store.ts with what it lacks: order, pages, projections and entity tags.
 */
import { createHash } from 'node:crypto';
import type { Chance } from './random.ts';
import { startScimTarget, type Asked, type ScimTarget } from './scim-target.ts';
import { isList, isMap, plain, spelling, type Json } from './scim-filter.ts';
import type { Handled, Resource, ScimStore } from './scim-store.ts';

/** Routes and targets by world; the names are equally long, so that lengths can be compared. */
export const worlds = ['east', 'west'] as const;
export type World = (typeof worlds)[number];

export const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const core = 'urn:ietf:params:scim:schemas:core:2.0:User';
const usersHeld = 24;

/** Leaks that may be planted at the targets, to see that the campaign finds them. */
export type Plant = 'none' | 'delay' | 'refusal' | 'total';

/** What no client of the campaign may read, as people would probe for it. */
export const secretWords = [
  'Clerk',
  'Chief',
  'Spy',
  '4711',
  'board-east',
  'staff-x',
  '+4930123456',
];

const secretsOf = (chance: Chance): Resource => {
  const maybe = (value: () => Resource): Resource => (chance.often(0.5) ? value() : {});
  const word = (): string => chance.pick(secretWords);
  return {
    ...maybe(() => ({ title: word() })),
    ...maybe(() => ({ nickName: word() })),
    ...maybe(() => ({ phoneNumbers: [{ value: word(), type: 'work' }] })),
    ...maybe(() => ({ addresses: [{ locality: word(), type: 'home' }] })),
  };
};

const userOf = (index: number, seen: Chance, unseen: Chance): Resource => {
  const department: Resource = seen.often(0.5) ? { department: seen.pick(['Sales', 'IT']) } : {};
  const cost: Resource = unseen.often(0.5) ? { costCenter: unseen.pick(secretWords) } : {};
  const manager: Resource = seen.often(0.3)
    ? { manager: { value: 'u1', displayName: unseen.pick(secretWords) } }
    : {};
  const extension: Resource = { ...department, ...cost, ...manager };
  const more = Object.keys(extension).length > 0;
  const middle: Resource = unseen.often(0.5) ? { middleName: unseen.pick(secretWords) } : {};
  const given: Resource = seen.often(0.8) ? { givenName: `Given${index}`, familyName: 'F' } : {};
  const name: Resource = { ...given, ...middle, formatted: unseen.pick(secretWords) };
  const hiddenGroups = ['h0', 'h1'].filter(() => unseen.often(0.5));
  const groups: Resource[] = [
    ...(seen.often(0.5) ? [{ value: 'g0', display: 'app-mail', type: 'direct' }] : []),
    ...hiddenGroups.map((value) => ({ value, display: `${unseen.pick(secretWords)}-group` })),
  ];
  return {
    schemas: more ? [core, enterprise] : [core],
    id: `u${index}`,
    userName: `user${index}@example.com`,
    displayName: `User ${index}`,
    active: seen.often(0.7),
    name,
    emails: [
      {
        value: `user${index}@example.com`,
        type: 'work',
        primary: true,
        ...(unseen.often(0.5) ? { display: unseen.pick(secretWords) } : {}),
      },
      ...(seen.often(0.5) ? [{ value: `home${index}@example.net`, type: 'home' }] : []),
    ],
    ims: [
      { value: unseen.pick(secretWords), type: 'skype' },
      ...(unseen.often(0.5) ? [{ value: unseen.pick(secretWords) }] : []),
    ],
    ...(groups.length > 0 ? { groups } : {}),
    ...(more ? { [enterprise]: extension } : {}),
    ...secretsOf(unseen),
  };
};

const groupOf = (id: string, displayName: string, seen: Chance, unseen: Chance): Resource => ({
  id,
  displayName,
  members: Array.from({ length: 3 }, (_, index) => ({
    value: `u${index * 3 + seen.below(3)}`,
    type: 'User',
    ...(unseen.often(0.7) ? { display: unseen.pick(secretWords) } : {}),
  })),
});

/** Puts the people of one epoch into a world: `seen` draws the same in both, `unseen` does not. */
export const populate = (store: ScimStore, seen: Chance, unseen: Chance): void => {
  const users = Array.from({ length: usersHeld }, (_, index) => userOf(index, seen, unseen));
  const hidden = (): string => `${unseen.pick(['aa', 'board', 'staff', 'zz'])}-${unseen.below(90)}`;
  store.reset(users, [
    groupOf('g0', 'app-mail', seen, unseen),
    groupOf('h0', hidden(), seen, unseen),
    groupOf('g1', 'app-chat', seen, unseen),
    groupOf('h1', hidden(), seen, unseen),
    groupOf('g2', 'app-wiki', seen, unseen),
  ]);
};

/** The entity tag a target gives: it changes with every value, hidden ones too. */
export const tagOf = (resource: Resource): string =>
  `W/"${createHash('sha256').update(JSON.stringify(resource)).digest('hex').slice(0, 12)}"`;

const versioned = (resource: Resource): Resource => {
  const { meta } = resource;
  return { ...resource, meta: { ...(isMap(meta) ? meta : {}), version: tagOf(resource) } };
};

const valueAt = (resource: Json | undefined, path: string): Json | undefined => {
  if (!isMap(resource)) return undefined;
  const colon = path.toLowerCase().startsWith('urn:') ? path.lastIndexOf(':') : -1;
  const outer = colon < 0 ? resource : resource[spelling(resource, path.slice(0, colon))];
  const [name = '', sub] = path.slice(colon + 1).split('.', 2);
  if (!isMap(outer)) return undefined;
  const value = outer[spelling(outer, name)];
  const first = isList(value) ? value[0] : value;
  return sub === undefined || !isMap(first) ? first : first[spelling(first, sub)];
};

const projected = (resource: Resource, asked: URLSearchParams): Resource => {
  const wanted = asked.get('attributes')?.split(',');
  const unwanted = asked.get('excludedAttributes')?.split(',') ?? [];
  const top = (name: string): string =>
    name.toLowerCase().startsWith('urn:') ? enterprise : (name.split('.', 1)[0] ?? '');
  return Object.fromEntries(
    Object.entries(resource).filter(
      ([name]) =>
        ['id', 'schemas'].includes(name) ||
        (wanted === undefined ? !unwanted.includes(name) : wanted.map(top).includes(name)),
    ),
  );
};

const listed = (store: ScimStore, asked: Asked, leaky: boolean): Handled => {
  const query = new URLSearchParams(asked.query);
  const filter = query.get('filter');
  const only = filter === null ? '' : `filter=${encodeURIComponent(filter)}&`;
  const handled = store.handle('GET', asked.path, `${only}count=100000`, '');
  const body = handled.body;
  if (!isMap(body) || !isList(body['Resources'])) return handled;
  const found = (body['Resources'] as Resource[]).map(versioned);
  const sortBy = query.get('sortBy');
  if (sortBy !== null) {
    const text = (resource: Resource): string => JSON.stringify(valueAt(resource, sortBy) ?? '');
    found.sort((one, other) => text(one).localeCompare(text(other)));
    if (query.get('sortOrder') === 'descending') found.reverse();
  }
  const start = Number(query.get('startIndex') ?? 1);
  const count = Number(query.get('count') ?? 100);
  const Resources = found
    .slice(start - 1, start - 1 + count)
    .map((resource) => projected(resource, query));
  const spies = leaky ? found.filter((resource) => resource['title'] === 'Spy').length : 0;
  const totalResults = found.length + spies;
  return {
    status: 200,
    body: { ...body, totalResults, startIndex: start, Resources },
    changed: null,
  };
};

const respond = (asked: Asked, { status, body }: Handled, query: string): void => {
  const resource: Resource | null = isMap(body) && typeof body['id'] === 'string' ? body : null;
  const shown =
    resource === null ? body : projected(versioned(resource), new URLSearchParams(query));
  const text = shown === null || status === 304 ? '' : JSON.stringify(shown);
  asked.outgoing.writeHead(status, {
    ...(text === '' ? {} : { 'content-type': 'application/scim+json' }),
    ...(resource === null ? {} : { etag: tagOf(resource) }),
  });
  asked.outgoing.end(text === '' ? undefined : text);
};

const errorOf = (status: number, scimType: string, detail: string): Handled => ({
  status,
  body: {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
    status: String(status),
    scimType,
    detail,
  },
  changed: null,
});

/** A precondition that fails (RFC 9110 §13), or null. */
const failedBy = ({ incoming, method }: Asked, current: Resource): Handled | null => {
  const tags = (text: string): boolean =>
    text === '*' || text.split(',').some((tag) => tag.trim() === tagOf(current));
  const match = incoming.headers['if-match'];
  if (match !== undefined && !tags(match)) return errorOf(412, 'mutability', 'version');
  const none = incoming.headers['if-none-match'];
  if (none === undefined || !tags(none)) return null;
  return method === 'GET'
    ? { status: 304, body: current, changed: null }
    : errorOf(412, 'mutability', 'version');
};

const handleOf = (asked: Asked, store: ScimStore, plant: Plant): Handled => {
  const [kind = '', id] = asked.path.replace(/^\//, '').split('/', 2);
  if (asked.method === 'GET' && id === undefined) return listed(store, asked, plant === 'total');
  const held =
    id === undefined
      ? null
      : store.look(kind === 'Groups' ? 'Groups' : 'Users', decodeURIComponent(id));
  const failed = held === null ? null : failedBy(asked, held);
  if (failed !== null) return failed;
  if (plant === 'refusal' && asked.method === 'PATCH' && held?.['title'] !== undefined) {
    return errorOf(400, 'invalidValue', 'no');
  }
  const handled = store.handle(asked.method, asked.path, asked.query, asked.body);
  // A server that repeats a value in its own words when it refuses.
  if (handled.status !== 409 || held === null) return handled;
  return errorOf(409, 'uniqueness', `taken, by somebody whose title is ${plain(held['title'])}`);
};

/** How long a planted delay takes, ms: far above what a busy machine adds by chance, at the median. */
const plantedMs = 60;

/** Starts a world, without people yet. */
export const startWorld = (world: World, plant: Plant): Promise<ScimTarget> =>
  startScimTarget({
    serve: (asked, store) => {
      const handled = handleOf(asked, store, plant);
      if (plant === 'delay' && world === 'east') {
        setTimeout(() => respond(asked, handled, asked.query), plantedMs);
      } else respond(asked, handled, asked.query);
    },
  });
