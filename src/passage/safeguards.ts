/**
 * What the passage asks of the rooms that keep a tenant safe, as ports: who is protected, how many there
 * are, what is held, what is done after a change. Implemented above (`safety`, `holds`, `drift`,
 * `reports`); without them nothing is protected, held or counted.
 */
import type { Action, Mutation } from '../identity/operation.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import type { Expected } from '../identity/scim/readback.ts';
import type { HoldId, LedgerId, OverrideId } from '../ids.ts';
import type { Denial } from '../policy/decision.ts';
import type { TenantSafety } from '../policy/safety.ts';
import type { Route, Target } from '../snapshot.ts';
import type { Actor, Origin } from './doors.ts';

export interface Protections {
  /** Names of the rules by which this resource is marked; empty = none. Synchronous: a table in memory. */
  marksOf(tenant: string, word: string, id: string): readonly string[];
  /**
   * Was every rule of the tenant looked through once, as it is written now? Until then what a rule
   * forbids is answered 503: nobody knows yet whom it protects.
   */
  resolved(safety: TenantSafety): boolean;
  /** A rule matched a resource that carries no mark yet (seen in a before- or after-image). Kept soon. */
  found(tenant: string, rule: string, word: string, id: string): void;
  /** Members were added to a group whose members a rule protects. */
  joined(tenant: string, rule: string, userIds: readonly string[]): void;
  /** An override in force for this rule, client and subject, or null. */
  override(
    question: Readonly<{
      tenant: string;
      rule: string;
      client: string;
      subject: string;
      now: number;
    }>,
  ): Readonly<{ id: OverrideId; by: string; approvedBy: string }> | null;
}

export interface Populations {
  /** How many resources of this type the tenant holds, as counted by this gateway or another; null = cannot be had. */
  count(target: Target, type: ResourceType): number | null | Promise<number | null>;
}

/** A mutation that is to wait for people, as decided. */
export type HoldRequest = Readonly<{
  route: Route;
  target: Target;
  actor: Actor;
  origin: Origin;
  /** Version of the configuration that decided. */
  configVersion: string;
  /**
   * As it would go out: normalised, stripped; a PUT as it was stated, for what it carries over is taken
   * from the current resource. Passwords are dropped by the room that keeps it.
   */
  operation: Mutation;
  actions: readonly Action[];
  before: Resource | null;
  after: Resource | null;
  /** Guard or approval that holds it. */
  rule: string;
  /** Holds of one rule, client and window are decided over together. */
  batch: string;
  by: number;
  expiresMs: number;
  rememberMs: number;
  keepsPasswords: boolean;
  /** Undo: the entries that it takes back; they come again with its release. */
  reverses?: readonly LedgerId[];
}>;

/** What came of it. */
export type Held =
  | Readonly<{
      kind: 'held';
      id: HoldId;
      /** It waited already; this call joined it. */
      joined: boolean;
      expiresAt: number;
    }>
  /** The same mutation was released within `rememberMs`: its entry, where one was written. */
  | Readonly<{ kind: 'released'; id: HoldId; entry: LedgerId | null }>
  /** The same mutation was rejected within `rememberMs`. */
  | Readonly<{ kind: 'rejected'; id: HoldId }>
  /** So many of this client wait already. */
  | Readonly<{ kind: 'full' }>
  /** It makes no sense without its password, and that is not kept; or it is larger than what is kept. */
  | Readonly<{ kind: 'unkept'; why: 'password' | 'large' }>;

/** What tells a mutation from others where it may wait already. */
export type HoldQuestion = Pick<
  HoldRequest,
  | 'route'
  | 'target'
  | 'actor'
  | 'origin'
  | 'operation'
  | 'actions'
  | 'rememberMs'
  | 'keepsPasswords'
>;

export interface Holding {
  hold(request: HoldRequest): Promise<Held>;
  /**
   * The rule by which a change of this subject with these actions waits, or by which this very one was
   * rejected within `rememberMs`: it does not pass by that because there is room now. Null: neither.
   */
  bound(question: HoldQuestion): string | null | Promise<string | null>;
}

/** What was applied, told once its outcome is recorded. Never waits, never throws. */
export type Applied = Readonly<{
  route: Route;
  target: Target;
  client: string;
  entry: LedgerId;
  at: number;
  actions: readonly Action[];
  type: ResourceType;
  resourceId: string | null;
  expected: Expected | null;
  before: Resource | null;
  after: Resource | null;
}>;

export interface Aftermath {
  applied(change: Applied): void;
}

/** Which rules decided, of reads as well; for the report of what is used. Never waits, never throws. */
export interface UseNotes {
  used(
    use: Readonly<{
      at: number;
      route: string;
      client: string;
      rule: string;
      actions: readonly Action[];
      /** The same name may stand there twice. */
      attributes: readonly string[];
      verdict: 'allowed' | 'denied';
      shadow: readonly Denial[];
    }>,
  ): void;
}

export type Safeguards = Readonly<{
  protections: Protections;
  populations: Populations;
  holding: Holding;
  aftermath: Aftermath;
  uses: UseNotes;
}>;

/** The safeguards of a house in which none of these rooms is open: closed where it matters. */
export const noSafeguards: Safeguards = Object.freeze({
  protections: {
    marksOf: () => [],
    resolved: () => false,
    found: () => {},
    joined: () => {},
    override: () => null,
  },
  populations: { count: () => null },
  holding: { hold: () => Promise.resolve({ kind: 'full' as const }), bound: () => null },
  aftermath: { applied: () => {} },
  uses: { used: () => {} },
});
