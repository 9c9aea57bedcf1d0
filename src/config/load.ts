/**
 * The one way from route files to a snapshot: read, join, refuse what comes later, lay defaults
 * under, put the environment in, parse, cross-check, resolve, compile. All problems of all files come
 * at once; a snapshot comes only where there are none. Nothing outside this room reads a route file.
 */
import { dirname } from 'node:path';
import { secretReference, type SecretReference } from '../scalars.ts';
import { systemRandom } from '../ids.ts';
import { makeKeyRing } from '../sealing.ts';
import { loadsOf } from '../identity/attributes/compile-profile.ts';
import type { KeyFetcher } from '../signatures/receiver.ts';
import type { Plan, Snapshot, StoreSettings, Target } from '../snapshot.ts';
import { checkStore } from './check-store.ts';
import { compileHolds } from './compile-holds.ts';
import { compilePlans } from './compile-plans.ts';
import { checkUnreached, compileRoutes, typesOf } from './compile-routes.ts';
import { compileStore, storeReferences } from './compile-store.ts';
import { compileClient, compileTarget } from './compile-targets.ts';
import { compileTenants, tenantOf } from './compile-tenants.ts';
import { compileWebhooks } from './compile-webhooks.ts';
import { applyDefaults } from './defaults.ts';
import { digestOf, withFingerprints } from './digest.ts';
import { substitute } from './environment.ts';
import { readFiles, type Files } from './include.ts';
import { refuseLater } from './not-yet.ts';
import { parseSections, type Parsed } from './parse-sections.ts';
import { nearestSpot, plain, reporter, type MapTree } from './positions.ts';
import { inOrder, printPath, type Path, type Problem } from './problem.ts';
import { checkReferences } from './references.ts';
import { readSecrets, type Secrets } from './secrets.ts';
import { readSchemasFiles } from './schemas-files.ts';
import { rememberSettings } from './settings-of.ts';
import { findWarnings } from './warnings.ts';
import { webhookReferences } from './webhook-keys.ts';

/** What `loadConfig` works from; nothing is read from the process itself. */
export type LoadInput = Files &
  Readonly<{
    /** The route file. Relative paths in it (store, secrets) are relative to its folder. */
    path: string;
    env: Readonly<Record<string, string | undefined>>;
    /**
     * Resolve secrets. Where false, references are checked by syntax only, every target with
     * credentials is closed, the store has no keys, and an unset variable is only a warning.
     */
    resolve: boolean;
    /** Wall time, ms: what counts as expired. */
    now: number;
    /** Fetches keys of webhook senders that publish them; absent: none can be had. */
    keyFetcher?: KeyFetcher;
  }>;

/** What became of it. */
export type Loaded = Readonly<{
  /** Null where there is a problem, or (unresolved only) where an unset variable leaves a value open. */
  snapshot: Snapshot | null;
  /**
   * Settings of the store, as far as they could be read, also where other parts have problems: where
   * the last good configuration lies.
   */
  store: StoreSettings | null;
  /** In order of file, line and column. */
  problems: readonly Problem[];
  /**
   * The same, for what does not prevent serving; an unusable target or webhook route is one of severity
   * `error`.
   */
  warnings: readonly Problem[];
  /**
   * Those of the warnings that close a webhook route: a key cannot be had or used. A reload serves the
   * rest; a start is refused, for nobody should learn from a missing event that it was never let in.
   */
  closed: readonly Problem[];
  /** The file with includes and defaults written out, references as written. */
  effective: unknown;
  /** Every file that shaped this, secret files included: what to watch. */
  files: readonly string[];
  /** `[directory, pattern]` of includes with a `*`: what else to watch. */
  patterns: readonly (readonly [string, string])[];
  /** Text of every route file by path: the set kept as last good. Holds no secret. */
  sources: Readonly<Record<string, string>>;
}>;

type Tell = (path: Path, message: string) => void;

const referencesOf = (parsed: Parsed): SecretReference[] => {
  const out = parsed.store === null ? [] : [...storeReferences(parsed.store)];
  for (const { auth } of parsed.targets.values()) {
    for (const slot of auth ?? []) {
      if ('bearer' in slot) out.push(slot.bearer);
      else if ('basic' in slot) out.push(slot.basic.password);
      else out.push(slot.header.value);
    }
  }
  for (const route of parsed.webhooks.values()) out.push(...webhookReferences(route));
  for (const { sign } of parsed.holds?.notify ?? []) if (sign !== 'none') out.push(sign.secret);
  return out;
};

const record = <Value>(entries: Iterable<readonly [string, Value]>): Record<string, Value> => {
  const out = Object.create(null) as Record<string, Value>;
  for (const [name, value] of entries) out[name] = value;
  return out;
};

/** Fingerprints of secrets: keyed by the store's oldest key, so that nobody can try guesses. */
const fingerprints = (keys: readonly Buffer[]): ((text: string) => string) => {
  if (keys.length === 0) return (text) => text;
  const ring = makeKeyRing(keys, systemRandom);
  return (text) => ring.fingerprint(text).toString('hex');
};

/** Digest of the effective configuration; schemas files count as if they were written in it. */
const versionOf = (file: unknown, declared: Parsed['declared']): string =>
  digestOf(declared.size === 0 ? file : { file, schemas: Object.fromEntries(declared) }).slice(
    0,
    12,
  );

type Made = Readonly<{
  parsed: Parsed;
  file: MapTree;
  directory: string;
  secrets: Secrets | null;
  fetcher: KeyFetcher;
}>;

/** Where what cannot be used is told. */
type Unusable = Readonly<{
  target(path: Path, reason: string, closed: boolean): void;
  webhook(path: Path, reason: string): void;
}>;

export const noKeys: KeyFetcher = { fetch: () => Promise.resolve(null) };

const compile = (
  { parsed, file, directory, secrets, fetcher }: Made,
  tell: Tell,
  unusable: Unusable,
): Snapshot | null => {
  const routes = compileRoutes(parsed, tell);
  checkUnreached(parsed, tell);
  const clients = record(
    [...parsed.clients].map(([name, each]) => [name, compileClient(name, each)]),
  );
  const store = parsed.store && compileStore(parsed.store, { directory, secrets, tell });
  const fingerprint = fingerprints(store?.encryptionKeys ?? []);
  const resolve = secrets === null ? null : (ref: SecretReference) => secrets.text(ref);
  const tenants = compileTenants(parsed, file, tell);
  const targets = record<Target>(
    [...parsed.targets].map(([name, each]) => [
      name,
      compileTarget(name, each, {
        resolve,
        fingerprint,
        types: typesOf(name, parsed),
        safety: tenants[tenantOf(each)] ?? null,
        problem: tell,
        unusable: unusable.target,
      }),
    ]),
  );
  const webhooks = compileWebhooks({
    parsed,
    resolve,
    fetcher,
    bodyBytesMax: parsed.server?.maxBody ?? 0,
    problem: tell,
    unusable: unusable.webhook,
  });
  const plans = record<Plan>(compilePlans(parsed, tell));
  const holds = compileHolds({ parsed, resolve, problem: tell, unusable: unusable.webhook });
  const { environment, server, admin, reload } = parsed;
  if (environment === null || server === null || admin === null) return null;
  if (reload === null || store === null || holds === null) return null;
  const secretDigest = (reference: string): string => {
    const parsedReference = secretReference.safeParse(reference);
    const secret = parsedReference.success ? secrets?.text(parsedReference.data) : undefined;
    return secret !== undefined && 'text' in secret ? fingerprint(secret.text) : reference;
  };
  return Object.freeze({
    version: versionOf(withFingerprints(file, [], secretDigest), parsed.declared),
    environment,
    server: {
      listen: server.listen,
      publicUrl: (server.publicUrl ?? '').replace(/\/+$/, ''),
      maxBodyBytes: server.maxBody,
      trustedProxies: server.trustedProxies,
    },
    admin: {
      listen: admin.listen,
      people: record(admin.people.map((person) => [person.name, person])),
    },
    store,
    reload,
    clients,
    targets,
    routes,
    webhooks,
    plans,
    tenants,
    holds,
  });
};

/** The store's settings where they are whole, whatever else is wrong. */
const readableStore = (
  { store }: Parsed,
  directory: string,
  secrets: Secrets | null,
): StoreSettings | null => {
  // The schema cannot see that PostgreSQL needs a user; checkStore tells it at its place.
  const nobody = store?.url.engine === 'postgres' && store.user === undefined;
  let sound = secrets !== null && !nobody;
  const settings =
    store === null
      ? null
      : compileStore(store, {
          directory,
          secrets,
          tell: () => {
            sound = false;
          },
        });
  return sound ? settings : null;
};

/** Loads a route file with all that belongs to it. Rejects never; what is wrong is a problem. */
export const loadConfig = async (input: LoadInput): Promise<Loaded> => {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const report = reporter(problems);
  const warn = reporter(warnings, 'warning');
  const { path, env, resolve, now } = input;
  const read = await readFiles({ path, files: input, env, problems, warnings });
  const { sources, patterns, complete } = read;
  const base = {
    effective: null,
    store: null,
    patterns,
    sources,
    files: Object.keys(sources),
  };
  if (read.tree === null)
    return {
      ...base,
      snapshot: null,
      problems: inOrder(problems),
      warnings: inOrder(warnings),
      closed: [],
    };
  const { tree: current, later } = refuseLater(read.tree, report);
  const whole = applyDefaults(current);
  let open = false;
  const file = substitute(whole, {
    env,
    report,
    unset: resolve
      ? null
      : (spot, at, message) => {
          open = true;
          warn(spot, at, message);
        },
  }) as MapTree;
  const sections = parseSections(file, later, report);
  const directory = dirname(path);
  const declared = await readSchemasFiles(sections.targets, {
    directory,
    files: input,
    tree: file,
    report,
  });
  const parsed: Parsed = { ...sections, declared: declared.byTarget };
  checkReferences(file, parsed, complete, report);
  checkStore({ file, parsed, report, warn });
  findWarnings({ file, parsed, warn, now }, complete);
  for (const profile of parsed.profiles.values()) for (const load of loadsOf(profile)) await load();
  const secrets = resolve
    ? await readSecrets(referencesOf(parsed), { directory, env, readFile: input.readFile })
    : null;
  // A room that is handed a name nobody defined says so again; the first message is the better one.
  const told = new Set(problems.map((problem) => problem.path));
  const tell: Tell = (at, message) => {
    if (!told.has(printPath(at))) report(nearestSpot(file, at), at, message);
  };
  const fails = reporter(warnings, 'error');
  const closed: Problem[] = [];
  const closes = reporter(closed, 'error');
  const fetcher = input.keyFetcher ?? noKeys;
  const snapshot = compile({ parsed, file, directory, secrets, fetcher }, tell, {
    target: (at, reason, shut) => (shut ? fails : warn)(nearestSpot(file, at), at, reason),
    webhook: (at, reason) => closes(nearestSpot(file, at), at, reason),
  });
  const good = problems.length === 0 && !open ? snapshot : null;
  const effective = plain(whole, 'written');
  if (good !== null) rememberSettings(good, parsed, effective);
  return {
    ...base,
    sources: { ...sources, ...declared.sources },
    snapshot: good,
    store: good?.store ?? readableStore(parsed, directory, secrets),
    problems: inOrder(problems),
    warnings: inOrder([...warnings, ...closed]),
    closed: inOrder(closed),
    effective,
    files: [...base.files, ...declared.paths, ...(secrets?.files ?? [])],
  };
};
