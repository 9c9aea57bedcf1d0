/**
 * A world in which a client changes users and groups at random through a gateway, and outsiders change
 * the same ones at the SCIM server itself; with everything needed to say afterwards what an undo did.
 */
import { request } from 'undici';
import type { UndoRun } from '../../src/undo/make-undo.ts';
import type { Chance } from '../campaigns/random.ts';
import { mainConfig, targetToken, type Fixture } from './fixture.ts';

/** The main route file, with everything granted to `full` that a mutation of this world needs. */
export const rollbackConfig = (url: string): string =>
  mainConfig(url)
    .replace(
      'actions: [read, search, create, update, rename, recovery, activate, deactivate, delete]',
      'actions: [read, search, create, update, rename, recovery, activate, deactivate, delete, entitle, password]',
    )
    .replace('limits:', 'limits:');

const base = '/scim/sandbox';
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

type Kind = 'Users' | 'Groups';
type Body = Record<string, unknown>;
type Row = Readonly<Record<string, unknown>>;

/** What an outsider wrote, and whether it is still so. */
export type OutsideMark = Readonly<{ told: string; holds(state: State): boolean }>;

/** Attributes by resource, sets in one order, without what the server assigns. */
export type State = ReadonlyMap<string, ReadonlyMap<string, string>>;

export type World = Readonly<{
  fixture: Fixture;
  chance: Chance;
  /** Ids of ledger entries, oldest first. */
  entries: string[];
  marks: OutsideMark[];
  log: string[];
  counter: { next: number };
  /** As the client last left it. */
  left: { state: State };
}>;

export const makeWorld = (fixture: Fixture, chance: Chance): World => ({
  fixture,
  chance,
  entries: [],
  marks: [],
  log: [],
  counter: { next: 1 },
  left: { state: new Map() },
});

const stable = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(stable).sort().join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([name, one]) => name !== '$ref' && !(name === 'primary' && one === false))
    .filter(([, one]) => one !== undefined && one !== null)
    .map(([name, one]) => `${JSON.stringify(name)}:${stable(one)}`);
  return `{${members.sort().join(',')}}`;
};

const isEmpty = (text: string): boolean => text === '[]' || text === '{}' || text === 'null';

const attributesOf = (row: Row, kind: Kind): ReadonlyMap<string, string> => {
  const out = new Map<string, string>();
  const { id: _id, meta: _meta, schemas: _schemas, ...rest } = row;
  for (const [name, value] of Object.entries(rest)) {
    const inner = name.includes(':') && typeof value === 'object' && value !== null;
    const pairs: readonly (readonly [string, unknown])[] = inner
      ? Object.entries(value).map(([sub, one]) => [`${name}:${sub}`, one] as const)
      : [[name, value]];
    for (const [key, one] of pairs) {
      const text = stable(one);
      if (!isEmpty(text)) out.set(key, text);
    }
  }
  // A user of whom nothing is said is in force.
  if (kind === 'Users' && !out.has('active')) out.set('active', 'true');
  return out;
};

/** All there is, with ids of resources that were made again written as the old ones. */
export const stateOf = (
  { fixture }: World,
  oldIds: ReadonlyMap<string, string> = new Map(),
): State => {
  const state = new Map<string, ReadonlyMap<string, string>>();
  const renamed = (text: string): string => {
    let out = text;
    for (const [next, old] of oldIds) out = out.replaceAll(next, old);
    return out;
  };
  for (const kind of ['Users', 'Groups'] as const) {
    for (const row of fixture.sandbox.stored(kind === 'Users' ? 'User' : 'Group')) {
      const id = String(row['id']);
      const raw = JSON.parse(renamed(JSON.stringify(row))) as Row;
      state.set(oldIds.get(id) ?? id, attributesOf(raw, kind));
    }
  }
  return state;
};

/** Where two states differ: `id attribute`, or `id` alone where a resource is missing on one side. */
export const differences = (one: State, other: State): readonly string[] => {
  const found: string[] = [];
  for (const id of new Set([...one.keys(), ...other.keys()])) {
    const left = one.get(id);
    const right = other.get(id);
    if (left === undefined || right === undefined) {
      found.push(`${id} *`);
      continue;
    }
    for (const name of new Set([...left.keys(), ...right.keys()])) {
      if (left.get(name) !== right.get(name)) found.push(`${id} ${name}`);
    }
  }
  return found;
};

const idsOf = ({ fixture }: World, kind: Kind): readonly string[] =>
  fixture.sandbox.stored(kind === 'Users' ? 'User' : 'Group').map(({ id }) => String(id));

const rowOf = ({ fixture }: World, kind: Kind, id: string): Row =>
  fixture.sandbox.stored(kind === 'Users' ? 'User' : 'Group').find((row) => row['id'] === id) ?? {};

const fresh = ({ counter }: World, word: string): string => {
  counter.next += 1;
  return `${word}${counter.next}`;
};

type Way = (kind: Kind, method: string, id: string | null, body: Body | null) => Promise<number>;

/** Through the gateway, as the client whose entries are taken back. */
const byClient =
  (world: World): Way =>
  async (kind, method, id, body) => {
    const path = `${base}/${kind}${id === null ? '' : `/${id}`}`;
    const answer = await world.fixture.ask(method, path, body === null ? {} : { body });
    const entry = answer.headers['sallyport-ledger-id'];
    // A call that came again is answered with the entry of the first.
    if (typeof entry === 'string' && !world.entries.includes(entry)) world.entries.push(entry);
    world.log.push(`client ${method} ${path} ${JSON.stringify(body)} -> ${answer.status}`);
    return answer.status;
  };

/** At the server itself, past the gateway. */
const byOutsider =
  (world: World): Way =>
  async (kind, method, id, body) => {
    const url = `${world.fixture.sandbox.url}/${kind}${id === null ? '' : `/${id}`}`;
    const answer = await request(url, {
      method: method as 'GET',
      headers: { authorization: `Bearer ${targetToken}`, 'content-type': 'application/scim+json' },
      body: body === null ? null : JSON.stringify(body),
    });
    await answer.body.text();
    world.log.push(`outside ${method} ${url} ${JSON.stringify(body)} -> ${answer.statusCode}`);
    return answer.statusCode;
  };

const patch = (...operations: readonly Body[]): Body => ({
  schemas: [patchUrn],
  Operations: operations,
});

const newUser = (world: World): Body => {
  const { chance } = world;
  const name = fresh(world, 'u');
  return {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:User', enterprise],
    userName: `${name}@example.com`,
    ...(chance.often(0.5) ? { active: true } : {}),
    ...(chance.often(0.6) ? { name: { givenName: fresh(world, 'Given'), familyName: 'Fam' } } : {}),
    ...(chance.often(0.5) ? { title: fresh(world, 'Title') } : {}),
    ...(chance.often(0.5)
      ? { emails: [{ value: `${name}@a.example`, type: 'work', primary: true }] }
      : {}),
    ...(chance.often(0.4) ? { [enterprise]: { department: fresh(world, 'Dep') } } : {}),
  };
};

const newGroup = (world: World): Body => {
  const { chance } = world;
  const users = idsOf(world, 'Users');
  const members = users.filter(() => chance.often(0.3)).map((value) => ({ value }));
  return {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'],
    displayName: fresh(world, 'app-'),
    ...(members.length > 0 ? { members } : {}),
  };
};

/** One change of a user as PATCH operations, with what it leaves. */
type Change = Readonly<{ operations: readonly Body[]; mark?: (state: State) => boolean }>;

const userChanges: readonly ((world: World, id: string) => Change)[] = [
  (world, id) => {
    const value = fresh(world, 'T');
    const mark = (state: State): boolean => state.get(id)?.get('title') === JSON.stringify(value);
    return { operations: [{ op: 'replace', path: 'title', value }], mark };
  },
  (_world, id) => ({
    operations: [{ op: 'remove', path: 'title' }],
    mark: (state) => state.get(id)?.has('title') === false,
  }),
  (world) => ({
    operations: [{ op: 'replace', path: 'name.givenName', value: fresh(world, 'G') }],
  }),
  () => ({ operations: [{ op: 'remove', path: 'name' }] }),
  (world, id) => {
    const value = fresh(world, 'D ');
    const mark = (state: State): boolean =>
      state.get(id)?.get('displayName') === JSON.stringify(value);
    return { operations: [{ op: 'replace', value: { displayName: value } }], mark };
  },
  (world, id) => {
    const value = `${fresh(world, 'e')}@b.example`;
    return {
      operations: [{ op: 'add', path: 'emails', value: [{ value, type: 'home' }] }],
      mark: (state) => state.get(id)?.get('emails')?.includes(value) === true,
    };
  },
  (world) => ({
    operations: [
      {
        op: 'add',
        path: 'emails',
        value: [{ value: `${fresh(world, 'p')}@b.example`, type: 'other', primary: true }],
      },
    ],
  }),
  (world, id) => {
    const emails = (rowOf(world, 'Users', id)['emails'] ?? []) as readonly Row[];
    const [first] = emails;
    const value = first === undefined ? 'none@b.example' : String(first['value']);
    return {
      operations: [{ op: 'remove', path: `emails[value eq "${value}"]` }],
      mark: (state) => state.get(id)?.get('emails')?.includes(`"${value}"`) !== true,
    };
  },
  () => ({ operations: [{ op: 'replace', path: 'active', value: false }] }),
  (_world, id) => ({
    operations: [{ op: 'replace', path: 'active', value: true }],
    mark: (state) => state.get(id)?.get('active') === 'true',
  }),
  (world, id) => {
    const value = fresh(world, 'Dep');
    return {
      operations: [{ op: 'replace', path: `${enterprise}:department`, value }],
      mark: (state) => state.get(id)?.get(`${enterprise}:department`) === JSON.stringify(value),
    };
  },
  (world) => {
    const users = idsOf(world, 'Users');
    const value = users.length === 0 ? 'nobody' : world.chance.pick(users);
    return { operations: [{ op: 'replace', path: `${enterprise}:manager`, value: { value } }] };
  },
  (world) => ({
    operations: [
      {
        op: 'replace',
        path: 'addresses',
        value: [
          { type: 'work', streetAddress: fresh(world, 'Street '), locality: 'Town' },
          { type: 'home', streetAddress: fresh(world, 'Road ') },
        ],
      },
    ],
  }),
  (world) => ({
    operations: [
      { op: 'add', path: 'phoneNumbers', value: [{ value: fresh(world, '+4930'), type: 'work' }] },
    ],
  }),
  (world) => ({
    operations: [{ op: 'replace', path: 'userName', value: `${fresh(world, 'r')}@example.com` }],
  }),
  (world) => ({
    operations: [
      { op: 'add', path: 'nickName', value: fresh(world, 'N') },
      { op: 'add', path: 'externalId', value: fresh(world, 'x') },
      { op: 'remove', path: 'displayName' },
    ],
  }),
  (world) => ({
    operations: [{ op: 'add', path: 'roles', value: [{ value: fresh(world, 'role') }] }],
  }),
];

const groupChanges: readonly ((world: World, id: string) => Change)[] = [
  (world, id) => {
    const users = idsOf(world, 'Users');
    const value = users.length === 0 ? 'nobody' : world.chance.pick(users);
    return {
      operations: [{ op: 'add', path: 'members', value: [{ value }] }],
      mark: (state) => state.get(id)?.get('members')?.includes(value) === true,
    };
  },
  (world, id) => {
    const members = (rowOf(world, 'Groups', id)['members'] ?? []) as readonly Row[];
    const value = members.length === 0 ? 'nobody' : String(world.chance.pick(members)['value']);
    return {
      operations: [{ op: 'remove', path: `members[value eq "${value}"]` }],
      mark: (state) => state.get(id)?.get('members')?.includes(value) !== true,
    };
  },
  () => ({ operations: [{ op: 'remove', path: 'members' }] }),
  (world) => {
    const members = idsOf(world, 'Users')
      .filter(() => world.chance.often(0.4))
      .map((value) => ({ value }));
    return { operations: [{ op: 'replace', path: 'members', value: members }] };
  },
  (world, id) => {
    const value = fresh(world, 'app-n');
    return {
      operations: [{ op: 'replace', path: 'displayName', value }],
      mark: (state) => state.get(id)?.get('displayName') === JSON.stringify(value),
    };
  },
];

const putUser = async (world: World, way: Way, id: string): Promise<void> => {
  const { meta: _meta, ...row } = rowOf(world, 'Users', id);
  const { title: _title, ...rest } = row;
  await way('Users', 'PUT', id, {
    ...(world.chance.often(0.5) ? rest : row),
    nickName: fresh(world, 'put'),
    name: { familyName: fresh(world, 'F') },
  });
};

/** What the client left last, attribute by attribute; what it did not touch stays as it had left it. */
const leftAfter = (left: State, before: State, now: State): State =>
  new Map(
    [...now].map(([id, is]) => {
      const was = before.get(id);
      const known = left.get(id);
      if (was === undefined || known === undefined) return [id, is];
      const own = new Map(known);
      for (const name of new Set([...was.keys(), ...is.keys()])) {
        const value = is.get(name);
        if (was.get(name) === value) continue;
        if (value === undefined) own.delete(name);
        else own.set(name, value);
      }
      return [id, own];
    }),
  );

/** What was changed since is its writer's no more, even where it is the same again later. */
const forgetEnded = ({ marks }: World, now: State): void => {
  marks.splice(0, marks.length, ...marks.filter(({ holds }) => holds(now)));
};

/** One change of the client. */
export const clientStep = async (world: World): Promise<void> => {
  const { chance } = world;
  const before = stateOf(world);
  const way = byClient(world);
  const users = idsOf(world, 'Users');
  const groups = idsOf(world, 'Groups');
  const what = chance.below(100);
  if (users.length < 2 || what < 12) await way('Users', 'POST', null, newUser(world));
  else if (groups.length === 0 || what < 18) await way('Groups', 'POST', null, newGroup(world));
  else if (what < 60) {
    const id = chance.pick(users);
    const changes = [chance.pick(userChanges), chance.pick(userChanges)].slice(
      0,
      1 + chance.below(2),
    );
    const operations = changes.flatMap((change) => change(world, id).operations);
    await way('Users', 'PATCH', id, patch(...operations));
  } else if (what < 68) await putUser(world, way, chance.pick(users));
  else if (what < 90) {
    const id = chance.pick(groups);
    await way('Groups', 'PATCH', id, patch(...chance.pick(groupChanges)(world, id).operations));
  } else if (what < 97) await way('Users', 'DELETE', chance.pick(users), null);
  else await way('Groups', 'DELETE', chance.pick(groups), null);
  const now = stateOf(world);
  world.left.state = leftAfter(world.left.state, before, now);
  forgetEnded(world, now);
};

/** One change past the gateway, marked where it can be told that it still holds. */
export const outsideStep = async (world: World): Promise<void> => {
  const { chance, marks } = world;
  const way = byOutsider(world);
  const kind: Kind = chance.often(0.6) ? 'Users' : 'Groups';
  const ids = idsOf(world, kind);
  if (ids.length === 0) return;
  const id = chance.pick(ids);
  if (chance.often(0.06)) {
    await way(kind, 'DELETE', id, null);
    marks.push({ told: `${kind} ${id} is gone`, holds: (state) => !state.has(id) });
    return;
  }
  const before = stateOf(world);
  const change = chance.pick(kind === 'Users' ? userChanges : groupChanges)(world, id);
  const status = await way(kind, 'PATCH', id, patch(...change.operations));
  forgetEnded(world, stateOf(world));
  const { mark } = change;
  // What was so already is nobody's write: this server takes a member twice.
  if (status >= 300 || mark === undefined || mark(before) || !mark(stateOf(world))) return;
  // Nor can it be seen where an outsider leaves it as the client had left it.
  if (mark(world.left.state)) return;
  marks.push({ told: `${kind} ${id} ${JSON.stringify(change.operations)}`, holds: mark });
};

/** New ids, each with the old one. */
export const oldIdsOf = (run: UndoRun): ReadonlyMap<string, string> =>
  new Map(
    run.steps.flatMap(({ subject, result }) =>
      result.newId === null ? [] : [[result.newId, subject.id] as const],
    ),
  );

const topOf = (attribute: string): string => {
  const below = attribute.startsWith(enterprise)
    ? attribute.slice(enterprise.length + 1)
    : attribute;
  const top = below.split('.')[0] as string;
  return attribute.startsWith(enterprise) ? `${enterprise}:${top}` : top;
};

type Named = Readonly<{ whole: ReadonlySet<string>; parts: ReadonlySet<string> }>;

/** What the run says is not as it was: resources as a whole, and `id attribute`. */
export const namedBy = ({ steps }: UndoRun): Named => {
  const whole = new Set<string>();
  const parts = new Set<string>();
  // What is only said of the account itself, its id and what no target shows.
  const aside = new Set(['new-id', 'credentials', 'secret']);
  for (const { subject, parts: told, result } of steps) {
    if (!['applied', 'nothing'].includes(result.outcome)) whole.add(subject.id);
    for (const { kind, attribute, reason } of [...told, ...result.refused]) {
      if (kind !== 'refused' || aside.has(reason ?? '')) continue;
      if (attribute === null) whole.add(subject.id);
      else parts.add(`${subject.id} ${topOf(attribute)}`);
    }
  }
  return { whole, parts };
};

/** What the run claims to have written: `id attribute`, or `id *`. */
export const writtenBy = ({ steps }: UndoRun): ReadonlySet<string> => {
  const written = new Set<string>();
  for (const { subject, parts, result } of steps) {
    if (result.outcome !== 'applied') continue;
    for (const { kind, attribute } of parts) {
      if (kind === 'recreate' || kind === 'remove') written.add(`${subject.id} *`);
      else if (kind !== 'nothing' && kind !== 'refused' && attribute !== null) {
        written.add(`${subject.id} ${topOf(attribute)}`);
      }
    }
  }
  return written;
};
