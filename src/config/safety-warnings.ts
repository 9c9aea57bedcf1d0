/**
 * Rules of safety that are right by themselves and yet protect less, or hold more, than they seem to:
 * nobody can approve, nobody is granted what is counted, nothing leads to whom it protects, another
 * tenant leads past it.
 */
import { resolveKnobs, targetDialects } from '../identity/dialects/target-table.ts';
import type { Action } from '../identity/operation.ts';
import { actionsNamed, isRevoking, mutationsOf, wordOf } from '../policy/actions.ts';
import type { GuardSettings } from '../policy/safety-settings.ts';
import type { GrantSettings } from '../policy/settings.ts';
import type { TargetSettings } from '../targets/settings.ts';
import { writtenRules } from './compare-rules.ts';
import { originOf, tenantOf } from './compile-tenants.ts';
import type { Parsed } from './parse-sections.ts';
import type { Path } from './problem.ts';

/** What looking for them needs. */
export type SafetyContext = Readonly<{
  parsed: Parsed;
  warnAt(path: Path, message: string): void;
  /** False: a file is missing or an entry is wrong, so nothing is said about what is not there. */
  complete: boolean;
}>;

/** Routes that lead to a tenant, by whichever of its targets. */
const routesTo = ({ routes, targets }: Parsed, tenant: string) =>
  [...routes].filter(([, { scim }]) => {
    const target = targets.get(scim);
    return target !== undefined && tenantOf(target) === tenant;
  });

/** Every action that a grant gives. */
const actionsOfGrant = ({ permissions }: Parsed, grant: GrantSettings): readonly Action[] =>
  Object.entries(writtenRules(grant, permissions)).flatMap(([word, rule]) =>
    rule.actions.flatMap((text) => actionsNamed(word, text) ?? []),
  );

/** Every action that some grant on these routes gives. */
const grantedOn = (parsed: Parsed, tenant: string): ReadonlySet<Action> => {
  const out = new Set<Action>();
  for (const [, { grants }] of routesTo(parsed, tenant))
    for (const grant of grants) for (const action of actionsOfGrant(parsed, grant)) out.add(action);
  return out;
};

/** The actions of a guard, as far as they are known words. */
const actionsOfGuard = ({ actions }: GuardSettings): readonly Action[] =>
  (actions ?? []).flatMap((text): readonly Action[] =>
    text.endsWith(':*') ? mutationsOf(wordOf(text as Action)) : [text as Action],
  );

const warnGuard = (
  context: SafetyContext,
  guard: GuardSettings,
  path: Path,
  granted: () => ReadonlySet<Action>,
): void => {
  const actions = actionsOfGuard(guard);
  const tell = (key: string, message: string): void => context.warnAt([...path, key], message);
  if (guard.then === 'deny' && (guard.detect !== undefined || actions.some(isRevoking)))
    tell('then', 'above the limit a revocation is lost: with hold it waits for a person');
  const known = actions.every((each) => actionsNamed(wordOf(each), each) !== null);
  if (
    context.complete &&
    known &&
    actions.length > 0 &&
    !actions.some((each) => granted().has(each))
  )
    tell('actions', 'no grant that leads to this tenant gives any of these actions');
  const { count, slow } = guard;
  if (count !== undefined && slow?.count !== undefined && slow.count <= count)
    tell('slow', 'this lets no more pass than the shorter window, which then never counts');
  const ofGroups = guard.detect !== undefined || actions.some((each) => wordOf(each) === 'groups');
  const share = guard.percent === undefined ? guard.slow?.percent : guard.percent;
  if (share !== undefined && guard.per !== 'group' && ofGroups && guard.detect !== 'cleared')
    tell('per', 'the percentage is one of all groups there are; per: group is one of its members');
};

/** A way past the guards that is as wide as they are is none past a few. */
const warnUrgent = ({ parsed, warnAt }: SafetyContext, name: string): void => {
  const route = parsed.routes.get(name);
  const target = route === undefined ? undefined : parsed.targets.get(route.scim);
  for (const [index, grant] of (route?.grants ?? []).entries()) {
    const { urgent } = grant;
    if (urgent === undefined) continue;
    const given = new Set(actionsOfGrant(parsed, grant).filter(isRevoking));
    const perMs = urgent.count / (urgent.seconds * 1_000);
    const wider = (target?.guards ?? []).find(
      (guard) =>
        guard.count !== undefined &&
        guard.in !== undefined &&
        actionsOfGuard(guard).some((each) => given.has(each)) &&
        perMs >= guard.count / guard.in,
    );
    if (wider !== undefined)
      warnAt(
        ['routes', name, 'grants', index, 'urgent'],
        `this lets as many past the guard ${wider.name} as it lets pass: write a small limit`,
      );
  }
};

const showsMembers = ({ dialect, knobs }: TargetSettings): boolean => {
  const known = targetDialects[dialect];
  return known === undefined || resolveKnobs(known, knobs ?? {}).showsMembers;
};

/** Rules that rest on members which the target never shows (T4). */
const warnHiddenMembers = (context: SafetyContext, name: string, target: TargetSettings): void => {
  if (showsMembers(target)) return;
  const message = 'this target never shows the members of groups';
  for (const [index, { detect, actions, per }] of (target.guards ?? []).entries()) {
    const rests = detect === 'emptied' || detect === 'replaced' || per === 'group';
    const counts = (actions ?? []).some((each) => /^groups:(\*|remove-member|replace-)/.test(each));
    if (rests || counts)
      context.warnAt(
        ['targets', name, 'guards', index],
        `${message}: what could take all of them away trips this guard, whoever they are`,
      );
  }
  for (const [index, { users }] of (target.protected ?? []).entries())
    if (users?.memberOf !== undefined)
      context.warnAt(
        ['targets', name, 'protected', index, 'users', 'memberOf'],
        `${message}: nobody is found by this`,
      );
};

const hasRules = ({ guards, protected: subjects, privileged }: TargetSettings): boolean =>
  (guards ?? []).length + (subjects ?? []).length > 0 || privileged !== undefined;

/** Rules hold for a tenant: whoever reaches the same system as another tenant goes past them. */
const warnOtherDoors = ({ parsed, warnAt }: SafetyContext, name: string): void => {
  const target = parsed.targets.get(name);
  if (target === undefined || !hasRules(target)) return;
  const tenant = tenantOf(target);
  const reaches = (other: TargetSettings): boolean =>
    tenantOf(other) !== tenant && originOf(other.baseUrl) === originOf(target.baseUrl);
  for (const [other, settings] of parsed.targets)
    if (reaches(settings) && [...parsed.routes].some(([, { scim }]) => scim === other))
      warnAt(
        ['targets', other],
        `it leads to the host of ${name} as another tenant, so the safety rules there do not hold here; where it is one system, write the same tenant`,
      );
};

const warnTarget = (context: SafetyContext, name: string, target: TargetSettings): void => {
  const tenant = tenantOf(target);
  let known: ReadonlySet<Action> | null = null;
  const granted = (): ReadonlySet<Action> => (known ??= grantedOn(context.parsed, tenant));
  for (const [index, guard] of (target.guards ?? []).entries())
    warnGuard(context, guard, ['targets', name, 'guards', index], granted);
  warnHiddenMembers(context, name, target);
  if (!context.complete || target.protected === undefined) return;
  if (routesTo(context.parsed, tenant).length === 0)
    context.warnAt(
      ['targets', name, 'protected'],
      'no SCIM route leads to this tenant, so nothing is ever looked through or protected',
    );
};

const approversOf = ({ admin }: Parsed): readonly string[] =>
  (admin?.people ?? []).filter(({ roles }) => roles.includes('approver')).map(({ name }) => name);

/** People of whom one approves, without the owner of the client. */
const warnApprovers = (
  context: SafetyContext,
  clients: Iterable<string>,
  by: number,
  path: Path,
): void => {
  const { parsed, warnAt } = context;
  const approvers = approversOf(parsed);
  if (approvers.length === 0) {
    warnAt(path, 'what is held waits for ever: no person has the role approver (admin.people)');
    return;
  }
  for (const client of clients) {
    const owner = parsed.clients.get(client)?.owner;
    const free = approvers.filter((name) => name !== owner).length;
    if (owner === undefined || free >= by) continue;
    const people = by === 1 ? 'an approver' : `${by} approvers`;
    warnAt(path, `${people} beside its owner must be there for ${client}; there are ${free}`);
    return;
  }
};

const clientsOf = (routes: ReturnType<typeof routesTo>): ReadonlySet<string> =>
  new Set(routes.flatMap(([, { grants }]) => grants.map(({ client }) => client)));

/** All of them. */
export const findSafetyWarnings = (context: SafetyContext): void => {
  const { parsed, warnAt, complete } = context;
  for (const [name, target] of parsed.targets) {
    warnTarget(context, name, target);
    warnOtherDoors(context, name);
    if (!complete) continue;
    for (const [index, guard] of (target.guards ?? []).entries()) {
      if (guard.then !== 'hold') continue;
      const clients = clientsOf(routesTo(parsed, tenantOf(target)));
      warnApprovers(context, clients, guard.by, ['targets', name, 'guards', index]);
    }
  }
  for (const [name, route] of parsed.routes) {
    warnUrgent(context, name);
    if (!complete || route.approval === undefined) continue;
    const clients = clientsOf([[name, route]]);
    warnApprovers(context, clients, route.approval.by, ['routes', name, 'approval']);
  }
  for (const [index, { sign }] of (parsed.holds?.notify ?? []).entries())
    if (sign === 'none')
      warnAt(
        ['holds', 'notify', index, 'sign'],
        'nobody can tell these notices from forged ones; sign them',
      );
};
