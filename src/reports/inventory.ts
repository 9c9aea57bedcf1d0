/**
 * What a reviewer must see of a gateway in one list: who may do what through which connector, by which
 * credentials, until when, what stands in their way, and what of that calls for a question. Names, ends
 * and counts; never a value of a secret. Pure.
 */
import type { StoredKey } from '../callers/store.ts';
import { actionsNamed } from '../policy/actions.ts';
import type { GuardWindow, TenantSafety } from '../policy/safety.ts';
import type { Client, Route, Snapshot, Target, WebhookRoute } from '../snapshot.ts';

const dayMs = 86_400_000;

/** An end this near is told, and one this far is none that anybody will meet; days. */
const nearDays = 30;
const farDays = 400;

/** What is not compiled, as written: how messages of a webhook route are verified, by how many secrets. */
export type ReceiverFacts = Readonly<Record<string, Readonly<{ scheme: string; secrets: number }>>>;

export type InventoryKind =
  | 'client'
  | 'credential'
  | 'target'
  | 'webhook'
  | 'deliver'
  | 'plan'
  | 'guard'
  | 'protection'
  | 'approval'
  | 'person';

/** One thing a reviewer looks at; further members by kind. */
export type InventoryRow = Readonly<{
  kind: InventoryKind;
  name: string;
  /** In a few words. */
  about: string;
  /** Its end, `2026-11-27`; null = none. */
  until: string | null;
  /** What calls for a question: words of `flagTexts`, some with what they are about behind a colon. */
  flags: readonly string[];
}> &
  Readonly<Record<string, unknown>>;

/** What each flag asks of a reviewer. */
export const flagTexts = Object.freeze({
  ended: 'its end has passed',
  'ends-soon': `it ends within ${nearDays} days`,
  'no-end': 'it has no end',
  'far-end': `its end is more than ${farDays} days away`,
  'no-key': 'no key lives, so nobody can use it',
  unused: 'no key of it was used for as many days as were asked about',
  'no-grant': 'nothing is granted to it',
  wildcard: 'a grant allows all that * stands for',
  trial: 'a grant is tried out: it refuses nothing yet',
  'owner-unknown': 'its owner is none of the people of this gateway',
  shared: 'several routes use the same credential',
  unconfigured: 'a secret of it does not resolve',
  'no-credential': 'it is called without a credential',
  'no-guard': 'no guard limits how much may be changed there',
  'no-route': 'no route leads there',
  unsigned: 'what is passed on is not signed',
  'never-silent': 'nobody is told when its sender falls silent',
  'one-approval': 'one person alone approves',
} as const);

type Flag = keyof typeof flagTexts;

export type InventoryFacts = Readonly<{
  snapshot: Snapshot;
  receivers: ReceiverFacts;
  keys: readonly StoredKey[];
  now: number;
  /** Unused for so many days is told. */
  days: number;
}>;

const dateOf = (at: number | null): string | null =>
  at === null || !Number.isFinite(at) ? null : new Date(at).toISOString().slice(0, 10);

/** The last day of an end that is exclusive. */
const lastDay = (end: number): string | null => dateOf(Number.isFinite(end) ? end - 1 : end);

const when = (flag: Flag, holds: boolean): readonly string[] => (holds ? [flag] : []);

const endFlags = (end: number, now: number): readonly string[] => {
  if (!Number.isFinite(end)) return ['no-end'];
  if (end <= now) return ['ended'];
  const days = (end - now) / dayMs;
  return days <= nearDays ? ['ends-soon'] : when('far-end', days > farDays);
};

const sorted = (words: Iterable<string>): readonly string[] => [...words].sort();

/** Keys of one holder: those that live, and whether any was used in the days asked about. */
const keysOf = (
  { keys, now, days, snapshot }: InventoryFacts,
  kind: StoredKey['kind'],
  holder: string,
) => {
  const own = keys.filter(
    (key) => key.kind === kind && key.holder === holder && key.environment === snapshot.environment,
  );
  const live = own.filter(
    ({ expiresAt, revokedAt }) => expiresAt > now && (revokedAt === null || revokedAt > now),
  );
  const last = Math.max(...live.map(({ issuedAt, lastUsedAt }) => lastUsedAt ?? issuedAt));
  const used = own.flatMap(({ lastUsedAt }) => lastUsedAt ?? []);
  return {
    keys: live.map(({ id, expiresAt, lastUsedAt }) => ({
      id,
      until: lastDay(expiresAt),
      lastUsed: dateOf(lastUsedAt),
    })),
    lastUsed: used.length === 0 ? null : dateOf(Math.max(...used)),
    flags: live.length === 0 ? (['no-key'] as const) : when('unused', last < now - days * dayMs),
  };
};

/** What a client may do on one route, by resource word. */
const grantedOn = (route: Route, client: string, now: number) => {
  const grants = Object.hasOwn(route.grants, client) ? (route.grants[client]?.grants ?? []) : [];
  const live = grants.filter(({ until }) => until > now);
  const actions = new Set(
    live.flatMap(({ rules }) => Object.values(rules).flatMap((rule) => [...rule.actions])),
  );
  const every = live.flatMap(({ rules }) =>
    Object.entries(rules).flatMap(([word, { actions: own }]) =>
      (actionsNamed(word, '*') ?? []).every((action) => own.has(action))
        ? [`wildcard:${route.name}/${word}`]
        : [],
    ),
  );
  const trials = live.some(({ mode }) => mode === 'shadow') ? [`trial:${route.name}`] : [];
  return { route: route.name, actions: sorted(actions), flags: [...new Set(every), ...trials] };
};

const clientRow = (facts: InventoryFacts, client: Client): InventoryRow => {
  const { snapshot, now } = facts;
  const { owner, purpose, auth, whenHeld } = client.settings;
  const held = keysOf(facts, 'client', client.name);
  const granted = snapshot.routes
    .map((route) => grantedOn(route, client.name, now))
    .filter(({ actions }) => actions.length > 0);
  const kinds = auth.map((one) => (typeof one === 'string' ? one : Object.keys(one).join()));
  return {
    kind: 'client',
    name: client.name,
    about: `${owner}: ${purpose}`,
    until: lastDay(client.expiresAt),
    flags: [
      ...endFlags(client.expiresAt, now),
      ...(client.internal ? [] : held.flags),
      ...when('no-grant', granted.length === 0),
      ...granted.flatMap(({ flags }) => flags),
      ...when('owner-unknown', !Object.hasOwn(snapshot.admin.people, owner)),
    ],
    owner,
    purpose,
    credentials: kinds,
    pinned: client.pin !== null,
    whenHeld,
    keys: held.keys,
    lastUsed: held.lastUsed,
    routes: granted.map(({ route, actions }) => ({ route, actions })),
  };
};

/** Everything through which a target is reached: routes, webhook routes that pass on or look up there. */
const usersOf = ({ routes, webhooks, holds }: Snapshot, target: string): readonly string[] =>
  sorted([
    ...routes
      .filter((route) => route.target === target || route.decisionPoint?.target === target)
      .map(({ name }) => name),
    ...webhooks
      .filter(
        ({ enrich, deliver }) =>
          enrich?.target === target ||
          deliver.some((one) => one.kind === 'forward' && one.target === target),
      )
      .map(({ name }) => name),
    ...holds.notify.filter((notice) => notice.target === target).map(({ name }) => `holds.${name}`),
  ]);

const targetRows = ({ snapshot, now }: InventoryFacts, target: Target): readonly InventoryRow[] => {
  const { name, settings, tenant } = target;
  const routes = usersOf(snapshot, name);
  const auth = settings.auth ?? [];
  const scim = snapshot.routes.some((route) => route.target === name);
  const row: InventoryRow = {
    kind: 'target',
    name,
    about: `${settings.baseUrl}, tenant ${tenant}`,
    until: null,
    flags: [
      ...when('no-credential', auth.length === 0),
      ...when('no-guard', scim && (target.safety?.guards.length ?? 0) === 0),
      ...when('no-route', routes.length === 0),
      ...when('unconfigured', target.unconfigured !== null),
    ],
    tenant,
    dialect: settings.dialect,
    routes,
  };
  const slots = auth.map((slot, at): InventoryRow => {
    const form = Object.keys(slot).filter((key) => key !== 'expires')[0] ?? '';
    const end = slot.expires ?? Number.POSITIVE_INFINITY;
    return {
      kind: 'credential',
      name: `targets.${name}.auth[${at}]`,
      about: `${form} of ${name}`,
      until: lastDay(end),
      flags: [...endFlags(end, now), ...when('shared', routes.length > 1)],
      target: name,
      form,
      routes,
    };
  });
  return [row, ...slots];
};

const webhookRows = (
  { receivers }: InventoryFacts,
  route: WebhookRoute,
): readonly InventoryRow[] => {
  const { name, silentAfterMs, deliver, unconfigured } = route;
  const known = Object.hasOwn(receivers, name) ? receivers[name] : undefined;
  const { scheme, secrets } = known ?? { scheme: route.receiver?.sender ?? '', secrets: null };
  const row: InventoryRow = {
    kind: 'webhook',
    name,
    about: `from ${scheme}${secrets === null ? '' : `, ${secrets} secret${secrets === 1 ? '' : 's'}`}`,
    until: null,
    flags: [
      ...when('unconfigured', unconfigured !== null),
      ...when('never-silent', silentAfterMs === null),
    ],
    sender: scheme,
    secrets,
    silentAfterSeconds: silentAfterMs === null ? null : silentAfterMs / 1_000,
    delivers: deliver.map((one) => one.name),
  };
  const delivers = deliver.map((one): InventoryRow => {
    const to = one.kind === 'plan' ? `plan ${one.plan}` : `target ${one.target}`;
    return {
      kind: 'deliver',
      name: one.lane,
      about: to,
      until: null,
      flags: when('unsigned', one.kind === 'forward' && one.signer === null),
      route: name,
      to,
    };
  });
  return [row, ...delivers];
};

const spans = [
  ['d', dayMs],
  ['h', 3_600_000],
  ['m', 60_000],
] as const;

/** As the route file writes it: `7d`, `90m`. */
const spanText = (ms: number): string => {
  const [unit, of] = spans.find(([, each]) => ms % each === 0) ?? ['s', 1_000];
  return `${ms / of}${unit}`;
};

const windowText = ({ count, share, ms }: GuardWindow): string =>
  [
    ...(count === null ? [] : [`${count}`]),
    ...(share === null ? [] : [`${Math.round(share * 1_000) / 10}%`]),
  ].join(' or ') + ` in ${spanText(ms)}`;

const safetyRows = ({ tenant, guards, protections }: TenantSafety): readonly InventoryRow[] => [
  ...guards.map(({ name, actions, detect, windows, per, then, by }): InventoryRow => {
    const limits = windows.map(windowText);
    const what = detect ?? sorted(actions).join(', ');
    return {
      kind: 'guard',
      name,
      about: `${what}${limits.length === 0 ? '' : `: ${limits.join('; ')}`} per ${per}, then ${then}`,
      until: null,
      flags: [],
      tenant,
      actions: sorted(actions),
      detect,
      limits,
      per,
      then,
      approvals: by,
    };
  }),
  ...protections.map(({ name, word, never }): InventoryRow => {
    const actions = sorted(never);
    const about = `${word}, never ${actions.join(', ')}`;
    return {
      kind: 'protection',
      name,
      about,
      until: null,
      flags: [],
      tenant,
      word,
      never: actions,
    };
  }),
];

const approvalRows = ({ name, approval }: Route): readonly InventoryRow[] => {
  if (approval === null) return [];
  const { required, by } = approval;
  const actions = sorted(required);
  return [
    {
      kind: 'approval',
      name: `routes.${name}.approval`,
      about: `${actions.join(', ')} by ${by}`,
      until: null,
      flags: when('one-approval', by === 1),
      route: name,
      actions,
      approvals: by,
    },
  ];
};

const personRow = (facts: InventoryFacts, name: string): InventoryRow => {
  const { roles, until } = facts.snapshot.admin.people[name] ?? { roles: [], until: 0 };
  const held = keysOf(facts, 'person', name);
  return {
    kind: 'person',
    name,
    about: roles.join(', '),
    until: lastDay(until),
    flags: [...endFlags(until, facts.now), ...held.flags],
    roles,
    tokens: held.keys,
    lastUsed: held.lastUsed,
  };
};

/** Everything that is configured, by kind and in the order of the route file. */
export const inventoryRows = (facts: InventoryFacts): readonly InventoryRow[] => {
  const { snapshot } = facts;
  return [
    ...Object.values(snapshot.clients).map((client) => clientRow(facts, client)),
    ...Object.values(snapshot.targets).flatMap((target) => targetRows(facts, target)),
    ...snapshot.webhooks.flatMap((route) => webhookRows(facts, route)),
    ...Object.values(snapshot.plans).map(({ name, as, steps }): InventoryRow => {
      const does = steps.map((step) => `${step.do} ${step.type} on ${step.route}`);
      const about = `as ${as}: ${does.join(', ')}`;
      return { kind: 'plan', name, about, until: null, flags: [], client: as, steps: does };
    }),
    ...Object.values(snapshot.tenants).flatMap(safetyRows),
    ...snapshot.routes.flatMap(approvalRows),
    ...Object.keys(snapshot.admin.people).map((name) => personRow(facts, name)),
  ];
};
