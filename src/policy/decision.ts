/**
 * What policy is asked and what it answers. Types only; `decide.ts` holds the judgement. A question
 * is facts, an answer always names the rule that made it.
 */
import type { Action, AttributeName, Effect } from '../identity/operation.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import type { ErrorCode } from '../errors.ts';
import type { Expression } from '../expressions.ts';

/** An attribute list, compiled: answers whether a rule-spelled attribute name is inside. */
export type AttributeSet = Readonly<{
  /** `name` covers `name.givenName`; a URN covers everything below it; case-insensitive. */
  covers(attribute: AttributeName): boolean;
}>;

/** What one grant allows on one resource word, compiled once per snapshot. */
export type CompiledRule = Readonly<{
  /** Where it was written, for `rule`: `permissions.joiner.users` or `routes.slack.grants[1].users`. */
  name: string;
  actions: ReadonlySet<Action>;
  write: AttributeSet;
  denied: 'refuse' | 'drop';
  read: AttributeSet;
  /** Null = every group. Judges a displayName. */
  group: ((displayName: string) => boolean) | null;
  when: Expression | null;
}>;

/** One grant of a client on a route. `rules` by resource word, null prototype. */
export type CompiledGrant = Readonly<{
  name: string;
  client: string;
  rules: Readonly<Record<string, CompiledRule>>;
  mode: 'enforce' | 'shadow';
  /** End of the grant (shadow always has one), ms since the epoch; Infinity where none. */
  until: number;
  me: string | null;
  limitReads: CompiledLimit | null;
  limitWrites: CompiledLimit | null;
  /**
   * Revocations by this grant count here and not in the tenant's guards, until this window is used up;
   * then they are like any other.
   */
  urgent: UrgentWindow | null;
}>;

/** Places for revocations of one grant; `key` is that of its counter. */
export type UrgentWindow = Readonly<{ key: string; count: number; ms: number }>;

/** Ready for `limits.take`. */
export type CompiledLimit = Readonly<{
  /** Stable key of the bucket: `client:entra-slack:writes`. */
  key: string;
  /** Public name in RateLimit-Policy: `client-writes`. */
  policy: string;
  count: number;
  seconds: number;
  burst: number;
}>;

/** All that a client holds on one route, ready for `judge` and `decide`. */
export type Grants = Readonly<{
  client: string;
  grants: readonly CompiledGrant[];
  /** Id of the user at the target whom the client is (`/Me`); null where no grant says. */
  me: string | null;
  /** Does any rule carry `users:password`, so that a password the client sends is meant? */
  keepsPassword: boolean;
  /** Does any live rule need the current resource (its condition mentions before or changed)? */
  needsBefore(actions: readonly Action[]): boolean;
  /** Does any live rule restrict groups by name? */
  needsGroupName(actions: readonly Action[]): boolean;
}>;

/** Facts of one operation. `before`/`after` are whole and normalised; undefined = not gathered. */
export type Question = Readonly<{
  type: ResourceType | null;
  effects: readonly Effect[];
  client: string;
  now: number;
  before?: Resource | null;
  after?: Resource | null;
  changed?: readonly AttributeName[];
  /** displayNames by which `only`/`except` of groups are judged: old and, on a rename, new. */
  groupNames?: readonly string[];
}>;

/** Shadowed refusals ride along with an allow: what enforcement would have refused. */
export type Decision =
  | Readonly<{
      allowed: true;
      rule: string;
      /** Attributes to strip before sending (`denied: drop`). */
      drop: readonly AttributeName[];
      /** What the answer may show: union of the covering grants' read sets. */
      view: AttributeSet;
      limits: readonly CompiledLimit[];
      shadow: readonly Denial[];
      /** Are all actions covered by grants in shadow mode? Then guards only look on as well. */
      shadowed: boolean;
      /** Where one grant with `urgent` covers all actions, and all of them revoke: its window. */
      urgent: UrgentWindow | null;
    }>
  | (Denial & Readonly<{ allowed: false }>);

/** A denial: its code, the rule and what is missing, public. */
export type Denial = Readonly<{
  code: Extract<
    ErrorCode,
    | 'action_denied'
    | 'attribute_denied'
    | 'condition_denied'
    | 'subject_protected'
    | 'guard_tripped'
    | 'internal'
    | 'clock_untrusted'
  >;
  rule: string;
  detail: string;
}>;
