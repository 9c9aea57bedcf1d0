/**
 * What no identifier may hold, with or without a profile: characters that two readers could take for
 * different ones. U+212A KELVIN SIGN folds to `k` and would make one account of two; a bidi control
 * turns a name around on the screen of whoever approves it. A call that only takes access away is
 * never refused here.
 */
import { refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json } from '../json-value.ts';
import type { Change, Resource, ResourceType } from '../scim/schema-model.ts';
import { takesAwayOnly } from './removal.ts';

/** Which identifier a value is; names and addresses may hold one `@`. */
export type IdentifierKind = 'userName' | 'externalId' | 'email' | 'groupName' | 'id';

/** Label of the check in reports and refusals. */
export const identifierRule = 'identifier';

type Identifier = Readonly<{ attribute: string; sub?: string; kind: IdentifierKind }>;

const externalId: Identifier = { attribute: 'externalId', kind: 'externalId' };

/** Identifiers by resource word; other resources have `externalId` alone. */
const identifiers: ReadonlyMap<string, readonly Identifier[]> = new Map([
  [
    'users',
    [
      { attribute: 'userName', kind: 'userName' },
      externalId,
      { attribute: 'emails', sub: 'value', kind: 'email' },
    ],
  ],
  [
    'groups',
    [
      { attribute: 'displayName', kind: 'groupName' },
      externalId,
      { attribute: 'members', sub: 'value', kind: 'id' },
    ],
  ],
]);
const elsewhere: readonly Identifier[] = [externalId];

/** The identifiers of a type (core attributes alone; extensions have none). */
export const identifiersOf = (type: ResourceType): readonly Identifier[] =>
  identifiers.get(type.word) ?? elsewhere;

const printable = /^[\u0020-\u007e]*$/;
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const bidi = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
/** Zero-width and tag characters: nobody can see or type them. */
const invisible = /[\u00ad\u180e\u200b\u2060-\u2064\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/u;
const withOneAt: ReadonlySet<IdentifierKind> = new Set(['userName', 'email']);

/** A single character that normal form C replaces by another one (U+212A, U+2126, U+F900 …). */
const hasSingleton = (value: string): boolean => {
  for (const character of value) {
    if (character > '\u02ff' && character.normalize('NFC') !== character) return true;
  }
  return false;
};

/** What is wrong with an identifier, in words without the value; null where nothing is. */
export const identifierProblem = (value: string, kind: IdentifierKind): string | null => {
  const at = withOneAt.has(kind) ? value.indexOf('@') : -1;
  if (at >= 0 && value.indexOf('@', at + 1) >= 0) return 'has more than one @';
  if (printable.test(value)) return null;
  if (control.test(value)) return 'has a control character';
  if (bidi.test(value)) return 'has a character that changes the direction of writing';
  if (!value.isWellFormed()) return 'has half a character (a lone surrogate)';
  if (invisible.test(value)) return 'has an invisible character';
  if (value.normalize('NFC') !== value.normalize('NFKC') || hasSingleton(value)) {
    return 'has a character that looks like another one (write it in Unicode form NFKC)';
  }
  return null;
};

const refusal = (path: string, problem: string): Refusal =>
  refuse('value_invalid', `${path} ${problem}.`, { rule: identifierRule });

const problemIn = (value: Json | undefined, { kind }: Identifier): string | null =>
  typeof value === 'string' ? identifierProblem(value, kind) : null;

/** Checks the value of a whole attribute: a text, one element or several. */
const checkAttribute = (value: Json | undefined, identifier: Identifier): Refusal | null => {
  if (value === undefined) return null;
  const { attribute, sub } = identifier;
  for (const item of isArray(value) ? value : [value]) {
    const text = sub !== undefined && isObject(item) ? item[sub] : item;
    const problem = problemIn(text, identifier);
    if (problem !== null)
      return refusal(sub === undefined ? attribute : `${attribute}.${sub}`, problem);
  }
  return null;
};

const checkChange = (change: Change, identifier: Identifier): Refusal | null => {
  const { path } = change;
  if (change.op === 'remove' || path.schema !== undefined) return null;
  if (path.attribute !== identifier.attribute) return null;
  if (path.sub === undefined) return checkAttribute(change.value, identifier);
  if (path.sub !== identifier.sub) return null;
  const problem = problemIn(change.value, identifier);
  return problem === null ? null : refusal(`${path.attribute}.${path.sub}`, problem);
};

const isChanges = (value: Resource | readonly Change[]): value is readonly Change[] =>
  Array.isArray(value);

/**
 * Checks every identifier a resource or a list of changes would store. To be called for every
 * mutation, profile or not. Changes that only take access away pass whatever they hold.
 */
export const checkIdentifiers = (
  given: Resource | readonly Change[],
  type: ResourceType,
): Refusal | null => {
  if (isChanges(given) && takesAwayOnly(given)) return null;
  for (const identifier of identifiersOf(type)) {
    if (isChanges(given)) {
      for (const change of given) {
        const refused = checkChange(change, identifier);
        if (refused !== null) return refused;
      }
    } else {
      const refused = checkAttribute(given[identifier.attribute], identifier);
      if (refused !== null) return refused;
    }
  }
  return null;
};
