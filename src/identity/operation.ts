/**
 * What one call means, in canonical form: the one type that http reads into, policy judges, passage
 * walks and the ledger records. Nothing of the client's spelling survives in it.
 */
import type { Change, Filter, Repair, Resource, ResourceType } from './scim/schema-model.ts';

/** `resource:verb`, e.g. `users:deactivate` (interface.md §2). */
export type Action = `${string}:${string}`;

/** Attribute paths in rule spelling: `name.givenName`, `emails.value`, `urn:…:User:department`. */
export type AttributeName = string;

/** Projection asked for: canonical attribute names; both absent = all default attributes. */
export type Projection = Readonly<{
  attributes?: readonly AttributeName[];
  excluded?: readonly AttributeName[];
}>;

/** ETag preconditions, passed through (RFC 7644 §3.14). */
export type Preconditions = Readonly<{ ifMatch?: string; ifNoneMatch?: string }>;

/**
 * Paging and order of a search, already clamped (RFC 7644 §3.4.2.3-4). `cursor` is opaque text and
 * excludes `startIndex`; '' asks for the first page (RFC 9865 §2).
 */
export type Page = Readonly<{
  cursor?: string;
  startIndex?: number;
  count?: number;
  sortBy?: AttributeName;
  sortOrder?: 'ascending' | 'descending';
}>;

type Common = Readonly<{ type: ResourceType; repairs: readonly Repair[]; projection: Projection }>;

export type DiscoveryDocument = 'ServiceProviderConfig' | 'ResourceTypes' | 'Schemas';

export type ReadOperation =
  | (Common & Readonly<{ verb: 'read'; id: string; preconditions: Preconditions }>)
  | (Common & Readonly<{ verb: 'search'; filter?: Filter; page: Page }>)
  | Readonly<{
      verb: 'discover';
      document: DiscoveryDocument;
      /** A single resource type's or schema's id. */
      id?: string;
      repairs: readonly Repair[];
    }>;

export type Mutation =
  | (Common & Readonly<{ verb: 'create'; resource: Resource }>)
  | (Common &
      Readonly<{ verb: 'replace'; id: string; resource: Resource; preconditions: Preconditions }>)
  | (Common &
      Readonly<{
        verb: 'patch';
        id: string;
        changes: readonly Change[];
        preconditions: Preconditions;
      }>)
  | (Common & Readonly<{ verb: 'delete'; id: string; preconditions: Preconditions }>);

export type Operation = ReadOperation | Mutation;

/** True for an operation with at least one action that is not a read. */
export const isMutation = (operation: Operation): operation is Mutation =>
  operation.verb !== 'read' && operation.verb !== 'search' && operation.verb !== 'discover';

/**
 * One action an operation carries, with the attributes through which it acts. An action is covered
 * by a grant only whole: all of its attributes, its group and its condition.
 */
export type Effect = Readonly<{ action: Action; attributes: readonly AttributeName[] }>;
