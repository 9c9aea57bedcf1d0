/** What a plan of undo says, part by part and step by step. Types, and the sentences of its reasons. */
import type { Json } from '../identity/json-value.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import type { LedgerId } from '../ids.ts';
import type { Wish } from './units.ts';

/** Why a part does not come back, in words for people. */
export const reasons = Object.freeze({
  'changed-since':
    'it was changed since, or the target keeps it in a form of its own; what is there now stays',
  'in-doubt': 'it is not known whether the entry took effect; it must be settled first',
  pruned: 'the body of the entry was pruned, so what it changed is not known any more',
  'no-before-image': 'what was there before was not kept (before: needed)',
  secret: 'it is never shown, so its earlier value is not known; set it anew',
  gone: 'the resource is not there any more, and none of these entries deleted it',
  'there-again': 'it was deleted, but is there again',
  'made-again': 'an earlier rollback made it again, under a new id; it is not made twice',
  'perhaps-made': 'an earlier rollback may have made it again; that must be settled first',
  'shown-late':
    'it does not show what was written moments ago, as targets do that show changes late; look again in a minute',
  indistinct: 'its elements cannot be told apart',
  immutable: 'the target never changes it once it is set',
  'route-gone': 'no SCIM route of the configuration leads to this resource any more',
  unreadable: 'the current resource cannot be read',
  'new-id': 'the target gives a new id; what refers to the old one elsewhere is not moved',
  credentials: 'password, MFA and whatever else the target does not show do not come back',
  remains: 'the target only deactivates; the account itself stays',
  'name-taken': 'another resource has that name, and this plan cannot free it first',
  'subject-gone': 'the member is not there any more, and does not come back with this plan',
  'memberships-unknown': 'the target does not say in which groups the deleted one stands',
  primary: 'another element was made the primary one since; it stays that',
  'too-many': 'the ledger has too many entries on this resource',
} as const);

/** Why a part does not come back. */
export type Reason = keyof typeof reasons;

/** One part of a step: an attribute, an element of one, or the resource as a whole. */
export type Part = Readonly<{
  /** `nothing`: it is already as it was. `refused`: it stays as it is, for `reason`. */
  kind: 'restore' | 'reactivate' | 'recreate' | 'remove' | 'repoint' | 'nothing' | 'refused';
  /** Rule-spelled name; null = the resource as a whole. */
  attribute: string | null;
  /** Before the first of the selected entries; null = not there, or not known. */
  earlier: Json;
  is: Json;
  becomes: Json;
  reason: Reason | null;
  /** Entry of the ledger that changed it since; null = none that is recorded. */
  by: LedgerId | null;
  /** Selected entries that it is about. */
  entries: readonly LedgerId[];
}>;

/** Which resource a step is about. */
export type Subject = Readonly<{
  tenant: string;
  route: string;
  /** Word of the type: `users`. */
  type: string;
  id: string;
}>;

/** What undo does to one resource: one mutation, or none. */
export type Step = Readonly<{
  subject: Subject;
  /** What people call it; null = not known. */
  name: string | null;
  does: 'change' | 'recreate' | 'remove' | 'nothing';
  /**
   * What keeps it from writing over a change made meanwhile: the target's ETag, or that it is read
   * again right before (`unguarded`: what is changed between that and the write is not seen).
   */
  guard: 'etag' | 'unguarded' | 'none';
  parts: readonly Part[];
  /** Selected entries on this resource, oldest first. */
  entries: readonly LedgerId[];
  /** Those of them that it takes back. */
  reverses: readonly LedgerId[];
  /** Of a change: the units as they are to be. */
  wishes: readonly Wish[];
  /** Of a recreation: the resource to be made. */
  body: Resource | null;
}>;

/** A part with what it does not say left empty. */
export const part = (kind: Part['kind'], about: Partial<Part> & Pick<Part, 'entries'>): Part => ({
  attribute: null,
  earlier: null,
  is: null,
  becomes: null,
  reason: null,
  by: null,
  ...about,
  kind,
});

/** A part that stays as it is. */
export const refusedPart = (reason: Reason, about: Partial<Part> & Pick<Part, 'entries'>): Part =>
  part('refused', { ...about, becomes: about.is ?? null, reason });
