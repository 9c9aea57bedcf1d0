/**
 * Normalisation as a compiled, pure function. A profile is built once per snapshot from the route
 * file's rules; applying it is idempotent and explainable: it says which rule changed which path.
 */
import type { Refusal } from '../../errors.ts';
import type { Change, Filter, Resource, ResourceType } from '../scim/schema-model.ts';

/** One change a rule made; old and new values stay out of it (they may be personal). */
export type NormalisedPath = Readonly<{ path: string; rule: string }>;

export type NormalisedResource = Readonly<{
  resource: Resource;
  normalised: readonly NormalisedPath[];
}>;
export type NormalisedChanges = Readonly<{
  changes: readonly Change[];
  normalised: readonly NormalisedPath[];
}>;

/** The rules of one profile, compiled per resource type. */
export interface Profile {
  readonly name: string;
  /** A whole resource of a create or replace; defaults with `on: [create]` only where `on` says so. */
  resource(
    resource: Resource,
    type: ResourceType,
    on: 'create' | 'replace',
  ): NormalisedResource | Refusal;
  /**
   * The values inside canonical changes. A change that only takes access away (a remove, or
   * `active: false`) is never refused: what cannot be normalised is passed or dropped.
   */
  changes(
    changes: readonly Change[],
    type: ResourceType,
    before: Resource | null,
  ): NormalisedChanges | Refusal;
  /** Literals of a filter pass the same rules, so a search finds what a create stored. */
  filter(filter: Filter, type: ResourceType): Filter | Refusal;
}
