/**
 * The effective configuration at a moment: compiled, immutable, swapped whole. A request keeps the
 * snapshot it began with. Types only; `config/` makes them.
 */
import type { AddressPin, ClientSettings, PersonSettings } from './callers/settings.ts';
import type { Expression } from './expressions.ts';
import type { EventReader } from './identity/events/event.ts';
import type { Profile } from './identity/attributes/profile.ts';
import type { Knobs } from './identity/dialects/knobs.ts';
import type { ResourceType } from './identity/scim/schema-model.ts';
import type { SharedLimitsAt } from './limits/shared-at.ts';
import type { Json } from './identity/json-value.ts';
import type { CompiledLimit, Grants } from './policy/decision.ts';
import type { Approval, DecisionPoint, TenantSafety } from './policy/safety.ts';
import type { DedupeBy, Receiver, Signer } from './signatures/receiver.ts';
import type { TargetSettings } from './targets/settings.ts';

/** A resolved credential slot of a target; `header` is printed once. Never logged. */
export type ResolvedCredential = Readonly<{
  headerName: string;
  headerValue: string;
  /** End, ms since the epoch; Infinity where none. */
  expiresAt: number;
}>;

export type Target = Readonly<{
  name: string;
  settings: TargetSettings;
  /** How it deviates from the RFCs: dialect and single overrides together, names canonical. */
  knobs: Knobs;
  /** No knob touches searches: they go out as they were asked. */
  searchesAsAsked: boolean;
  /** No knob touches writes: every mutation is the one call that RFC 7644 has for it. */
  plainWrites: boolean;
  /** Key of locks, guards, freezes; default the origin of baseUrl. */
  tenant: string;
  /** Digest of all that shapes its live parts (pool, breaker), credentials included by digest only. */
  digest: string;
  credentials: readonly ResolvedCredential[];
  /** Why it cannot be used (a secret that does not resolve), or null. */
  unconfigured: string | null;
  limitReads: CompiledLimit | null;
  limitWrites: CompiledLimit | null;
  /** Guards, protection and privilege of its tenant; null = no rule. */
  safety: TenantSafety | null;
}>;

export type Client = Readonly<{
  name: string;
  settings: ClientSettings;
  /** End of `expires`, ms since the epoch. */
  expiresAt: number;
  /** `auth: internal`: plans act as it; it never calls, and has no key. */
  internal: boolean;
  /** Null = any address. */
  pin: AddressPin | null;
  limitReads: CompiledLimit | null;
  limitWrites: CompiledLimit | null;
}>;

/** What is told of new holds, and where: signed webhooks without values. */
export type HoldNotice = Readonly<{
  name: string;
  target: string;
  /** Below the target's baseUrl. */
  path: string;
  signer: Signer | null;
}>;

/** `holds:` of the route file. */
export type HoldSettings = Readonly<{
  /** Pending ones of one client; more are refused. */
  pendingMax: number;
  /** Of what a guard holds, ms; a route's `approval` has its own. */
  expiresMs: number;
  notify: readonly HoldNotice[];
}>;

/** Defined where the rates are counted. */
export type { SharedLimitsAt } from './limits/shared-at.ts';

export type Route = Readonly<{
  name: string;
  /** `/scim/slack`, no trailing slash. */
  path: string;
  segments: readonly string[];
  target: string;
  /** Resource types served, by lower-cased endpoint; null prototype. */
  types: Readonly<Record<string, ResourceType>>;
  profile: Profile | null;
  /** capture: read and keep the current resource before each mutation; needed: only where a rule asks. */
  before: 'capture' | 'needed';
  /** Who takes turns at one resource: the calls of this process, or those of all gateways. */
  turns: 'gateway' | 'shared';
  /** Actions after which the resource is read back and compared (`verify:`); empty where none. */
  verify: ReadonlySet<string>;
  /** When it is read back again, ms after the change, and how often after the last of them; empty = only at once. */
  verifyAgain: Readonly<{ afterMs: readonly number[]; everyMs: number | null }>;
  /** Mutations that wait for people; null = none by themselves. */
  approval: Approval | null;
  /** Asked after our own decision; closed where it fails. */
  decisionPoint: DecisionPoint | null;
  deletes: 'passthrough' | 'deactivate';
  /** Words of the types the target does not have: their lists are answered empty (C12). */
  emptyLists: ReadonlySet<string>;
  trace: 'restart' | 'continue';
  /** How large a Bulk may be; null where it is not served. */
  bulk: Readonly<{ operationsMax: number }> | null;
  /** By client name; null prototype. Absent = nothing granted. */
  grants: Readonly<Record<string, Grants>>;
}>;

/** A text with CEL in braces, compiled: `/v1/employees/{event.raw.employeeId}`. */
export type Template = Readonly<{
  source: string;
  /**
   * The text with every value percent-encoded (RFC 3986 unreserved stay), or what failed. A value that
   * is empty, no text or number, or a dot segment fails.
   */
  print(
    variables: Readonly<Record<string, unknown>>,
  ): Readonly<{ text: string }> | Readonly<{ failed: string }>;
}>;

/** What a stored event is enriched by: one GET with the target's own credential. */
export type Enrichment = Readonly<{ target: string; path: Template }>;

type DeliverBase = Readonly<{
  name: string;
  /** `route/name`. */
  lane: string;
  /** Null = every event. Variables: `event`, `enriched`. */
  when: Expression | null;
  /** What deliveries go in order by; null = the event's subject. Never mentions `enriched`. */
  order: Expression | null;
  /** Tries until it is dead. */
  attemptsMax: number;
  /** At most so many under way at once. */
  concurrent: number;
}>;

/** Passes the bytes on, signed anew. */
export type Forward = DeliverBase &
  Readonly<{
    kind: 'forward';
    target: string;
    /** Below the target's baseUrl. */
    path: string;
    /** Null only where the route says `sign: none`. */
    signer: Signer | null;
    /** The sender waits for this one's answer (synchronous hooks). */
    answers: boolean;
  }>;

/** Runs a plan. */
export type PlanRun = DeliverBase & Readonly<{ kind: 'plan'; plan: string }>;
export type Deliver = Forward | PlanRun;

/** One step of a plan: find one resource through a route, and change it (interface.md §1). */
export type PlanStep = Readonly<{
  name: string;
  /** Name of a SCIM route; the step's client needs grants there. */
  route: string;
  /** Resource type word: `users` (default), `groups`. */
  type: string;
  /** All of them must hold: attribute path and the value it must equal. */
  find: readonly Readonly<{ path: string; value: Expression }>[];
  do: 'create' | 'update' | 'activate' | 'deactivate' | 'delete' | 'add-member' | 'remove-member';
  /** Attribute paths and values: of the new resource, or those that change. */
  set: readonly Readonly<{ path: string; value: Expression }>[];
  /** The group of add-member and remove-member, found by displayName. */
  group: Expression | null;
  when: Expression | null;
  /** Read back and compare. */
  verify: boolean;
  /** No hit: `skip` (the wish holds already, default of deactivate, delete, remove-member) or `fail`. */
  absent: 'skip' | 'fail';
}>;

/** Steps that together are one change. */
export type Plan = Readonly<{
  name: string;
  /** Client with `auth: internal`. */
  as: string;
  deadlineMs: number;
  steps: readonly PlanStep[];
}>;

/** A route that takes webhooks. */
export type WebhookRoute = Readonly<{
  name: string;
  path: string;
  segments: readonly string[];
  /** Null: a secret does not resolve (at a reload); answered 503 `target_unconfigured`. */
  receiver: Receiver | null;
  unconfigured: string | null;
  bodyBytesMax: number;
  /** Of all messages; asked before anything is verified. Null = no limit. */
  limit: CompiledLimit | null;
  dedupe: Readonly<{ by: DedupeBy; windowMs: number }>;
  reader: EventReader;
  enrich: Enrichment | null;
  deliver: readonly Deliver[];
  /** Of synchronous hooks: how long the answer may take, and what is said where there is none. */
  answer: Readonly<{ withinMs: number; otherwise: Json }> | null;
  /** Expected at least once in so many ms; else it is reported silent. Null = nobody expects anything. */
  silentAfterMs: number | null;
  trace: 'restart' | 'continue';
}>;

export type Snapshot = Readonly<{
  /** First 12 hex digits of the hash over the effective configuration, secrets by digest. */
  version: string;
  environment: string;
  server: Readonly<{
    listen: Readonly<{ host: string; port: number }>;
    /** Without trailing slash; '' = take it from the request's Host. */
    publicUrl: string;
    maxBodyBytes: number;
    trustedProxies: readonly string[];
  }>;
  admin: Readonly<{
    listen: Readonly<{ host: string; port: number }>;
    people: Readonly<Record<string, PersonSettings>>;
  }>;
  store: StoreSettings;
  reload: 'careful' | 'auto' | 'manual';
  clients: Readonly<Record<string, Client>>;
  targets: Readonly<Record<string, Target>>;
  /** Longest path first. */
  routes: readonly Route[];
  /** Routes that take webhooks, longest path first. */
  webhooks: readonly WebhookRoute[];
  /** By name; null prototype. */
  plans: Readonly<Record<string, Plan>>;
  /** By tenant; null prototype. Only tenants with rules. */
  tenants: Readonly<Record<string, TenantSafety>>;
  holds: HoldSettings;
}>;

/** Where a store lies. */
export type StoreAt =
  | Readonly<{
      engine: 'sqlite';
      /** Absolute path of the file. */
      path: string;
    }>
  | Readonly<{
      engine: 'postgres';
      /** Host name, address or folder of the socket. */
      host: string;
      port: number;
      database: string;
      /** Schema in which everything lies. */
      schema: string;
      user: string;
      password: string | null;
      tls: 'off' | 'require' | 'verify';
      /** Absolute path of the authorities' certificates, PEM; null = the system's. */
      caPath: string | null;
    }>;

export type StoreSettings = Readonly<{
  at: StoreAt;
  /** How long a gateway may be silent before another one settles for it, ms. */
  leaseMs: number;
  /** Where rates are counted across gateways; null = in this process. */
  sharedLimits: SharedLimitsAt | null;
  /** Resolved, newest first, 32 bytes each. */
  encryptionKeys: readonly Buffer[];
  checkpoints: Readonly<{
    /** PKCS#8 PEM of an Ed25519 key. */
    keyPem: string;
    everyMs: number;
    /** `log` or an absolute file path. */
    to: readonly (Readonly<{ kind: 'log' }> | Readonly<{ kind: 'file'; path: string }>)[];
  }>;
  retention: Readonly<{ ledgerMs: number; bodiesMs: number; deliveriesMs: number }>;
}>;
