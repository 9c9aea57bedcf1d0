/**
 * Finding a route and the caller's address, precomputed once per snapshot. The longest path by whole
 * segments wins, whatever kind of route it is; a webhook route serves exactly its path.
 */
import { compilePin } from '../callers/pin.ts';
import type { Route, Snapshot, WebhookRoute } from '../snapshot.ts';

/** A SCIM route and the path segments after its prefix, still percent-encoded. */
export type Found = Readonly<{ route: Route; rest: readonly string[] }>;

/** A webhook route, addressed exactly. */
export type FoundWebhook = Readonly<{ webhook: WebhookRoute }>;

type Entry = Readonly<{ route: Route }> | FoundWebhook;

type Table = Readonly<{
  byPath: ReadonlyMap<string, Entry>;
  depthMax: number;
  trusted(address: string): boolean;
}>;

const tables = new WeakMap<Snapshot, Table>();

const tableOf = (snapshot: Snapshot): Table => {
  const known = tables.get(snapshot);
  if (known !== undefined) return known;
  const table: Table = {
    byPath: new Map([
      ...snapshot.routes.map((route): [string, Entry] => [route.path, { route }]),
      ...snapshot.webhooks.map((webhook): [string, Entry] => [webhook.path, { webhook }]),
    ]),
    depthMax: [...snapshot.routes, ...snapshot.webhooks].reduce(
      (most, { segments }) => Math.max(most, segments.length),
      0,
    ),
    trusted:
      snapshot.server.trustedProxies.length === 0
        ? () => false
        : compilePin(snapshot.server.trustedProxies, () => {}),
  };
  tables.set(snapshot, table);
  return table;
};

/** What serves `path` (raw, begins with a slash), or null. */
export const findEntry = (snapshot: Snapshot, path: string): Found | FoundWebhook | null => {
  const { byPath, depthMax } = tableOf(snapshot);
  // Where the prefixes of one to `depthMax` segments end.
  const ends: number[] = [];
  for (let end = 0; ends.length < depthMax && end < path.length;) {
    const slash = path.indexOf('/', end + 1);
    end = slash < 0 ? path.length : slash;
    ends.push(end);
  }
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
    const entry = byPath.get(path.slice(0, end));
    if (entry === undefined) continue;
    if ('webhook' in entry) return end === path.length ? entry : null;
    return {
      route: entry.route,
      rest: end === path.length ? [] : path.slice(end + 1).split('/'),
    };
  }
  return null;
};

/** The caller's address: the socket's, or what a trusted proxy says of it, read from the right. */
export const callerAddress = (
  snapshot: Snapshot,
  peer: string,
  forwardedFor: string | undefined,
): string => {
  const { trusted } = tableOf(snapshot);
  if (forwardedFor === undefined || !trusted(peer)) return peer;
  const hops = forwardedFor.split(',').map((hop) => hop.trim());
  for (let index = hops.length - 1; index >= 0; index--) {
    const hop = hops[index] as string;
    if (!trusted(hop)) return /^[0-9A-Fa-f:.]{2,45}$/.test(hop) ? hop : peer;
  }
  return peer;
};
