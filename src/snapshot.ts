/**
 * The effective configuration at a moment: compiled, immutable, swapped whole. A request keeps the
 * snapshot it began with. Types only; `config/` makes them.
 */
import type { AddressPin, ClientSettings, PersonSettings } from './callers/settings.ts';
import type { Profile } from './identity/attributes/profile.ts';
import type { Knobs } from './identity/dialects/knobs.ts';
import type { ResourceType } from './identity/scim/schema-model.ts';
import type { SharedLimitsAt } from './limits/shared-at.ts';
import type { CompiledLimit, Grants } from './policy/decision.ts';
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
}>;

export type Client = Readonly<{
  name: string;
  settings: ClientSettings;
  /** End of `expires`, ms since the epoch. */
  expiresAt: number;
  /** Null = any address. */
  pin: AddressPin | null;
  limitReads: CompiledLimit | null;
  limitWrites: CompiledLimit | null;
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
  deletes: 'passthrough' | 'deactivate';
  /** Words of the types the target does not have: their lists are answered empty (C12). */
  emptyLists: ReadonlySet<string>;
  trace: 'restart' | 'continue';
  /** How large a Bulk may be; null where it is not served. */
  bulk: Readonly<{ operationsMax: number }> | null;
  /** By client name; null prototype. Absent = nothing granted. */
  grants: Readonly<Record<string, Grants>>;
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
