/**
 * One digest for each client over all that decides what it may do: its own settings, its grants and
 * permissions, and the approvals, guards and protection of where they lead. Who changed the digest is
 * who may not approve what the client then does (four eyes).
 */
import type { Snapshot } from '../snapshot.ts';
import { writtenRules } from './compare-rules.ts';
import { digestOf } from './digest.ts';
import { settingsOf } from './settings-of.ts';

/** Settings of a route that bear upon every grant of it, beside the grants. */
const routeKeys = [
  'scim',
  'path',
  'approval',
  'authzen',
  'deletes',
  'verify',
  'normalise',
  'before',
] as const;
/** Settings of a target that bear upon whoever reaches it. */
const targetKeys = ['baseUrl', 'tenant', 'guards', 'protected', 'privileged'] as const;

const only = (settings: unknown, keys: readonly string[]): Record<string, unknown> => {
  const all = settings as Readonly<Record<string, unknown>> | undefined;
  return Object.fromEntries(keys.map((key) => [key, all?.[key]]));
};

/** By client. Only of a snapshot that `loadConfig` made. */
export const clientDigests = (snapshot: Snapshot): Readonly<Record<string, string>> => {
  const parsed = settingsOf(snapshot);
  const { tenants } = snapshot;
  const out = Object.create(null) as Record<string, string>;
  for (const [client, settings] of parsed.clients) {
    const routes = [...parsed.routes].flatMap(([name, route]) => {
      const mine = route.grants.filter((grant) => grant.client === client);
      if (mine.length === 0) return [];
      const target = snapshot.routes.find((one) => one.name === name)?.target ?? '';
      const { tenant } = snapshot.targets[target] ?? { tenant: '' };
      // The rules of a tenant are written at any of its targets.
      const written = Object.hasOwn(tenants, tenant) ? (tenants[tenant]?.targets ?? []) : [];
      return [
        {
          name,
          route: only(route, routeKeys),
          grants: mine.map((grant) => [grant, writtenRules(grant, parsed.permissions)]),
          targets: [...new Set([target, ...written])].map((each) =>
            only(parsed.targets.get(each), targetKeys),
          ),
        },
      ];
    });
    const plans = [...parsed.plans].filter(([, plan]) => plan.as === client);
    out[client] = digestOf({ settings, routes, plans });
  }
  return out;
};
