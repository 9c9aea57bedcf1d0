/**
 * Looks through one tenant for whom its rules protect: by what they match, by membership in groups
 * (nested ones, too) and by ids. Groups whose members a rule protects are marked beside them, under
 * word `groups`, for they may not be renamed, emptied or regrouped either. A rule comes out with its
 * marks, or with why it could not be looked through whole; one never lets another down.
 */
import { isArray, isObject } from '../identity/json-value.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import type { Protection, TenantSafety } from '../policy/safety.ts';
import type { Target } from '../snapshot.ts';
import type { AskDeps } from './ask-target.ts';
import { countAll, readAll, readOne, type Budget, type Listing, type Unread } from './read-all.ts';

/** A resource that a rule protects. */
export type Marked = Readonly<{ word: 'users' | 'groups'; id: string }>;

/** What came of one rule. `failed`: a short word, no personal data. */
export type Looked = Readonly<{ marks: readonly Marked[] }> | Unread;

/** Where a tenant is looked through. */
export type Looking = Readonly<{
  target: Target;
  types: Readonly<Record<'users' | 'groups', ResourceType>>;
  budget: Budget;
  /** Rules for which nobody is left to the target's filter, where the tenant is small enough. */
  whole: ReadonlySet<string>;
}>;

/** Levels of groups within groups; what lies deeper leaves the rule unresolved, for nobody knows its end. */
const nestingMax = 10;

type MemberRule = Protection & Readonly<{ memberOf: NonNullable<Protection['memberOf']> }>;
const hasMembers = (rule: Protection): rule is MemberRule => rule.memberOf !== null;

/** A rule that asks for nobody by attribute or condition matches by ids or membership alone. */
const searches = ({ filter }: Protection): boolean => filter !== '';

/** Marks of every rule so far, and the rules that failed. */
const makeFindings = (rules: readonly Protection[]) => {
  const marks = new Map<string, Map<string, Marked>>(rules.map(({ name }) => [name, new Map()]));
  const failures = new Map<string, string>();
  return {
    mark: (rule: string, marked: Marked): void => {
      marks.get(rule)?.set(`${marked.word}\n${marked.id}`, marked);
    },
    fail: (of: readonly Protection[], unread: Unread | null): void => {
      if (unread === null) return;
      for (const { name } of of) if (!failures.has(name)) failures.set(name, unread.failed);
    },
    looked: (): ReadonlyMap<string, Looked> =>
      new Map(
        [...marks].map(([rule, found]) => {
          const failed = failures.get(rule);
          return [rule, failed === undefined ? { marks: [...found.values()] } : { failed }];
        }),
      ),
  };
};
type Findings = ReturnType<typeof makeFindings>;

const nameOf = (group: Resource): string => {
  const name = group['displayName'];
  return typeof name === 'string' ? name : '';
};

/** Elements of a multi-valued reference: members of a group, groups of a user. */
const elementsOf = (resource: Resource, attribute: string) => {
  const list = resource[attribute];
  return (isArray(list) ? list : []).flatMap((one) => {
    const value = isObject(one) ? one['value'] : undefined;
    return isObject(one) && typeof value === 'string' ? [{ element: one, value }] : [];
  });
};

/** Is this member a group? By what the target says of it, or because the list of groups holds it. */
const isGroup = (
  { element, value }: ReturnType<typeof elementsOf>[number],
  groups: ReadonlySet<string>,
): boolean => {
  const { type, $ref } = element;
  if (groups.has(value)) return true;
  if (typeof type === 'string') return type.toLowerCase() === 'group';
  return typeof $ref === 'string' && /(?:^|\/)groups\//i.test($ref);
};

type Walk = Readonly<{ deps: AskDeps; looking: Looking; findings: Findings }>;

/** Resources of one kind up to which a rule is looked through whole at first. */
const wholeMax = 5_000;

/** What one list is asked for; `filter` null: everybody. `needing`: rules that rest on it being whole. */
type Listed = Readonly<{
  rules: readonly Protection[];
  needing: readonly Protection[];
  filter: string | null;
}>;

/**
 * Lists for each rule that has a filter, and one list of everybody, where some rule or membership needs
 * it. Who is listed anyway is judged by all rules: a target's filter does not find full-width, decomposed
 * or invisible spellings, for which patterns are made as well.
 */
const listingsOf = async (
  { deps, looking }: Walk,
  word: 'users' | 'groups',
  rules: readonly Protection[],
  needsAll: boolean,
): Promise<readonly Listed[]> => {
  const searching = rules.filter(searches);
  const all = searching.filter(({ filter }) => filter === null);
  const narrow = searching
    .filter(({ filter }) => filter !== null)
    .map((rule) => ({ rules: [rule], needing: [rule], filter: rule.filter }));
  if (needsAll || all.length > 0)
    return [...narrow, { rules: searching, needing: all, filter: null }];
  if (!searching.some(({ name }) => looking.whole.has(name))) return narrow;
  const counted = await countAll(deps, looking.target, looking.types[word]);
  const few = 'count' in counted && counted.count !== null && counted.count <= wholeMax;
  return few ? [{ rules: searching, needing: searching, filter: null }] : narrow;
};

/** Matches of rules over one type. `everybody` sees each resource of the whole list, where there is one. */
const match = async (
  walk: Walk,
  word: 'users' | 'groups',
  rules: readonly Protection[],
  everybody: Readonly<{ rules: readonly Protection[]; see(resource: Resource, id: string): void }>,
): Promise<void> => {
  const { deps, looking, findings } = walk;
  const { target, types, budget } = looking;
  const needsAll = everybody.rules.length > 0;
  for (const { rules: listed, needing, filter } of await listingsOf(walk, word, rules, needsAll)) {
    const excluded =
      word === 'groups' && !listed.some(({ keys }) => keys.covers('members')) ? ['members'] : [];
    const listing: Listing = { target, type: types[word], filter, excluded, budget };
    const unread = await readAll(deps, listing, (resource, id) => {
      for (const rule of listed) if (rule.matches(resource)) findings.mark(rule.name, { word, id });
      if (filter === null && needsAll) everybody.see(resource, id);
    });
    findings.fail(filter === null ? [...needing, ...everybody.rules] : needing, unread);
  }
};

type Member = Readonly<{ id: string; group: boolean }>;

/** Members of groups, each group read once, whatever rules ask for it. */
const makeMembers = ({ deps, looking }: Walk, groups: ReadonlySet<string>) => {
  const known = new Map<string, readonly Member[]>();
  return async (id: string): Promise<readonly Member[] | Unread> => {
    const before = known.get(id);
    if (before !== undefined) return before;
    if ((looking.budget.resources -= 1) < 0) return { failed: 'too_many_resources' };
    const read = await readOne(deps, looking.target, looking.types.groups, id);
    if ('failed' in read) return read;
    const members = elementsOf(read.resource ?? {}, 'members').map((one) => ({
      id: one.value,
      group: isGroup(one, groups),
    }));
    known.set(id, members);
    return members;
  };
};

/** Marks the members of these groups, level by level; a group that was seen is not entered again. */
const follow = async (
  walk: Walk,
  rule: MemberRule,
  sources: ReadonlySet<string>,
  membersOf: ReturnType<typeof makeMembers>,
): Promise<void> => {
  const { findings } = walk;
  const seen = new Set(sources);
  let level: readonly string[] = [...sources];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > nestingMax) return findings.fail([rule], { failed: 'nested_too_deep' });
    const next: string[] = [];
    for (const group of level) {
      const members = await membersOf(group);
      if ('failed' in members) return findings.fail([rule], members);
      for (const { id, group: nested } of members) {
        findings.mark(rule.name, { word: nested ? 'groups' : 'users', id });
        if (!nested || seen.has(id)) continue;
        seen.add(id);
        next.push(id);
      }
    }
    level = next;
  }
};

/** Looks through all rules of a tenant. Never throws for what a target answers. */
export const lookThrough = async (
  deps: AskDeps,
  { protections }: Pick<TenantSafety, 'protections'>,
  looking: Looking,
): Promise<ReadonlyMap<string, Looked>> => {
  const findings = makeFindings(protections);
  const walk: Walk = { deps, looking, findings };
  for (const { name, word, ids } of protections) {
    for (const id of ids) findings.mark(name, { word, id });
  }
  const memberRules = protections.filter(hasMembers);
  const groups = new Set<string>();
  const sources = new Map<string, Set<string>>(memberRules.map(({ name }) => [name, new Set()]));
  await match(
    walk,
    'groups',
    protections.filter(({ word }) => word === 'groups'),
    {
      rules: memberRules,
      see: (group, id) => {
        groups.add(id);
        for (const rule of memberRules) {
          if (!rule.memberOf(nameOf(group))) continue;
          findings.mark(rule.name, { word: 'groups', id });
          sources.get(rule.name)?.add(id);
        }
      },
    },
  );
  const shows = looking.target.knobs.showsMembers;
  const membersOf = makeMembers(walk, groups);
  for (const rule of shows ? memberRules : []) {
    await follow(walk, rule, sources.get(rule.name) ?? new Set(), membersOf);
  }
  await match(
    walk,
    'users',
    protections.filter(({ word }) => word === 'users'),
    {
      // Where groups do not show their members, the users say in which groups they are.
      rules: shows ? [] : memberRules,
      see: (user, id) => {
        for (const { element, value } of elementsOf(user, 'groups')) {
          for (const rule of memberRules) {
            const { display } = element;
            const named = typeof display === 'string' && rule.memberOf(display);
            if (named || sources.get(rule.name)?.has(value)) {
              findings.mark(rule.name, { word: 'users', id });
            }
          }
        }
      },
    },
  );
  return findings.looked();
};
