/**
 * What the schema of one entry cannot see: names that must exist elsewhere, paths and addresses
 * that must differ, ranges and URLs that must be what they look like. Works on the tree, so it also
 * judges entries that did not parse.
 */
import { compilePin } from '../callers/pin.ts';
import {
  child,
  entriesOf,
  itemsOf,
  printSpot,
  textOf,
  type Entry,
  type MapTree,
  type Report,
  type Spot,
  type Tree,
} from './positions.ts';
import { didYouMean, printable, type Path } from './problem.ts';
import type { Parsed } from './parse-sections.ts';

type Names = ReadonlyMap<string, Entry>;

const refer = (
  tree: Tree | undefined,
  names: Names,
  what: string,
  path: Path,
  report: Report,
): void => {
  const name = textOf(tree);
  if (tree === undefined || name === null || names.has(name)) return;
  if (tree.kind === 'scalar' && tree.unset === true) return;
  const near = didYouMean(name, names.keys());
  report(tree.at, path, `there is no ${what} "${printable(name)}"${near}`);
};

/** Names that a webhook route leads to. */
const checkDeliveries = (
  route: Tree,
  base: Path,
  names: Readonly<{ targets: Names; plans: Names }>,
  report: Report,
): void => {
  const enrich = child(route, 'enrich');
  refer(child(enrich, 'target'), names.targets, 'target', [...base, 'enrich', 'target'], report);
  for (const [index, delivery] of itemsOf(child(route, 'deliver')).entries()) {
    const at = [...base, 'deliver', index];
    refer(child(delivery, 'to'), names.targets, 'target', [...at, 'to'], report);
    refer(child(delivery, 'plan'), names.plans, 'plan', [...at, 'plan'], report);
  }
};

const checkPlans = (
  plans: Names,
  names: Readonly<{ clients: Names; routes: Names }>,
  report: Report,
): void => {
  for (const [name, entry] of plans) {
    const base = ['plans', name];
    refer(child(entry.value, 'as'), names.clients, 'client', [...base, 'as'], report);
    for (const [index, step] of itemsOf(child(entry.value, 'steps')).entries()) {
      const at = [...base, 'steps', index, 'route'];
      refer(child(step, 'route'), names.routes, 'route', at, report);
    }
  }
};

const checkNames = (file: MapTree, report: Report): void => {
  const clients = entriesOf(child(file, 'clients'));
  const targets = entriesOf(child(file, 'targets'));
  const profiles = entriesOf(child(file, 'profiles'));
  const permissions = entriesOf(child(file, 'permissions'));
  const plans = entriesOf(child(file, 'plans'));
  const routes = entriesOf(child(file, 'routes'));
  checkPlans(plans, { clients, routes }, report);
  for (const [index, notice] of itemsOf(child(child(file, 'holds'), 'notify')).entries())
    refer(child(notice, 'to'), targets, 'target', ['holds', 'notify', index, 'to'], report);
  for (const [name, { value: route }] of routes) {
    const base = ['routes', name];
    checkDeliveries(route, base, { targets, plans }, report);
    refer(child(route, 'scim'), targets, 'target', [...base, 'scim'], report);
    const point = child(child(route, 'authzen'), 'target');
    refer(point, targets, 'target', [...base, 'authzen', 'target'], report);
    refer(child(route, 'normalise'), profiles, 'profile', [...base, 'normalise'], report);
    for (const [index, grant] of itemsOf(child(route, 'grants')).entries()) {
      const at = [...base, 'grants', index];
      refer(child(grant, 'client'), clients, 'client', [...at, 'client'], report);
      refer(child(grant, 'use'), permissions, 'permission', [...at, 'use'], report);
    }
  }
};

const checkRoutePaths = (file: MapTree, report: Report): void => {
  const seen = new Map<string, Spot>();
  for (const [name, { value: route }] of entriesOf(child(file, 'routes'))) {
    const tree = child(route, 'path');
    const path = textOf(tree);
    if (tree === undefined || path === null) continue;
    const first = seen.get(path);
    if (first === undefined) seen.set(path, tree.at);
    else
      report(tree.at, ['routes', name, 'path'], `another route has this path: ${printSpot(first)}`);
  }
};

const checkRanges = (list: Tree | undefined, path: Path, report: Report): void => {
  for (const [index, item] of itemsOf(list).entries()) {
    const text = textOf(item);
    if (text === null || (item.kind === 'scalar' && item.unset === true)) continue;
    compilePin([text], () =>
      report(item.at, [...path, index], 'write an IP address or a CIDR range'),
    );
  }
};

const checkUrl = (tree: Tree | undefined, path: Path, report: Report): void => {
  const text = textOf(tree);
  if (tree === undefined || text === null || !URL.canParse(text)) return;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    report(tree.at, path, 'no user or password in a URL; use auth');
  if (text.includes('?') || text.includes('#'))
    report(tree.at, path, 'no query and no fragment in this URL');
};

const anyHost: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

const checkListeners = (file: MapTree, parsed: Parsed, report: Report): void => {
  const data = parsed.server?.listen;
  const admin = parsed.admin?.listen;
  if (data === undefined || admin === undefined || data.port !== admin.port || data.port === 0)
    return;
  if (data.host !== admin.host && !anyHost.has(data.host) && !anyHost.has(admin.host)) return;
  const spot = child(child(file, 'admin'), 'listen') ?? child(child(file, 'server'), 'listen');
  report(
    spot?.at ?? file.at,
    ['admin', 'listen'],
    'the admin listener needs an address of its own, not that of server.listen',
  );
};

const checkPeople = (file: MapTree, report: Report): void => {
  const seen = new Map<string, Spot>();
  for (const [index, person] of itemsOf(child(child(file, 'admin'), 'people')).entries()) {
    const tree = child(person, 'name');
    const name = textOf(tree);
    if (tree === undefined || name === null) continue;
    const first = seen.get(name);
    const path = ['admin', 'people', index, 'name'];
    if (first === undefined) seen.set(name, tree.at);
    else report(tree.at, path, `defined twice: also at ${printSpot(first)}`);
  }
};

const checkRetention = (file: MapTree, parsed: Parsed, report: Report): void => {
  const kept = parsed.store?.retention;
  if (kept === undefined || kept.bodies <= kept.ledger) return;
  const retention = child(child(file, 'store'), 'retention');
  const spot = child(retention, 'bodies') ?? child(retention, 'ledger') ?? file;
  report(spot.at, ['store', 'retention', 'bodies'], 'bodies cannot outlive the ledger');
};

/** Reports all of it. `complete` false: a file is missing, so nothing is said about missing names. */
export const checkReferences = (
  file: MapTree,
  parsed: Parsed,
  complete: boolean,
  report: Report,
): void => {
  if (complete) checkNames(file, report);
  checkRoutePaths(file, report);
  checkListeners(file, parsed, report);
  checkPeople(file, report);
  checkRetention(file, parsed, report);
  const server = child(file, 'server');
  checkRanges(child(server, 'trustedProxies'), ['server', 'trustedProxies'], report);
  checkUrl(child(server, 'publicUrl'), ['server', 'publicUrl'], report);
  for (const [name, { value }] of entriesOf(child(file, 'clients')))
    checkRanges(child(value, 'from'), ['clients', name, 'from'], report);
  for (const [name, { value }] of entriesOf(child(file, 'targets'))) {
    checkRanges(child(value, 'allowPrivate'), ['targets', name, 'allowPrivate'], report);
    checkUrl(child(value, 'baseUrl'), ['targets', name, 'baseUrl'], report);
  }
};
