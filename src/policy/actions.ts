/**
 * Which actions there are, what a wildcard means, and which attributes an action owns
 * (interface.md §2). Data; the rest of policy reads it and compares no names of its own.
 */
import type { Action } from '../identity/operation.ts';

/** What is known of one resource word. */
type ResourceRow = Readonly<{
  /** Verbs that may be granted by name. */
  verbs: readonly string[];
  /** Verbs that `*` stands for. Frozen: a later release adds to `verbs`, never here. */
  wildcard: readonly string[];
  /** Attributes that only these actions touch, lower-cased -> verbs to grant instead. */
  owned: ReadonlyMap<string, readonly string[]>;
  /** Owned attributes that a create carries by itself, lower-cased. */
  born: ReadonlySet<string>;
}>;

const entitle = ['entitle'] as const;
const membership = ['add-member', 'remove-member', 'replace-members'] as const;

const usersByWildcard = [
  'read',
  'search',
  'create',
  'update',
  'rename',
  'recovery',
  'activate',
  'deactivate',
] as const;

const users: ResourceRow = {
  verbs: [...usersByWildcard, 'delete', 'password', 'entitle', 'update-unknown'],
  wildcard: usersByWildcard,
  owned: new Map<string, readonly string[]>([
    ['username', ['rename']],
    ['externalid', ['rename']],
    ['active', ['activate', 'deactivate']],
    ['password', ['password']],
    ['roles', entitle],
    ['entitlements', entitle],
    ['x509certificates', entitle],
  ]),
  born: new Set(['username', 'externalid', 'active']),
};

const groups: ResourceRow = {
  verbs: ['read', 'search', 'create', 'update', 'delete', ...membership, 'update-unknown'],
  wildcard: ['read', 'search', 'create', 'update', ...membership],
  owned: new Map([['members', membership]]),
  born: new Set(),
};

const anyOther: ResourceRow = {
  verbs: ['read', 'search', 'create', 'update', 'delete', 'update-unknown'],
  wildcard: ['read', 'search', 'create', 'update'],
  owned: new Map(),
  born: new Set(),
};

const rows: ReadonlyMap<string, ResourceRow> = new Map([
  ['users', users],
  ['groups', groups],
]);
const rowOf = (word: string): ResourceRow => rows.get(word) ?? anyOther;

/** Comes with any live grant of the route; never written in one. */
export const discoveryRead: Action = 'discovery:read';

/** Every action that can be granted on a resource word: `users:read` … */
export const actionsOf = (word: string): readonly Action[] =>
  rowOf(word).verbs.map((verb): Action => `${word}:${verb}`);

/**
 * The actions that one entry of `actions:` stands for: `read`, `users:read`, `*` or `users:*`.
 * Null if there is no such action on this resource.
 */
export const actionsNamed = (word: string, text: string): readonly Action[] | null => {
  const verb = text.startsWith(`${word}:`) ? text.slice(word.length + 1) : text;
  const row = rowOf(word);
  if (verb === '*') return row.wildcard.map((known): Action => `${word}:${known}`);
  return row.verbs.includes(verb) ? [`${word}:${verb}`] : null;
};

/** The verbs to grant instead of naming this attribute in a `write` list, or null. */
export const verbsOwning = (word: string, attribute: string): readonly string[] | null => {
  const name = attribute.toLowerCase();
  const dot = name.startsWith('urn:') ? -1 : name.indexOf('.');
  return rowOf(word).owned.get(dot < 0 ? name : name.slice(0, dot)) ?? null;
};

/** Does a create carry this attribute by itself (`active`, `userName`), whatever `write` says? */
export const isBornWith = (word: string, attribute: string): boolean =>
  rowOf(word).born.has(attribute.toLowerCase());

/** Every change there can be of a resource: what `*` stands for where wider is safer. */
export const mutationsOf = (word: string): readonly Action[] =>
  actionsOf(word).filter((action) => !isReadAction(action));

/** Verbs that a change of this attribute needs: of `emails` recovery, of `title` update. */
export const verbsTouching = (word: string, attribute: string): readonly string[] => {
  const owned = verbsOwning(word, attribute);
  if (owned !== null) return owned;
  const recovers = word === 'users' && /^(emails|phonenumbers)($|\.)/i.test(attribute);
  return recovers ? ['recovery'] : ['update', 'update-unknown'];
};

const revokingVerbs: ReadonlySet<string> = new Set(['deactivate', 'delete', 'remove-member']);

/** Does the action take access away, and nothing else? */
export const isRevoking = (action: Action): boolean =>
  revokingVerbs.has(action.slice(action.indexOf(':') + 1));

/** The resource word of an action. */
export const wordOf = (action: Action): string => action.slice(0, action.indexOf(':'));

/** Which list of a rule governs the attributes of an action: `read`, `write`, or neither. */
export const governedBy = (action: Action): 'read' | 'write' | null => {
  const verb = action.slice(action.indexOf(':') + 1);
  return governed.get(verb) ?? null;
};
const governed: ReadonlyMap<string, 'read' | 'write'> = new Map([
  ['read', 'read'],
  ['search', 'read'],
  ['create', 'write'],
  ['update', 'write'],
  // An account is recovered by its addresses: they need the action and the list both.
  ['recovery', 'write'],
]);

/** True for actions that change nothing. */
export const isReadAction = (action: Action): boolean => governedBy(action) === 'read';
