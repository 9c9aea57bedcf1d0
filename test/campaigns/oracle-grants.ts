/**
 * The clients of the oracle campaign, twice: as the route file grants them, and as a table of what
 * each may change, written by hand beside it. The second is the oracle; it calls nothing of policy.
 */
import type { Changed, Json, Resource } from './scim-store.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

/** What one client may do to one kind of resource. Names in lower case. */
type May = Readonly<{
  create?: true;
  delete?: true;
  rename?: true;
  activate?: true;
  deactivate?: true;
  password?: true;
  entitle?: true;
  addMember?: true;
  removeMember?: true;
  /** Leaves that update and create may write; null = all of core and enterprise. */
  update?: readonly string[] | null;
  /** Leaves of emails and phoneNumbers that may be written. */
  recovery?: readonly string[] | null;
  /** Both names of a group. */
  group?(displayName: string): boolean;
  /** On what is there afterwards. */
  when?(after: Resource): boolean;
}>;

export const oracleTable: Readonly<Record<string, Readonly<{ Users: May; Groups: May }>>> = {
  titles: { Users: { update: ['title', 'displayname'] }, Groups: {} },
  givens: {
    Users: { update: ['name.givenname', `${enterprise}:department`.toLowerCase()] },
    Groups: {},
  },
  joiner: {
    Users: {
      create: true,
      update: ['name', 'displayname', 'nickname', enterprise.toLowerCase()],
      when: (after) => plain(after['userName']).endsWith('@example.com'),
    },
    Groups: {},
  },
  mailer: { Users: { recovery: ['emails'] }, Groups: {} },
  leaver: { Users: { deactivate: true, delete: true }, Groups: {} },
  dropper: { Users: { update: ['title', 'name.givenname'], activate: true }, Groups: {} },
  adder: {
    Users: {},
    Groups: { addMember: true, group: (name) => name.startsWith('app-') && !isAdmins(name) },
  },
  remover: { Users: {}, Groups: { removeMember: true, group: (name) => name.startsWith('app-') } },
  grouper: {
    Users: {},
    Groups: {
      create: true,
      update: null,
      addMember: true,
      removeMember: true,
      group: (name) => !isAdmins(name),
    },
  },
  reader: { Users: {}, Groups: {} },
};

const plain = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
const isAdmins = (name: string): boolean => /-admins$/i.test(name.trim());

/** The same as the route file says it. */
export const oraclePermissions = `
permissions:
  titles: { users: { actions: [read, update], write: { only: [title, displayName] } } }
  givens: { users: { actions: [read, search, update], write: { only: [name.givenName, "${enterprise}:department"] }, read: { except: [phoneNumbers] } } }
  joiner: { users: { actions: [read, create, update], write: { only: [name, displayName, nickName, "${enterprise}"] }, when: after.userName.endsWith("@example.com") } }
  mailer: { users: { actions: [read, recovery], write: { only: [emails] } } }
  leaver: { users: { actions: [read, deactivate, delete] } }
  dropper: { users: { actions: [read, update, activate], write: { only: [title, name.givenName], denied: drop } } }
  adder: { groups: { actions: [read, add-member], only: ["app-*"], except: ["*-admins"] } }
  remover: { groups: { actions: [read, remove-member], only: ["app-*"] } }
  grouper: { groups: { actions: [read, search, create, update, replace-members, add-member, remove-member], except: ["*-admins"] } }
  reader: { users: { actions: [read, search] }, groups: { actions: [read, search] } }
`;

export const oracleClients = Object.keys(oracleTable);

/** A change of one attribute with the actions that could explain it; any one will do. */
export type Explained = Readonly<{ what: string; actions: readonly string[]; allowed: boolean }>;

const isMap = (value: Json | undefined): value is Resource =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listed = (value: Json | undefined): readonly Json[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
const text = (value: Json | undefined): string => JSON.stringify(value ?? null, keysOf(value));
/** All names below, sorted, so that order never counts. */
const keysOf = (value: Json | undefined): string[] => {
  const names = new Set<string>();
  JSON.stringify(value ?? null, (name: string, inner: unknown) => (names.add(name), inner));
  return [...names].sort();
};

const covers = (list: readonly string[] | null | undefined, leaf: string): boolean =>
  list === null ||
  (list ?? []).some(
    (name) => leaf === name || leaf.startsWith(`${name}.`) || leaf.startsWith(`${name}:`),
  );

/** Leaves in which two values differ: subs of a single object, else the attribute as a whole. */
const leavesOf = (
  name: string,
  before: Json | undefined,
  after: Json | undefined,
): readonly string[] => {
  if (text(before) === text(after)) return [];
  const maps = (isMap(before) || before === undefined) && (isMap(after) || after === undefined);
  if (!maps) return [name];
  const [one, other] = [before ?? {}, after ?? {}];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])]
    .filter((sub) => sub !== '$ref' && text(one[sub]) !== text(other[sub]))
    .map((sub) => `${name}.${sub.toLowerCase()}`);
};

const entitling = new Set(['roles', 'entitlements', 'x509certificates']);
const recovering = new Set(['emails', 'phonenumbers']);
const ignored = new Set(['schemas', 'id', 'meta']);

/** Elements of the first list that the second does not hold, counted. */
const surplus = (some: readonly Json[], others: readonly Json[]): number => {
  const left = others.map(text);
  return some.filter((item) => {
    const at = left.indexOf(text(item));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  }).length;
};

const explainMembers = (before: Resource | null, after: Resource, may: May): Explained[] => {
  const [old, now] = [listed(before?.['members']), listed(after['members'])];
  const replace = 'groups:replace-members';
  const out: Explained[] = [];
  if (surplus(now, old) > 0) {
    out.push({
      what: 'members added',
      actions: ['groups:add-member', replace],
      allowed: may.addMember === true,
    });
  }
  if (surplus(old, now) > 0) {
    out.push({
      what: 'members removed',
      actions: ['groups:remove-member', replace],
      allowed: may.removeMember === true,
    });
  }
  return out;
};

const explainActive = (after: Json | undefined, creating: boolean, may: May): Explained => {
  if (creating) return { what: 'active', actions: ['users:create'], allowed: true };
  const verb = after === true ? 'activate' : 'deactivate';
  const allowed = after === true ? may.activate === true : may.deactivate === true;
  return { what: `active becomes ${text(after)}`, actions: [`users:${verb}`], allowed };
};

const explainUser = (
  name: string,
  before: Json | undefined,
  after: Json | undefined,
  creating: boolean,
  may: May,
): Explained[] => {
  if (name === 'active') return [explainActive(after, creating, may)];
  if (name === 'password')
    return [{ what: name, actions: ['users:password'], allowed: may.password === true }];
  if (name === 'groups') return [{ what: name, actions: [], allowed: false }];
  if (entitling.has(name))
    return [{ what: name, actions: ['users:entitle'], allowed: may.entitle === true }];
  if (name === 'username' || name === 'externalid') {
    return [
      {
        what: name,
        actions: ['users:rename', 'users:create'],
        allowed: creating || may.rename === true,
      },
    ];
  }
  return leavesOf(name, before, after).map((leaf) => {
    if (creating)
      return { what: leaf, actions: ['users:create'], allowed: covers(may.update, leaf) };
    return recovering.has(name)
      ? { what: leaf, actions: ['users:recovery'], allowed: covers(may.recovery, leaf) }
      : { what: leaf, actions: ['users:update'], allowed: covers(may.update, leaf) };
  });
};

const explainExtension = (
  urn: string,
  before: Json | undefined,
  after: Json | undefined,
  creating: boolean,
  may: May,
): Explained[] => {
  const [one, other] = [isMap(before) ? before : {}, isMap(after) ? after : {}];
  const known = urn === enterprise.toLowerCase();
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((attribute) =>
    leavesOf(`${urn}:${attribute.toLowerCase()}`, one[attribute], other[attribute]).map((leaf) => ({
      what: leaf,
      actions: known
        ? ['users:update', ...(creating ? ['users:create'] : [])]
        : ['users:update-unknown'],
      allowed: known && covers(may.update, leaf),
    })),
  );
};

/** Every difference of one change with what it would take; `allowed` is the oracle's word on it. */
export const explain = (client: string, { kind, before, after }: Changed): readonly Explained[] => {
  const may = oracleTable[client]?.[kind] ?? {};
  const word = kind.toLowerCase();
  const creating = before === null;
  const out: Explained[] = [];
  if (creating)
    out.push({ what: 'created', actions: [`${word}:create`], allowed: may.create === true });
  if (after === null)
    return [{ what: 'deleted', actions: [`${word}:delete`], allowed: may.delete === true }];
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after)]);
  for (const name of names) {
    const [old, now] = [before?.[name], after[name]];
    if (ignored.has(name) || text(old) === text(now)) continue;
    const lower = name.toLowerCase();
    if (lower.includes(':')) out.push(...explainExtension(lower, old, now, creating, may));
    else if (kind === 'Users') out.push(...explainUser(lower, old, now, creating, may));
    else if (lower === 'members') out.push(...explainMembers(before, after, may));
    else
      out.push({
        what: lower,
        actions: ['groups:update', ...(creating ? ['groups:create'] : [])],
        allowed: covers(may.update, lower),
      });
  }
  if (out.length === 0) return out;
  const outside = [before, after].some(
    (each) => each !== null && may.group?.(plain(each['displayName'])) === false,
  );
  if (outside) out.push({ what: 'group outside of its patterns', actions: [], allowed: false });
  if (may.when?.(after) === false)
    out.push({ what: 'condition does not hold', actions: [], allowed: false });
  return out;
};
