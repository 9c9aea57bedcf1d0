/**
 * The two kinds of routes, told by one key: `scim` names a target, `webhook` says who sends here. Each
 * has keys of its own; what belongs to the other kind is refused by name, so that nobody believes a
 * rule holds that nothing reads.
 */
import {
  child,
  entriesOf,
  mapTree,
  type Entry,
  type MapTree,
  type Report,
  type Tree,
} from './positions.ts';
import type { Path } from './problem.ts';
import { routeSettings, webhookRouteSettings } from './schema.ts';

export type RouteKind = 'scim' | 'webhook';

const keysOf: Readonly<Record<RouteKind, ReadonlySet<string>>> = {
  scim: new Set(Object.keys(routeSettings.shape)),
  webhook: new Set(Object.keys(webhookRouteSettings.shape)),
};
const otherOf: Readonly<Record<RouteKind, RouteKind>> = { scim: 'webhook', webhook: 'scim' };

/** Does only the other kind have this key? */
const isForeign = (key: string, kind: RouteKind): boolean =>
  !keysOf[kind].has(key) && keysOf[otherOf[kind]].has(key);

/** Was it written as a route that takes webhooks? */
export const isWebhookRoute = (route: Tree): boolean =>
  child(route, 'webhook') !== undefined && child(route, 'scim') === undefined;

/** The map without the keys that only the other kind has. */
export const withoutForeign = (route: MapTree, kind: RouteKind): MapTree => {
  const own = [...route.entries].filter(([key]) => !isForeign(key, kind));
  return own.length === route.entries.size ? route : mapTree(route.at, new Map(own));
};

/** What kind it was meant as, where neither key is written. */
const guess = (route: Tree): RouteKind =>
  [...entriesOf(route).keys()].some((key) => isForeign(key, 'scim')) ? 'webhook' : 'scim';

const missing: Readonly<Record<RouteKind, string>> = {
  scim: '"scim" is missing: the target it serves (or "webhook": who sends here)',
  webhook: '"webhook" is missing: who sends here (or "scim": the target it serves)',
};

/** A route as one kind, the keys of the other taken out. */
export type Sorted = Readonly<{ kind: RouteKind; tree: Tree; incomplete: boolean }>;

/**
 * Sorts one route and reports what is wrong with its kind; null where it is both. `incomplete`: its
 * kind was not written, or not readable yet (`later`), so what else is missing says nothing.
 */
export const sortRoute = (
  route: Tree,
  base: Path,
  later: boolean,
  report: Report,
): Sorted | null => {
  if (route.kind !== 'map') return { kind: 'scim', tree: route, incomplete: later };
  const scim = route.entries.get('scim');
  const webhook = route.entries.get('webhook');
  if (scim !== undefined && webhook !== undefined) {
    const message = 'a route serves SCIM (scim:) or takes webhooks (webhook:), not both';
    report(webhook.key, [...base, 'webhook'], message);
    return null;
  }
  const written = scim !== undefined || webhook !== undefined;
  const kind = scim !== undefined ? 'scim' : webhook !== undefined ? 'webhook' : guess(route);
  if (!written && !later) report(route.at, base, missing[kind]);
  const strangers: [string, Entry][] = [...route.entries].filter(([key]) => isForeign(key, kind));
  for (const [key, entry] of strangers) {
    if (key === otherOf[kind]) continue;
    const message = `only a route with ${otherOf[kind]}: has this key; this one has ${kind}:`;
    if (written) report(entry.key, [...base, key], message);
  }
  return { kind, tree: withoutForeign(route, kind), incomplete: later || !written };
};
