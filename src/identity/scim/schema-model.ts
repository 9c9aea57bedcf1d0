/**
 * The vocabulary of the SCIM engines: schemas, resource types, filters, paths and canonical changes
 * as data. RFC 7643 §2, §7; RFC 7644 figure 1 and §3.5.2. Types only.
 */
import type { Json, JsonObject } from '../json-value.ts';

export type AttributeType =
  | 'string'
  | 'boolean'
  | 'decimal'
  | 'integer'
  | 'dateTime'
  | 'reference'
  | 'binary'
  | 'complex';

/** One attribute, as RFC 7643 §7 describes it. */
export type Attribute = Readonly<{
  name: string;
  type: AttributeType;
  multiValued: boolean;
  required: boolean;
  caseExact: boolean;
  mutability: 'readOnly' | 'readWrite' | 'immutable' | 'writeOnly';
  returned: 'always' | 'never' | 'default' | 'request';
  uniqueness: 'none' | 'server' | 'global';
  canonicalValues?: readonly string[];
  referenceTypes?: readonly string[];
  /** By lower-cased name; null prototype. Present where type is complex. */
  sub?: Readonly<Record<string, Attribute>>;
  /** A target's addition to a schema of RFC 7643: a grant that writes it must name it. */
  beyond?: true;
}>;

/** A schema; `attributes` by lower-cased name, null prototype. */
export type Schema = Readonly<{
  id: string;
  name: string;
  attributes: Readonly<Record<string, Attribute>>;
  /** An extension that may hold attributes nobody gave a meaning, as an unknown one does. */
  open?: true;
}>;

/** A resource type as one target serves it. */
export type ResourceType = Readonly<{
  /** `User` */
  name: string;
  /** Path segment as printed: `Users`. */
  endpoint: string;
  /** Word of actions and grants: `users` (lower-cased endpoint). */
  word: string;
  schema: Schema;
  /** Known extensions by lower-cased URN; null prototype. */
  extensions: Readonly<Record<string, Schema>>;
  /** May carry extensions nobody gave a meaning (judged as update-unknown). */
  open: boolean;
}>;

/**
 * A resource in canonical shape: attribute names in the schema's spelling, extension attributes
 * below their URN, no nulls and no empty arrays (RFC 7643 §2.5: both mean "unassigned").
 */
export type Resource = JsonObject;

/** A resolved, canonically spelled attribute path without a filter. `schema` is absent for core. */
export type AttributePath = Readonly<{ schema?: string; attribute: string; sub?: string }>;

export type CompareOperator = 'eq' | 'ne' | 'co' | 'sw' | 'ew' | 'gt' | 'ge' | 'lt' | 'le';

/** Filter syntax tree (RFC 7644 figure 1). Inside `values`, paths name sub-attributes of its path. */
export type Filter =
  | Readonly<{
      kind: 'compare';
      path: AttributePath;
      operator: CompareOperator;
      value: string | number | boolean | null;
    }>
  | Readonly<{ kind: 'present'; path: AttributePath }>
  | Readonly<{ kind: 'and' | 'or'; terms: readonly Filter[] }>
  | Readonly<{ kind: 'not'; term: Filter }>
  | Readonly<{ kind: 'values'; path: AttributePath; filter: Filter }>;

/** A PATCH path: `emails[type eq "work"].value`, `urn:…:User:manager`, `name.givenName`. */
export type Path = Readonly<{ schema?: string; attribute: string; filter?: Filter; sub?: string }>;

/** One canonical change: always with a path, names and values in canonical form. */
export type Change =
  | Readonly<{ op: 'add' | 'replace'; path: Path; value: Json }>
  | Readonly<{ op: 'remove'; path: Path }>;

/** A quirk that was repaired on the way in, by its row in the dialect table (`C3`). */
export type Repair = Readonly<{ row: string; path: string; note: string }>;
