/**
 * What a new snapshot allows that the old one did not: what `reload: careful` waits for and what
 * `sallyport diff` prints. Conservative: anything not provably narrower or equal is a widening.
 */
import type { Client, Route, Snapshot, Target } from '../snapshot.ts';
import { canonical } from './digest.ts';
import { widerTypes } from './compare-types.ts';
import { widerWebhooks } from './compare-webhooks.ts';
import { widerApprovals, widerSafety } from './compare-safety.ts';
import { beyond, widerLimit, writtenRules, type WrittenGrant } from './compare-rules.ts';
import type { Parsed } from './parse-sections.ts';
import { settingsOf } from './settings-of.ts';

/** One thing that is newly allowed. Null where it concerns every client, or every route. */
export type Widening = Readonly<{ client: string | null; route: string | null; what: string }>;

type Side = Readonly<{ snapshot: Snapshot; parsed: Parsed }>;

const own = <Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** The grants of one client on a route, as compiled and as written. */
const grantsOf = (side: Side, route: Route | undefined, client: string): WrittenGrant[] => {
  if (route === undefined) return [];
  const written = side.parsed.routes.get(route.name)?.grants ?? [];
  const mine = written.filter((grant) => grant.client === client);
  const compiled = own(route.grants, client)?.grants ?? [];
  return compiled.flatMap((each, index) => {
    const settings = mine[index];
    if (settings === undefined) return [];
    return [{ compiled: each, rules: writtenRules(settings, side.parsed.permissions) }];
  });
};

const endOf = (at: number): string => new Date(at - 1).toISOString().slice(0, 10);

const widerClient = (old: Client, next: Client): string[] => {
  const out: string[] = [];
  if (next.expiresAt > old.expiresAt) out.push(`expires ${endOf(next.expiresAt)}`);
  const before = old.settings.from;
  const after = next.settings.from;
  if (before !== undefined && after === undefined) out.push('calls from any address');
  else if (before !== undefined && after !== undefined) {
    const added = after.filter((range) => !before.includes(range));
    if (added.length > 0) out.push(`calls from ${added.join(', ')}`);
  }
  if (canonical(old.settings.auth) !== canonical(next.settings.auth))
    out.push('ways to authenticate changed');
  if (old.settings.dialect !== next.settings.dialect) out.push('dialect changed');
  out.push(
    ...widerLimit(old.limitReads, next.limitReads, 'reads'),
    ...widerLimit(old.limitWrites, next.limitWrites, 'writes'),
  );
  return out;
};

const widerTarget = (old: Target | undefined, next: Target): string[] => {
  if (old === undefined) return [`target ${next.name} at ${next.settings.baseUrl}`];
  const out: string[] = [];
  const before = old.settings;
  const after = next.settings;
  if (before.baseUrl !== after.baseUrl) out.push(`target now at ${after.baseUrl}`);
  if (old.tenant !== next.tenant) out.push(`tenant now ${next.tenant}`);
  if (canonical(old.knobs) !== canonical(next.knobs)) out.push('dialect of the target changed');
  if (canonical(before.auth ?? []) !== canonical(after.auth ?? []))
    out.push('credential of the target changed');
  const opened = after.allowPrivate.filter((range) => !before.allowPrivate.includes(range));
  if (opened.length > 0) out.push(`private addresses ${opened.join(', ')} reachable`);
  out.push(
    ...widerLimit(old.limitReads, next.limitReads, 'target reads'),
    ...widerLimit(old.limitWrites, next.limitWrites, 'target writes'),
  );
  if (after.limits.concurrent > before.limits.concurrent)
    out.push(`target takes ${after.limits.concurrent} calls at once`);
  return out;
};

/**
 * What changes the meaning of every grant of a route. Not `turns`: in which order changes are made
 * allows nobody a change that was denied.
 */
const widerRoute = (old: Side, next: Side, before: Route | undefined, after: Route): string[] => {
  if (before === undefined) return [];
  const out: string[] = [];
  const oldTarget = own(old.snapshot.targets, before.target);
  const target = own(next.snapshot.targets, after.target);
  if (target !== undefined) out.push(...widerTarget(oldTarget, target));
  if (before.deletes !== after.deletes) out.push(`deletes: ${after.deletes}`);
  for (const word of before.emptyLists)
    if (!after.emptyLists.has(word)) out.push(`${word} reach the target`);
  const operations = after.bulk?.operationsMax ?? 0;
  if (operations > (before.bulk?.operationsMax ?? 0)) out.push(`Bulk of ${operations} operations`);
  const settings = (side: Side, route: Route): unknown => {
    const name = side.parsed.routes.get(route.name)?.normalise;
    return name === undefined ? null : side.parsed.profiles.get(name);
  };
  if (canonical(settings(old, before)) !== canonical(settings(next, after)))
    out.push('normalisation changed');
  out.push(...widerTypes(before.types, after.types));
  return out;
};

const widerForEveryone = (old: Snapshot, next: Snapshot): Widening[] => {
  const texts: string[] = [];
  const proxies = next.server.trustedProxies.filter(
    (range) => !old.server.trustedProxies.includes(range),
  );
  if (proxies.length > 0) texts.push(`proxies ${proxies.join(', ')} are believed`);
  if (next.server.maxBodyBytes > old.server.maxBodyBytes)
    texts.push(`bodies of ${next.server.maxBodyBytes} bytes`);
  if (old.environment !== next.environment)
    texts.push(`keys of the environment ${next.environment}`);
  if (old.reload !== next.reload && next.reload === 'auto')
    texts.push('widening changes take effect unasked');
  for (const [name, person] of Object.entries(next.admin.people)) {
    const before = own(old.admin.people, name);
    const roles = person.roles.filter((role) => before?.roles.includes(role) !== true);
    if (roles.length > 0) texts.push(`person ${name}: ${roles.join(', ')}`);
    if (before !== undefined && person.until > before.until)
      texts.push(`person ${name}: until ${endOf(person.until)}`);
  }
  return texts.map((what) => ({ client: null, route: null, what }));
};

/** Everything that `next` allows and `old` is not proven to allow, in a stable order. */
export const widenings = (old: Snapshot, next: Snapshot): readonly Widening[] => {
  const before: Side = { snapshot: old, parsed: settingsOf(old) };
  const after: Side = { snapshot: next, parsed: settingsOf(next) };
  const out = widerForEveryone(old, next);
  for (const [name, client] of Object.entries(next.clients)) {
    const known = own(old.clients, name);
    if (known === undefined) continue;
    for (const what of widerClient(known, client)) out.push({ client: name, route: null, what });
  }
  for (const what of widerSafety(before, after)) out.push({ client: null, route: null, what });
  const oldRoutes = new Map(old.routes.map((route) => [route.path, route]));
  for (const route of next.routes) {
    const known = oldRoutes.get(route.path);
    const shared = widerRoute(before, after, known, route);
    for (const what of known === undefined ? [] : widerApprovals(known, route))
      out.push({ client: null, route: route.name, what });
    for (const client of Object.keys(route.grants).sort()) {
      const tell = (what: string): void => void out.push({ client, route: route.name, what });
      for (const what of shared) tell(what);
      const held = grantsOf(before, known, client);
      const found = grantsOf(after, route, client).flatMap((grant) => beyond(held, grant));
      for (const what of new Set(found)) tell(what);
    }
  }
  const targetNow = (name: string): readonly string[] => {
    const target = own(next.targets, name);
    return target === undefined ? [] : widerTarget(own(old.targets, name), target);
  };
  for (const { route, what } of widerWebhooks(before, after, targetNow))
    out.push({ client: null, route, what });
  return out;
};

/** Both directions: what is newly allowed, and what is newly denied. A changed condition is both. */
export const diffSnapshots = (
  old: Snapshot,
  next: Snapshot,
): Readonly<{ allowed: readonly Widening[]; denied: readonly Widening[] }> => ({
  allowed: widenings(old, next),
  denied: widenings(next, old),
});
