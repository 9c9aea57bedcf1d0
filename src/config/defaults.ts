/**
 * `defaults:` laid under every route, target and client: maps are merged at every depth, what is
 * written at the entry wins, lists are never joined. Places stay those of the text that won. A route
 * that takes webhooks is given only what such a route has.
 */
import { child, entriesOf, mapTree, type Entry, type MapTree, type Tree } from './positions.ts';
import { isWebhookRoute, withoutForeign } from './route-kinds.ts';
import { defaultSections } from './schema.ts';

const layUnder = (below: Tree, above: Tree): Tree => {
  if (below.kind !== 'map' || above.kind !== 'map') return above;
  const entries = new Map<string, Entry>(below.entries);
  for (const [key, entry] of above.entries) {
    const under = below.entries.get(key);
    entries.set(
      key,
      under === undefined ? entry : { key: entry.key, value: layUnder(under.value, entry.value) },
    );
  }
  return mapTree(above.at, entries);
};

/** The whole file with its defaults written out. */
export const applyDefaults = (tree: MapTree): MapTree => {
  const defaults = child(tree, 'defaults');
  if (defaults === undefined) return tree;
  const out = new Map(tree.entries);
  for (const [kind, section] of Object.entries(defaultSections)) {
    const under = child(defaults, kind);
    const entry = out.get(section);
    if (under?.kind !== 'map' || entry?.value.kind !== 'map') continue;
    const entries = new Map<string, Entry>();
    for (const [name, each] of entriesOf(entry.value))
      entries.set(name, {
        key: each.key,
        value: layUnder(
          section === 'routes' && isWebhookRoute(each.value)
            ? withoutForeign(under, 'webhook')
            : under,
          each.value,
        ),
      });
    out.set(section, { key: entry.key, value: mapTree(entry.value.at, entries) });
  }
  return mapTree(tree.at, out);
};
