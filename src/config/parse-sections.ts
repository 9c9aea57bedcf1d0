/**
 * The tree through the schema, piece by piece: every named entry and every key for itself, so one
 * mistake hides no other. What does not parse is reported and absent from the result.
 */
import type { z } from 'zod';
import type { ClientSettings } from '../callers/settings.ts';
import type { PlanSettings } from '../deliveries/settings.ts';
import type { ProfileSettings } from '../identity/attributes/settings.ts';
import type { SchemasFile } from '../identity/scim/declared-settings.ts';
import type { HoldFileSettings } from '../holds/settings.ts';
import {
  grant as grantSchema,
  grantKeys,
  type GrantSettings,
  type PermissionSettings,
} from '../policy/settings.ts';
import { name as nameSchema } from '../scalars.ts';
import type { TargetSettings } from '../targets/settings.ts';
import { isSecretPath } from './environment.ts';
import { reportIssues } from './issues.ts';
import type { Later } from './not-yet.ts';
import {
  child,
  entriesOf,
  itemsOf,
  locate,
  mapTree,
  plain,
  textOf,
  type MapTree,
  type Report,
  type Tree,
} from './positions.ts';
import { didYouMean, printable, type Path } from './problem.ts';
import { sortRoute, type RouteKind, type Sorted } from './route-kinds.ts';
import {
  defaultSections,
  namedSections,
  routeFile,
  singleKeys,
  webhookRouteSettings,
  type AdminSettings,
  type NamedSection,
  type RouteSettings,
  type ServerSettings,
  type StoreFileSettings,
  type WebhookRouteSettings,
} from './schema.ts';

/** What parsed; a single key that did not is null. */
export type Parsed = Readonly<{
  environment: string | null;
  server: ServerSettings | null;
  admin: AdminSettings | null;
  store: StoreFileSettings | null;
  reload: 'careful' | 'auto' | 'manual' | null;
  holds: HoldFileSettings | null;
  clients: ReadonlyMap<string, ClientSettings>;
  targets: ReadonlyMap<string, TargetSettings>;
  profiles: ReadonlyMap<string, ProfileSettings>;
  permissions: ReadonlyMap<string, PermissionSettings>;
  /** Routes that serve SCIM. */
  routes: ReadonlyMap<string, RouteSettings>;
  /** Routes that take webhooks. */
  webhooks: ReadonlyMap<string, WebhookRouteSettings>;
  plans: ReadonlyMap<string, PlanSettings>;
  /** Grants that are right by themselves, of routes that are not: to be judged all the same. */
  strayGrants: readonly StrayGrant[];
  /** Schemas files by target (`schemas:`); read after everything else is parsed. */
  declared: ReadonlyMap<string, SchemasFile>;
}>;

/** A grant of a route that did not parse. */
export type StrayGrant = Readonly<{ route: string; index: number; grant: GrantSettings }>;

type Context = Readonly<{ report: Report; ignoreMissing: boolean }>;

/**
 * Values from the environment that read as a number or boolean where text is asked for: put back as
 * text. True where something was put back.
 */
const putTextBack = (issues: readonly z.core.$ZodIssue[], root: Tree, value: unknown): boolean => {
  let changed = false;
  for (const issue of issues) {
    if (issue.code !== 'invalid_type' || issue.expected !== 'string') continue;
    const leaf = locate(root, issue.path as Path)?.value;
    const last = issue.path.at(-1);
    if (leaf?.kind !== 'scalar' || leaf.text === undefined || last === undefined) continue;
    let holder = value as Record<string, unknown>;
    for (const step of issue.path.slice(0, -1))
      holder = holder[step as string] as Record<string, unknown>;
    holder[last as string] = leaf.text;
    changed = true;
  }
  return changed;
};

/** One piece through its schema. `tree` undefined = not written. Null where it does not parse. */
const parsePiece = <Output>(
  schema: z.ZodType<Output>,
  tree: Tree | undefined,
  above: MapTree,
  base: Path,
  context: Context,
): Output | null => {
  const value = tree === undefined ? undefined : plain(tree);
  let result = schema.safeParse(value);
  if (!result.success && tree !== undefined && putTextBack(result.error.issues, tree, value))
    result = schema.safeParse(value);
  if (result.success) return result.data;
  if (tree === undefined) {
    const key = String(base.at(-1));
    if (!context.ignoreMissing) context.report(above.at, base, `"${key}" is missing`);
    return null;
  }
  reportIssues(result.error.issues, { root: tree, base, isSecret: isSecretPath, ...context });
  return null;
};

/** Takes keys out of grants that are neither a grant's own nor a resource of the route's target. */
const cleanGrants = (route: Tree, base: Path, file: MapTree, report: Report): Tree => {
  const grants = child(route, 'grants');
  if (route.kind !== 'map' || grants?.kind !== 'list') return route;
  const target = child(child(file, 'targets'), textOf(child(route, 'scim')) ?? '');
  const declared = itemsOf(child(target, 'resources')).map((item) => textOf(item)?.toLowerCase());
  const words = new Set<string | undefined>([...grantKeys, 'users', 'groups', ...declared]);
  const items = grants.items.map((grant, index) => {
    if (grant.kind !== 'map') return grant;
    const unknown = [...grant.entries].filter(([key]) => !words.has(key));
    if (unknown.length === 0) return grant;
    const entries = new Map(grant.entries);
    for (const [key, entry] of unknown) {
      const known = [...words].filter((word) => word !== undefined);
      const path = [...base, 'grants', index, printable(key)];
      report(entry.key, path, `unknown key${didYouMean(key, known)}`);
      entries.delete(key);
    }
    return mapTree(grant.at, entries);
  });
  const entry = route.entries.get('grants');
  if (entry === undefined) return route;
  const cleaned = { key: entry.key, value: { ...grants, items } };
  return mapTree(route.at, new Map(route.entries).set('grants', cleaned));
};

/** An entry as it is to be parsed; null = not by this schema. */
type Prepare = (entry: Tree, base: Path) => Readonly<{ tree: Tree; ignoreMissing: boolean }> | null;

const parseNamed = <Output>(
  section: NamedSection,
  schema: z.ZodType<Output>,
  file: MapTree,
  report: Report,
  prepare: Prepare,
): Map<string, Output> => {
  const out = new Map<string, Output>();
  const tree = child(file, section);
  if (tree === undefined) return out;
  if (tree.kind !== 'map') {
    report(tree.at, [section], 'write a map of names here');
    return out;
  }
  for (const [name, entry] of tree.entries) {
    const base = [section, name];
    const named = nameSchema.safeParse(name);
    if (!named.success) {
      report(entry.key, base, named.error.issues[0]?.message ?? 'not a valid name');
      continue;
    }
    const prepared = prepare(entry.value, base);
    if (prepared === null) continue;
    const { tree: cleaned, ignoreMissing } = prepared;
    const parsed = parsePiece(schema, cleaned, file, base, { report, ignoreMissing });
    if (parsed !== null) out.set(name, parsed);
  }
  return out;
};

const parseDefaults = (file: MapTree, report: Report): void => {
  const defaults = child(file, 'defaults');
  if (defaults === undefined) return;
  if (defaults.kind !== 'map') return report(defaults.at, ['defaults'], 'write a map of keys here');
  const known = Object.entries(defaultSections);
  for (const [key, entry] of defaults.entries) {
    const section = known.find(([kind]) => kind === key)?.[1];
    if (section === undefined) {
      const near = didYouMean(
        key,
        known.map(([kind]) => kind),
      );
      report(entry.key, ['defaults', printable(key)], `unknown key${near}`);
      continue;
    }
    parsePiece<unknown>(namedSections[section], entry.value, file, ['defaults', key], {
      report,
      ignoreMissing: true,
    });
  }
};

const reportUnknownKeys = (file: MapTree, report: Report): void => {
  const known = Object.keys(routeFile.shape);
  for (const [key, entry] of entriesOf(file)) {
    if (known.includes(key)) continue;
    report(entry.key, [printable(key)], `unknown key${didYouMean(key, known)}`);
  }
};

const parseStrayGrants = (
  file: MapTree,
  routes: ReadonlyMap<string, RouteSettings>,
): readonly StrayGrant[] => {
  const out: StrayGrant[] = [];
  for (const [route, { value }] of entriesOf(child(file, 'routes'))) {
    if (routes.has(route)) continue;
    for (const [index, tree] of itemsOf(child(value, 'grants')).entries()) {
      const parsed = grantSchema.safeParse(plain(tree));
      if (parsed.success) out.push({ route, index, grant: parsed.data });
    }
  }
  return out;
};

/** The routes by their kind, each through the schema of its own. */
const parseRoutes = (
  file: MapTree,
  later: Later,
  report: Report,
): Pick<Parsed, 'routes' | 'webhooks'> => {
  const sorted = new Map<string, Sorted | null>();
  for (const [name, { value }] of entriesOf(child(file, 'routes'))) {
    const base = ['routes', name];
    sorted.set(name, sortRoute(value, base, later.has(base.join('.')), report));
  }
  const only =
    (kind: RouteKind): Prepare =>
    (_entry, base) => {
      const route = sorted.get(String(base[1]));
      if (route?.kind !== kind) return null;
      const tree = kind === 'scim' ? cleanGrants(route.tree, base, file, report) : route.tree;
      return { tree, ignoreMissing: route.incomplete };
    };
  return {
    routes: parseNamed('routes', namedSections.routes, file, report, only('scim')),
    webhooks: parseNamed('routes', webhookRouteSettings, file, report, only('webhook')),
  };
};

/** Parses the whole joined file. */
export const parseSections = (file: MapTree, later: Later, report: Report): Parsed => {
  reportUnknownKeys(file, report);
  parseDefaults(file, report);
  const context = { report, ignoreMissing: false };
  const single = <Output>(key: keyof typeof singleKeys, schema: z.ZodType<Output>): Output | null =>
    parsePiece(schema, child(file, key), file, [key], context);
  single('version', singleKeys.version);
  const named = <Output>(section: NamedSection, schema: z.ZodType<Output>): Map<string, Output> =>
    parseNamed(section, schema, file, report, (tree, [, name]) => ({
      tree,
      ignoreMissing: later.has(`${section}.${String(name)}`),
    }));
  const { routes, webhooks } = parseRoutes(file, later, report);
  return {
    environment: single('environment', singleKeys.environment),
    server: single('server', singleKeys.server),
    admin: single('admin', singleKeys.admin),
    store: single('store', singleKeys.store),
    reload: single('reload', singleKeys.reload),
    holds: single('holds', singleKeys.holds),
    clients: named('clients', namedSections.clients),
    targets: named('targets', namedSections.targets),
    profiles: named('profiles', namedSections.profiles),
    permissions: named('permissions', namedSections.permissions),
    routes,
    webhooks,
    plans: named('plans', namedSections.plans),
    strayGrants: parseStrayGrants(file, routes),
    declared: new Map(),
  };
};
