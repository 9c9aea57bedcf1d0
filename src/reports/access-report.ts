/** Granted against used: per client, route and grant, from the configuration in force and the uses kept. Pure. */
import { actionsOf } from '../policy/actions.ts';
import type { CompiledGrant, CompiledRule } from '../policy/decision.ts';
import type { Route, Snapshot } from '../snapshot.ts';
import { rulesOf, tighterGrants, usesOf, type WrittenGrants } from './tighter-grants.ts';
import { printGrants } from './print-grants.ts';
import type { Use } from './use-store.ts';

const dayMs = 86_400_000;

/** One resource of one grant; `grant` is null where a client holds nothing and tried all the same. */
export type AccessRow = Readonly<{
  client: string;
  route: string;
  grant: string | null;
  /** `users`, `groups` …; null as above. */
  resource: string | null;
  granted: readonly string[];
  /** Day from which uses are known, `2026-11-27`; null = nothing was counted yet, so nothing is called unused. */
  since: string | null;
  /** Used actions and how often. */
  used: Readonly<Record<string, number>>;
  /** Granted and not used since then. */
  unused: readonly string[];
  /** Attributes through which it was used: names. */
  attributes: readonly string[];
  /** Day of the last use, `2026-11-27`, or null. */
  lastUsed: string | null;
  /** Refused actions and how often: of the rule, or on the route where no rule speaks of them. */
  denied: Readonly<Record<string, number>>;
}>;

/** What was counted in a range of days. */
export type Seen = Readonly<{
  uses: readonly Use[];
  /** Days asked for, the last included. */
  from: number;
  to: number;
  /** Day of the range from which uses are known; null = nothing was ever counted. */
  since: number | null;
}>;

/** A day as people write it. */
const dateOf = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10);

const counted = (uses: readonly Use[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const { action, count } of uses) counts[action] = (counts[action] ?? 0) + count;
  return counts;
};

const lastOf = (uses: readonly Use[]): string | null =>
  uses.length === 0 ? null : dateOf(Math.max(...uses.map(({ day }) => day)));

/** Is a denial told under this rule or a part of it (`permissions.join.users.write`)? */
const refusedBy =
  (name: string) =>
  (use: Use): boolean =>
    use.verdict === 'denied' &&
    rulesOf(use).some((rule) => rule === name || rule.startsWith(`${name}.`));

const rowOf = (
  { client, route, since }: Pick<AccessRow, 'client' | 'route' | 'since'>,
  grant: CompiledGrant,
  [word, rule]: readonly [string, CompiledRule],
  seen: readonly Use[],
): AccessRow => {
  const uses = usesOf(seen, rule);
  const used = counted(uses);
  const granted = actionsOf(word).filter((action) => rule.actions.has(action));
  return {
    client,
    route,
    grant: grant.name,
    resource: word,
    granted,
    since,
    used,
    unused: since === null ? [] : granted.filter((action) => used[action] === undefined),
    attributes: [...new Set(uses.flatMap(({ attributes }) => attributes))].sort(),
    lastUsed: lastOf(uses),
    denied: counted(seen.filter(refusedBy(rule.name))),
  };
};

const withoutGrant = (
  about: Pick<AccessRow, 'client' | 'route' | 'since'>,
  denials: readonly Use[],
): AccessRow => ({
  ...about,
  grant: null,
  resource: null,
  granted: [],
  used: {},
  unused: [],
  attributes: [],
  lastUsed: null,
  denied: counted(denials),
});

const rowsOf = (route: Route, uses: readonly Use[], since: string | null): readonly AccessRow[] => {
  const clients = new Set([...Object.keys(route.grants), ...uses.map(({ client }) => client)]);
  return [...clients].sort().flatMap((client) => {
    const seen = uses.filter((use) => use.client === client);
    const about = { client, route: route.name, since };
    const grants = Object.hasOwn(route.grants, client) ? (route.grants[client]?.grants ?? []) : [];
    const rules = grants.flatMap(({ rules: all }) => Object.values(all).map(({ name }) => name));
    const rows = grants.flatMap((grant) =>
      Object.entries(grant.rules).map((rule) => rowOf(about, grant, rule, seen)),
    );
    const others = seen.filter(
      (use) => use.verdict === 'denied' && !rules.some((name) => refusedBy(name)(use)),
    );
    return others.length === 0 ? rows : [...rows, withoutGrant(about, others)];
  });
};

/** All routes that serve SCIM, in the order of their paths. */
export const accessRows = (
  snapshot: Snapshot,
  { uses, since }: Pick<Seen, 'uses' | 'since'>,
): readonly AccessRow[] =>
  snapshot.routes.flatMap((route) =>
    rowsOf(
      route,
      uses.filter((use) => use.route === route.name),
      since === null ? null : dateOf(since),
    ),
  );

/** Days before the first that was counted are unknown, not unused. */
const fromLine = ({ from, since }: Seen): readonly string[] =>
  since !== null && since > from
    ? [`# Nothing was counted before ${dateOf(since)}: what was needed earlier is not known.`]
    : [];

/** Tighter grants as YAML: what replaces `grants:` of each route. */
export const tighterYaml = (
  snapshot: Snapshot,
  written: WrittenGrants,
  seen: Seen,
): readonly string[] => [
  `# Grants that admit what was seen from ${dateOf(seen.from)} to ${dateOf(seen.to)}, and no more.`,
  ...fromLine(seen),
  '# They replace the grants of these routes; look for what is needed more seldom than that.',
  ...printGrants(
    snapshot.routes.map((route) => ({
      name: route.name,
      grants: tighterGrants(route, written, seen.uses),
    })),
  ),
];
