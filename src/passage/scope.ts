/**
 * What a caller may read on a route, whatever it asks just now: by all its live grants, of the
 * resource at hand and of those whose names it repeats. What may not be read may not be probed either.
 */
import { refuse, type Refusal } from '../errors.ts';
import { isMutation, type AttributeName, type Operation } from '../identity/operation.ts';
import type { TypesByEndpoint } from '../identity/scim/address.ts';
import {
  asksForCopy,
  namesCopied,
  openCopies,
  withJudgedParts,
  type CopyScope,
} from '../identity/scim/copies.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import { changesWithTheWhole, seesAll, type Sight } from '../identity/scim/sight.ts';
import { isReadAction } from '../policy/actions.ts';
import type { CompiledRule, Grants } from '../policy/decision.ts';
import type { Actor } from './doors.ts';

type Holder = Pick<Actor, 'grants'>;

/** The caller's rules on a resource word that have not ended. */
export const liveRules = ({ grants }: Holder, word: string, now: number): readonly CompiledRule[] =>
  (grants?.grants ?? [])
    .filter(({ until }) => until > now)
    .flatMap(({ rules }) => rules[word] ?? []);

const reads = (rule: CompiledRule): boolean => [...rule.actions].some(isReadAction);

const typeOfKind = (types: TypesByEndpoint, kind: string): ResourceType | undefined => {
  const folded = kind.toLowerCase();
  return Object.hasOwn(types, folded)
    ? types[folded]
    : Object.values(types).find(({ name }) => name.toLowerCase() === folded);
};

type NameTest = (name: string | null) => boolean;
const always: NameTest = () => true;

/** Who may read the names of resources: some of its reading rules together cover each of them. */
const nameTest = (rules: readonly CompiledRule[], word: string): NameTest => {
  const names = namesCopied(word);
  const covered = (by: readonly CompiledRule[]): boolean =>
    names.every((name) => by.some((rule) => rule.read.covers(name)));
  const readers = rules.filter(reads);
  const anywhere = readers.filter(({ group }) => group === null);
  if (covered(anywhere)) return always;
  return (name) =>
    name !== null && covered(readers.filter(({ group }) => group === null || group(name)));
};

/** Groups that there are to the caller: by its rules that read, or where none does by all. */
const groupsKnown = (rules: readonly CompiledRule[]): CopyScope['knowsGroup'] => {
  const readers = rules.filter(reads);
  const asked = readers.length > 0 ? readers : rules;
  if (asked.length === 0 || asked.some(({ group }) => group === null)) return null;
  return (name) => asked.some(({ group }) => group?.(name) === true);
};

/** A scope as it was made, and from when until when (wall ms) the same grants are live. */
type Made = Readonly<{
  types: TypesByEndpoint;
  from: number;
  until: number;
  scope: CopyScope;
  /** By resource word; filled as it is asked. */
  sights: Map<string, Sight>;
}>;

const made = new WeakMap<Grants, Made>();

const makeScope = (holder: Holder, types: TypesByEndpoint, now: number): Made => {
  const ends = (holder.grants?.grants ?? []).map(({ until }) => until);
  return {
    types,
    from: now,
    until: Math.min(...ends.filter((until) => until > now)),
    scope: makeCopyScope(holder, types, now),
    sights: new Map(),
  };
};

/** Made once per client and route, and anew when one of its grants has ended. */
const scopeOf = (holder: Holder, types: TypesByEndpoint, now: number): Made => {
  const { grants } = holder;
  if (grants === undefined) return makeScope(holder, types, now);
  const last = made.get(grants);
  if (last !== undefined && last.types === types && last.from <= now && now < last.until) {
    return last;
  }
  const fresh = makeScope(holder, types, now);
  made.set(grants, fresh);
  return fresh;
};

/** What the caller may know of the names of other resources, by its live grants on the route. */
export const copyScopeOf = (holder: Holder, types: TypesByEndpoint, now: number): CopyScope =>
  scopeOf(holder, types, now).scope;

const makeCopyScope = (holder: Holder, types: TypesByEndpoint, now: number): CopyScope => {
  const tests = new Map<string, NameTest>();
  for (const { word } of Object.values(types)) {
    tests.set(word, nameTest(liveRules(holder, word, now), word));
  }
  const knowsGroup = groupsKnown(liveRules(holder, 'groups', now));
  const served = tests.has('users') && tests.has('groups');
  if (served && knowsGroup === null && [...tests.values()].every((test) => test === always)) {
    return openCopies;
  }
  return {
    mayName: (kind, name) => {
      const type = typeOfKind(types, kind);
      return type !== undefined && tests.get(type.word)?.(name) === true;
    },
    knowsGroup,
  };
};

/** What the caller may read of a type by any of its live rules. */
export const sightOf = (
  holder: Holder,
  type: ResourceType,
  types: TypesByEndpoint,
  now: number,
): Sight => {
  const { sights, scope } = scopeOf(holder, types, now);
  const known = sights.get(type.word);
  if (known !== undefined) return known;
  const rules = liveRules(holder, type.word, now);
  const sight: Sight = {
    mayRead: (name) => rules.some((rule) => rule.read.covers(name)),
    copies: scope,
  };
  sights.set(type.word, sight);
  return sight;
};

/** The operation as the target is asked: its answer has the parts by which copies are judged. */
export const withParts = <Asked extends Operation>(operation: Asked, copies: CopyScope): Asked => {
  if (operation.verb === 'discover') return operation;
  const projection = withJudgedParts(operation.projection, operation.type, copies);
  return projection === operation.projection ? operation : { ...operation, projection };
};

/** Of names that an operation asks by, those that would tell what the caller may not read. */
export const tellingNames = (
  names: readonly AttributeName[],
  type: ResourceType,
  sight: Sight,
): readonly AttributeName[] =>
  names.filter(
    (name) =>
      asksForCopy(name, type, sight.copies) ||
      (changesWithTheWhole.has(name) && !seesAll(type, sight)),
  );

const failed = refuse(
  'precondition_failed',
  'This client does not see all of the resource, so it is shown no entity tag and none can match. Send the call without If-Match, or with *.',
);

/**
 * The operation without entity tags that its caller cannot know (RFC 9110 §13.1): a tag changes with
 * what is hidden. If-None-Match finds nothing it matches; If-Match with a tag fails, unasked.
 */
export const withoutHiddenTags = (
  holder: Holder,
  operation: Operation,
  types: TypesByEndpoint,
  now: number,
): Operation | Refusal => {
  if (operation.verb === 'discover' || !('preconditions' in operation)) return operation;
  const { ifMatch, ifNoneMatch } = operation.preconditions;
  if (ifMatch === undefined && ifNoneMatch === undefined) return operation;
  if (seesAll(operation.type, sightOf(holder, operation.type, types, now))) return operation;
  if (ifMatch !== undefined && ifMatch !== '*') return failed;
  const keepsNone = ifNoneMatch === '*' && isMutation(operation);
  const preconditions = {
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(keepsNone ? { ifNoneMatch } : {}),
  };
  return { ...operation, preconditions };
};
