/**
 * Routes of a snapshot: the resource types their target serves, their profile and their grants,
 * compiled by the rooms that own them.
 */
import { compileProfile } from '../identity/attributes/compile-profile.ts';
import type { Profile } from '../identity/attributes/profile.ts';
import { declareTypes } from '../identity/scim/declared-types.ts';
import { coreTypes, genericType, ruleName } from '../identity/scim/schemas.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import { emptyView } from '../identity/scim/view.ts';
import { compileGrants } from '../policy/compile-grants.ts';
import type { GrantSettings, PermissionSettings } from '../policy/settings.ts';
import type { Route } from '../snapshot.ts';
import type { TargetSettings } from '../targets/settings.ts';
import { compileRouteSafety } from './compile-route-safety.ts';
import type { Parsed } from './parse-sections.ts';
import type { Path } from './problem.ts';
import type { RouteSettings } from './schema.ts';

type Types = Readonly<Record<string, ResourceType>>;

/** Tells a problem at its place. */
export type ProblemAt = (path: Path, message: string) => void;

/** Resource types by lower-cased endpoint: users, groups and what the route file names. */
const namedTypes = (settings: TargetSettings | undefined): Types => {
  const declared = settings?.resources ?? [];
  if (declared.length === 0) return coreTypes;
  const types = Object.assign(Object.create(null) as Record<string, ResourceType>, coreTypes);
  for (const endpoint of declared) {
    const type = genericType(endpoint);
    if (!Object.hasOwn(types, type.word)) types[type.word] = type;
  }
  return Object.freeze(types);
};

/** The same, with what the target's schemas file says of them. */
export const typesOf = (target: string, { targets, declared }: Parsed): Types => {
  const file = declared.get(target);
  const named = namedTypes(targets.get(target));
  return file === undefined ? named : declareTypes(named, file);
};

const checkEmptyLists = (
  name: string,
  endpoints: readonly string[],
  types: Types,
  problem: ProblemAt,
): void => {
  for (const [index, endpoint] of endpoints.entries()) {
    if (!Object.hasOwn(types, endpoint.toLowerCase()))
      problem(['routes', name, 'emptyLists', index], 'this route has no such endpoint');
  }
};

const permissionTable = (parsed: Parsed): Readonly<Record<string, PermissionSettings>> =>
  Object.assign(
    Object.create(null) as Record<string, PermissionSettings>,
    Object.fromEntries(parsed.permissions),
  );

/** Profiles by the types they were compiled for: most routes serve the same two. */
type Profiles = Map<Types, Map<string, Profile>>;

const profileOf = (
  name: string | undefined,
  types: Types,
  parsed: Parsed,
  known: Profiles,
  problem: ProblemAt,
): Profile | null => {
  const settings = name === undefined ? undefined : parsed.profiles.get(name);
  if (name === undefined || settings === undefined) return null;
  const here = known.get(types) ?? new Map<string, Profile>();
  known.set(types, here);
  const profile = here.get(name) ?? compileProfile(name, settings, types, problem);
  here.set(name, profile);
  return profile;
};

const rooms = { view: emptyView, resolveName: ruleName } as const;

/** Every route that parsed, longest path first. Problems are told at their place in the file. */
export const compileRoutes = (parsed: Parsed, problem: ProblemAt): readonly Route[] => {
  const permissions = permissionTable(parsed);
  const profiles: Profiles = new Map();
  const compileOne = (name: string, settings: RouteSettings): Route => {
    const types = typesOf(settings.scim, parsed);
    const all = Object.values(types);
    checkEmptyLists(name, settings.emptyLists, types, problem);
    return Object.freeze({
      name,
      path: settings.path,
      segments: settings.path.slice(1).split('/'),
      target: settings.scim,
      types,
      profile: profileOf(settings.normalise, types, parsed, profiles, problem),
      before: settings.before,
      ...compileRouteSafety(name, settings, types, problem),
      deletes: settings.deletes,
      turns: settings.turns,
      emptyLists: new Set(settings.emptyLists.map((endpoint) => endpoint.toLowerCase())),
      trace: settings.trace,
      bulk: settings.bulk === 'off' ? null : { operationsMax: settings.bulk.operations },
      grants: compileGrants({
        ...rooms,
        route: name,
        grants: settings.grants,
        permissions,
        types: all,
        problem,
      }),
    });
  };
  return [...parsed.routes]
    .map(([name, settings]) => compileOne(name, settings))
    .sort((a, b) => b.segments.length - a.segments.length || (a.path < b.path ? -1 : 1));
};

/**
 * Judges what no compiled route reaches: permissions and profiles nobody uses (yet), and grants of
 * routes that did not parse. Against the types of all targets together; compiles nothing to keep.
 */
export const checkUnreached = (parsed: Parsed, problem: ProblemAt): void => {
  const permissions = permissionTable(parsed);
  const types = new Map<string, ResourceType>();
  for (const each of ['', ...parsed.targets.keys()])
    for (const type of Object.values(typesOf(each, parsed))) types.set(type.word, type);
  const all = [...types.values()];
  const judge = (grant: GrantSettings, route: string, tell: ProblemAt): void => {
    compileGrants({ ...rooms, route, grants: [grant], permissions, types: all, problem: tell });
  };
  for (const { route, index, grant } of parsed.strayGrants) {
    judge(grant, route, (path, message) =>
      problem(path[0] === 'routes' ? path.with(3, index) : path, message),
    );
  }
  const usedPermissions = new Set<string | undefined>();
  const usedProfiles = new Set<string | undefined>();
  for (const { grants, normalise } of parsed.routes.values()) {
    usedProfiles.add(normalise);
    for (const { use } of grants) usedPermissions.add(use);
  }
  for (const name of parsed.permissions.keys()) {
    if (usedPermissions.has(name)) continue;
    judge(
      { client: 'nobody', use: name, mode: 'enforce' } as GrantSettings,
      'of no target',
      (path, message) =>
        problem(path, path.length === 3 ? 'no target serves such a resource' : message),
    );
  }
  for (const [name, settings] of parsed.profiles)
    if (!usedProfiles.has(name)) compileProfile(name, settings, all, problem);
};
