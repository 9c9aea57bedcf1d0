/**
 * What keeps a mutation that its client may make from doing harm: guards (how many), protected
 * subjects (never these), privileged targets (this counts as entitling). All of it belongs to the
 * tenant, so it holds whatever the door. Types only; compiled once per snapshot by config.
 */
import type { Action } from '../identity/operation.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import type { AttributeSet } from './decision.ts';

/** One window of a guard. Where both are given the smaller limit holds; a share of few is at least 1. */
export type GuardWindow = Readonly<{
  /** `slow` is the second window, against drips. */
  name: 'fast' | 'slow';
  /** Length, ms. */
  ms: number;
  count: number | null;
  /** Share of the population (of the group's members where `per` is `group`), 0 to 1. */
  share: number | null;
}>;

/** A limit on the blast radius. */
export type Guard = Readonly<{
  name: string;
  /** Any of these is counted; empty where `detect` says what is. */
  actions: ReadonlySet<Action>;
  /**
   * `emptied`: a group had members and has none after it. `replaced`: members are replaced as a whole and
   * more than `share` of them go. `cleared`: one of `attributes` had a value and has none after it.
   */
  detect: 'emptied' | 'replaced' | 'cleared' | null;
  attributes: AttributeSet | null;
  /** With `emptied` and `replaced`: only groups with more members than this. */
  above: number;
  /** With `replaced`: the share of members that may go, 0 to 1. */
  share: number;
  per: 'client' | 'tenant' | 'group';
  /** Empty (only with `detect`): each mutation that it is about trips it. */
  windows: readonly GuardWindow[];
  then: 'hold' | 'deny';
  /** Approvals that release what it holds. */
  by: number;
}>;

/** Subjects that some changes must never hit. */
export type Protection = Readonly<{
  name: string;
  /** Resource word: `users` or `groups`. */
  word: 'users' | 'groups';
  never: ReadonlySet<Action>;
  /** Ids at the target that are protected by name of the rule alone. */
  ids: ReadonlySet<string>;
  /** Does this resource match by its attributes or condition? Keys compared by NFKC and case folding. */
  matches(resource: Resource): boolean;
  /** Patterns of displayNames whose members (nested ones, too) are protected; null = none. */
  memberOf: ((displayName: string) => boolean) | null;
  /** Covers what touches an attribute by which it matches: none of them may change while it protects. */
  keys: AttributeSet;
  /**
   * What asks a target for candidates; null = all of them have to be looked through, '' = nobody: it
   * names ids and groups alone. Targets do not find compatibility forms and invisible characters by it, so
   * tenants of up to 5,000 of a kind are looked through whole at first; of larger ones such a spelling is
   * protected once it is met.
   */
  filter: string | null;
  /** Changes with what the rule says, so that what was resolved for another is resolved anew. */
  digest: string;
}>;

/** What grants privilege: changes there count as `users:entitle` as well. */
export type Privileged = Readonly<{
  /** Of displayNames; membership in them, and their names. Null = no group by name. */
  group: ((displayName: string) => boolean) | null;
  attributes: AttributeSet | null;
}>;

/** All safety rules of one tenant, of whichever target they were written at. */
export type TenantSafety = Readonly<{
  tenant: string;
  guards: readonly Guard[];
  protections: readonly Protection[];
  privileged: Privileged | null;
  /** Targets that lead there; the first is asked for populations and protected subjects. */
  targets: readonly string[];
  /** Actions for which some rule must know the current resource. */
  needsBefore(actions: readonly Action[]): boolean;
  /** Actions that some rule here speaks of at all: others cost nothing. */
  concerns(actions: readonly Action[]): boolean;
}>;

/** `approval:` of a route. */
export type Approval = Readonly<{
  required: ReadonlySet<Action>;
  /** Different people. */
  by: number;
  expiresMs: number;
  /** A call that comes again so long after the decision is answered by it. */
  rememberMs: number;
  /** Are passwords kept (sealed) in held mutations? Else dropped. */
  keepsPasswords: boolean;
}>;

/** An external decision point (AuthZEN Authorization API 1.0), asked after our own decision. */
export type DecisionPoint = Readonly<{
  target: string;
  /** Below the target's baseUrl: `/access/v1/evaluation`. */
  path: string;
  timeoutMs: number;
  /** Null = every mutation. */
  actions: ReadonlySet<Action> | null;
  /** For `rule`: `routes.slack.authzen`. */
  rule: string;
}>;

/** What of a mutation is counted by which window. */
export type Touch = Readonly<{
  guard: Guard;
  /** Null: the guard has no window; it trips. */
  window: GuardWindow | null;
  /** Stable key of the counter: `tenant/guard/window/client`. */
  key: string;
  amount: number;
  /** Of what `window.share` is the share. */
  shareOf: 'population' | 'members' | null;
  /** With `members`: how many the group had. */
  members: number | null;
}>;
