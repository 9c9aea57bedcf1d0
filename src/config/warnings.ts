/**
 * What is allowed and yet deserves a look: things that end soon, that nobody uses, or that say less
 * than they seem to.
 */
import { asksMembers } from '../identity/scim/write-knobs.ts';
import { resolveKnobs, targetDialects } from '../identity/dialects/target-table.ts';
import {
  child,
  entriesOf,
  itemsOf,
  locate,
  textOf,
  type MapTree,
  type Report,
} from './positions.ts';
import { isPrivateHost } from './private-host.ts';
import type { Path } from './problem.ts';
import type { Parsed } from './parse-sections.ts';
import { findSafetyWarnings } from './safety-warnings.ts';
import { findWebhookWarnings } from './webhook-warnings.ts';

const soonMs = 30 * 86_400_000;

type Context = Readonly<{ file: MapTree; parsed: Parsed; warn: Report; now: number }>;

const warnAt = ({ file, warn }: Context, path: Path, message: string, atKey = false): void => {
  const found = locate(file, path);
  if (found === undefined) return;
  warn(atKey ? (found.key ?? found.value.at) : found.value.at, path, message);
};

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);

const warnEnd = (context: Context, end: number | undefined, path: Path, what: string): void => {
  if (end === undefined) return;
  // An end date stands for 24:00 of its day.
  if (end <= context.now) warnAt(context, path, `${what} has expired (${day(end - 1)})`);
  else if (end - context.now <= soonMs)
    warnAt(context, path, `${what} expires within 30 days (${day(end - 1)})`);
};

const warnEnds = (context: Context): void => {
  const { clients, targets, routes, admin } = context.parsed;
  for (const [name, settings] of clients)
    warnEnd(context, settings.expires, ['clients', name, 'expires'], 'this client');
  for (const [name, settings] of targets) {
    for (const [index, slot] of (settings.auth ?? []).entries()) {
      const path = ['targets', name, 'auth', index, 'expires'];
      warnEnd(context, slot.expires, path, 'this credential');
    }
  }
  for (const [index, person] of (admin?.people ?? []).entries())
    warnEnd(context, person.until, ['admin', 'people', index, 'until'], 'this person');
  for (const [name, settings] of routes) {
    for (const [index, grant] of settings.grants.entries())
      warnEnd(context, grant.until, ['routes', name, 'grants', index, 'until'], 'this grant');
  }
};

/** Read off the tree: a route that does not parse still uses what it names. */
const warnUnused = (context: Context): void => {
  const used = { clients: new Set<string>(), permissions: new Set<string>() };
  const also = { targets: new Set<string>(), profiles: new Set<string>() };
  const plans = new Set<string>();
  const note = (into: Set<string>, name: string | null): void => void into.add(name ?? '');
  for (const { value: route } of entriesOf(child(context.file, 'routes')).values()) {
    note(also.targets, textOf(child(route, 'scim')));
    note(also.profiles, textOf(child(route, 'normalise')));
    note(also.targets, textOf(child(child(route, 'enrich'), 'target')));
    note(also.targets, textOf(child(child(route, 'authzen'), 'target')));
    for (const delivery of itemsOf(child(route, 'deliver'))) {
      note(also.targets, textOf(child(delivery, 'to')));
      note(plans, textOf(child(delivery, 'plan')));
    }
    for (const grant of itemsOf(child(route, 'grants'))) {
      note(used.clients, textOf(child(grant, 'client')));
      note(used.permissions, textOf(child(grant, 'use')));
    }
  }
  for (const notice of itemsOf(child(child(context.file, 'holds'), 'notify')))
    note(also.targets, textOf(child(notice, 'to')));
  const words = [
    ['clients', used.clients, 'no route grants this client anything'],
    ['permissions', used.permissions, 'no grant uses this permission'],
    ['targets', also.targets, 'no route leads to this target'],
    ['profiles', also.profiles, 'no route uses this profile'],
    ['plans', plans, 'no route runs this plan'],
  ] as const;
  for (const [section, names, message] of words) {
    for (const name of entriesOf(child(context.file, section)).keys()) {
      if (!names.has(name)) warnAt(context, [section, name], message, true);
    }
  }
};

const warnTargets = (context: Context): void => {
  for (const [name, settings] of context.parsed.targets) {
    const url = URL.canParse(settings.baseUrl) ? new URL(settings.baseUrl) : null;
    if (url?.protocol === 'http:' && !isPrivateHost(url.hostname)) {
      const message = 'http: sends the credential and personal data in the clear';
      warnAt(context, ['targets', name, 'baseUrl'], message);
    }
  }
};

const warnPins = (context: Context): void => {
  const { server, clients } = context.parsed;
  if (server?.publicUrl === undefined || server.trustedProxies.length > 0) return;
  const message =
    'behind a proxy this sees only the proxy: name it in server.trustedProxies, or remove from';
  for (const [name, settings] of clients)
    if (settings.from !== undefined) warnAt(context, ['clients', name, 'from'], message, true);
  if (context.parsed.webhooks.size > 0)
    warnAt(
      context,
      ['server', 'publicUrl'],
      'behind a proxy all senders of webhooks have one address, and who sends nonsense keeps the others out: name it in server.trustedProxies',
    );
};

const warnWildcards = (context: Context): void => {
  const message = 'a wildcard also covers actions that you did not think of; name them';
  const look = (path: Path): void => {
    for (const [index, item] of itemsOf(locate(context.file, path)?.value).entries()) {
      if (/(^|:)\*$/.test(textOf(item) ?? '')) warnAt(context, [...path, index], message);
    }
  };
  for (const [name, rules] of context.parsed.permissions) {
    for (const word of Object.keys(rules)) look(['permissions', name, word, 'actions']);
  }
  for (const [name, { grants }] of context.parsed.routes) {
    for (const [index, grant] of grants.entries()) {
      for (const word of Object.keys(grant))
        look(['routes', name, 'grants', index, word, 'actions']);
    }
  }
};

const warnNestedRoutes = (context: Context): void => {
  const routes = [...context.parsed.routes, ...context.parsed.webhooks];
  const paths = new Set(routes.map(([, route]) => route.path));
  for (const [name, { path }] of routes) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      if (!paths.has(path.slice(0, end))) continue;
      warnAt(
        context,
        ['routes', name, 'path'],
        'hides a part of another route, whose path it extends',
      );
      break;
    }
  }
};

/** Conditions of a route's grants on changes of groups, each once, wherever they are written. */
const groupConditions = ({ file }: Context, route: string): readonly Path[] => {
  const grants = itemsOf(locate(file, ['routes', route, 'grants'])?.value);
  const used = new Set(grants.map((grant) => textOf(child(grant, 'use'))));
  return [
    ...grants.map((_grant, index): Path => ['routes', route, 'grants', index, 'groups', 'when']),
    ...[...used].flatMap((use): Path[] =>
      use === null ? [] : [['permissions', use, 'groups', 'when']],
    ),
  ];
};

const warnUnjudged = (context: Context, route: string): void => {
  const message = `the target of route ${route} never shows the members of groups: changes of groups under this condition are answered 503`;
  for (const path of groupConditions(context, route)) {
    const condition = textOf(locate(context.file, path)?.value) ?? '';
    if (asksMembers(condition)) warnAt(context, path, message);
  }
};

/** Rules that rest on what the target does not show (T4). */
const warnUnshown = (context: Context): void => {
  const { targets, routes } = context.parsed;
  for (const [name, { scim, before, verify }] of routes) {
    const settings = targets.get(scim);
    const dialect = settings === undefined ? undefined : targetDialects[settings.dialect];
    if (settings === undefined || dialect === undefined) continue;
    if (resolveKnobs(dialect, settings.knobs ?? {}).showsMembers) continue;
    warnUnjudged(context, name);
    if (before === 'capture')
      warnAt(
        context,
        ['routes', name, 'before'],
        'this target never shows the members of groups: before-images lack them',
      );
    for (const [index, action] of verify.actions.entries())
      if (/^groups:(add|remove|replace)-/.test(action))
        warnAt(
          context,
          ['routes', name, 'verify', ...(verify.listed ? [] : ['actions']), index],
          'this target never shows the members of groups: this cannot be read back',
        );
  }
};

/** Did all that is written of clients, targets, permissions and routes parse? Else names are missing here. */
const isWhole = ({ file, parsed }: Context): boolean => {
  const { clients, targets, permissions, routes, webhooks } = parsed;
  const read = { clients, targets, permissions, routes: [...routes.keys(), ...webhooks.keys()] };
  return Object.entries(read).every(([section, known]) => {
    const written = locate(file, [section])?.value;
    if (written === undefined) return true;
    const size = 'length' in known ? known.length : known.size;
    return written.kind === 'map' && written.entries.size === size;
  });
};

/** All warnings. `complete` false: a file is missing, so nothing is said about what is unused. */
export const findWarnings = (context: Context, complete: boolean): void => {
  warnEnds(context);
  if (complete) warnUnused(context);
  warnTargets(context);
  warnPins(context);
  warnWildcards(context);
  warnNestedRoutes(context);
  warnUnshown(context);
  findSafetyWarnings({
    parsed: context.parsed,
    warnAt: (path, message) => warnAt(context, path, message),
    complete: complete && isWhole(context),
  });
  findWebhookWarnings({
    parsed: context.parsed,
    warnAt: (path, message, atKey) => warnAt(context, path, message, atKey),
    warnEnd: (end, path, what) => warnEnd(context, end, path, what),
  });
};
