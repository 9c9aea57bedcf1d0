/**
 * Grants of one route, compiled for `decide.ts`: once per snapshot, everything a request does not
 * bring is settled here. Reports every problem at its place in the route file and never throws;
 * what has a problem must not be served. Called by config.
 */
import type { Action } from '../identity/operation.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import type { LimitSetting } from '../scalars.ts';
import { isReadAction, isRevoking } from './actions.ts';
import { compileRule, writtenAt, type RuleTools, type SettingPath } from './compile-rule.ts';
import type {
  CompiledGrant,
  CompiledLimit,
  CompiledRule,
  Grants,
  UrgentWindow,
} from './decision.ts';
import {
  grantKeys,
  type GrantSettings,
  type PermissionSettings,
  type ResourceRule,
} from './settings.ts';

/** What `compileGrants` compiles, and the knowledge of attributes it is lent. */
export type GrantsInput = RuleTools &
  Readonly<{
    /** Name of the route. */
    route: string;
    grants: readonly GrantSettings[];
    /** All permissions of the route file by name. */
    permissions: Readonly<Record<string, PermissionSettings>>;
    /** Resource types the route serves. */
    types: readonly ResourceType[];
  }>;

/** Everything that was granted on one route, by client name; null prototype. */
export const compileGrants = (input: GrantsInput): Readonly<Record<string, Grants>> => {
  const types = new Map(input.types.map((type) => [type.word, type]));
  const permissions = new Map<string, CompiledGrant['rules']>();
  const byClient = new Map<string, CompiledGrant[]>();
  input.grants.forEach((settings, index) => {
    const path: SettingPath = ['routes', input.route, 'grants', index];
    const rules = rulesOf(settings, path, { input, types, permissions });
    if (settings.mode === 'shadow' && settings.until === undefined) {
      input.problem([...path, 'mode'], 'a shadow grant needs an end: add until');
    }
    const bucket = `grant:${input.route}:${settings.client}:${index}`;
    const { reads, writes } = settings.limits ?? {};
    const grant: CompiledGrant = Object.freeze({
      name: writtenAt(path),
      client: settings.client,
      rules,
      mode: settings.mode,
      until: settings.until ?? Number.POSITIVE_INFINITY,
      me: settings.me ?? null,
      urgent: urgentOf(settings, rules, path, input),
      limitReads:
        reads === undefined ? null : compileLimit(reads, `${bucket}:reads`, 'grant-reads'),
      limitWrites:
        writes === undefined ? null : compileLimit(writes, `${bucket}:writes`, 'grant-writes'),
    });
    const held = byClient.get(settings.client);
    if (grant.me !== null && (meOf(held) ?? grant.me) !== grant.me) {
      input.problem([...path, 'me'], 'another grant of this client on this route names another me');
    }
    if (held === undefined) byClient.set(settings.client, [grant]);
    else held.push(grant);
  });
  const compiled = Object.create(null) as Record<string, Grants>;
  for (const [client, grants] of byClient) compiled[client] = holdings(client, grants);
  return Object.freeze(compiled);
};

/** The window of `urgent`; it is worth nothing to a grant that revokes nothing. */
const urgentOf = (
  { urgent, client }: GrantSettings,
  rules: CompiledGrant['rules'],
  path: SettingPath,
  { route, problem }: GrantsInput,
): UrgentWindow | null => {
  if (urgent === undefined) return null;
  const actions = Object.values(rules).flatMap((rule) => [...rule.actions]);
  if (actions.length > 0 && !actions.some(isRevoking)) {
    problem(
      [...path, 'urgent'],
      'only deactivate, delete and remove-member are urgent, and this grant has none of them',
    );
  }
  const key = `urgent\n${route}\n${client}\n${String(path.at(-1))}`;
  return Object.freeze({ key, count: urgent.count, ms: urgent.seconds * 1_000 });
};

/**
 * A limit ready for `limits.take`. `key` names the bucket, `policy` is public. Without a burst the
 * rate's own count may come at once: `20/s` admits 20, `600/m` admits 600.
 */
export const compileLimit = (setting: LimitSetting, key: string, policy: string): CompiledLimit =>
  Object.freeze({
    key,
    policy,
    count: setting.rate.count,
    seconds: setting.rate.seconds,
    burst: setting.burst ?? setting.rate.count,
  });

type Scope = Readonly<{
  input: GrantsInput;
  types: ReadonlyMap<string, ResourceType>;
  /** Permissions already compiled for this route. */
  permissions: Map<string, CompiledGrant['rules']>;
}>;

const noRules: CompiledGrant['rules'] = Object.freeze(
  Object.create(null) as Record<string, CompiledRule>,
);

const ownKeys: ReadonlySet<string> = new Set(grantKeys);

const rulesOf = (
  settings: GrantSettings,
  path: SettingPath,
  scope: Scope,
): CompiledGrant['rules'] => {
  const { problem } = scope.input;
  const inline = Object.entries(settings as Readonly<Record<string, unknown>>).filter(
    (entry): entry is [string, ResourceRule] => !ownKeys.has(entry[0]) && entry[1] !== undefined,
  );
  const use = settings.use;
  if (use === undefined) {
    if (inline.length === 0) {
      problem(path, 'this grant allows nothing: add use, or rules such as users: { actions: […] }');
    }
    return compileRules(inline, path, scope);
  }
  if (inline.length > 0) {
    problem([...path, 'use'], 'a grant has either use or rules of its own, not both');
  }
  const known = scope.permissions.get(use);
  if (known !== undefined) return known;
  if (!Object.hasOwn(scope.input.permissions, use)) {
    problem([...path, 'use'], 'there is no such permission');
    return noRules;
  }
  const permission = scope.input.permissions[use] as PermissionSettings;
  const rules = compileRules(Object.entries(permission), ['permissions', use], scope);
  scope.permissions.set(use, rules);
  return rules;
};

const compileRules = (
  entries: readonly (readonly [string, ResourceRule])[],
  path: SettingPath,
  { input, types }: Scope,
): CompiledGrant['rules'] => {
  const rules = Object.create(null) as Record<string, CompiledRule>;
  for (const [word, settings] of entries) {
    const type = types.get(word);
    if (type === undefined) {
      const known = [...types.keys()].join(', ');
      input.problem(
        [...path, word],
        `route ${input.route} serves no such resource; it has ${known === '' ? 'none' : known}`,
      );
    } else {
      rules[word] = compileRule(settings, type, [...path, word], input);
    }
  }
  return Object.freeze(rules);
};

const meOf = (grants: readonly CompiledGrant[] = []): string | null =>
  grants.find(({ me }) => me !== null)?.me ?? null;

/** All that one client holds on the route, with the facts its rules can ask for. */
const holdings = (client: string, grants: readonly CompiledGrant[]): Grants => {
  const onBefore = new Set<Action>();
  const onGroupName = new Set<Action>();
  for (const { rules } of grants) {
    for (const rule of Object.values(rules)) {
      for (const action of rule.actions) {
        if (needsCurrent(rule, action)) onBefore.add(action);
        if (rule.group !== null) onGroupName.add(action);
      }
    }
  }
  return Object.freeze({
    client,
    grants: Object.freeze([...grants]),
    me: meOf(grants),
    keepsPassword: grants.some(({ rules }) => rules['users']?.actions.has('users:password')),
    // What is being created has no former self, whatever other actions the call carries.
    needsBefore: (actions: readonly Action[]): boolean =>
      onBefore.size > 0 &&
      !actions.some((action) => action.endsWith(':create')) &&
      actions.some((action) => onBefore.has(action)),
    needsGroupName: (actions: readonly Action[]): boolean =>
      onGroupName.size > 0 && actions.some((action) => onGroupName.has(action)),
  });
};

/** `after` of an update is made from the current resource, so it needs it too; a delete has none. */
const needsCurrent = ({ when }: CompiledRule, action: Action): boolean =>
  when !== null &&
  !isReadAction(action) &&
  !action.endsWith(':create') &&
  (when.mentions.has('before') ||
    when.mentions.has('changed') ||
    (when.mentions.has('after') && !action.endsWith(':delete')));
