/**
 * How a target can deviate from RFC 7643 and RFC 7644: every deviation is one knob, and `rfcKnobs`
 * says what the RFC does. A named dialect is a set of knobs; the route file overrides single ones
 * under `knobs:`. Engines ask the knobs, never the name of a dialect. Pure data.
 */
import { z } from 'zod';
import { size } from '../../scalars.ts';

const word = z.string().regex(/^[a-z][a-z0-9]{0,63}$/, 'write the resource in lower case: users');
const attribute = z.string().min(1).max(400);
const attributesByResource = z.record(word, z.array(attribute).min(1).max(200));

const operators = ['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le', 'pr'] as const;
const logic = ['and', 'or', 'not'] as const;

/** Every knob with its schema; the description is what the README and the editor show. */
const shapes = {
  put: z
    .enum(['whole', 'partial', 'none'])
    .describe('PUT as the target takes it: a whole resource, only what changes, or not at all.'),
  patch: z
    .enum(['whole', 'active', 'none'])
    .describe('PATCH as the target takes it: anything, only `active`, or not at all.'),
  deleteUser: z
    .enum(['delete', 'deactivate'])
    .describe('What DELETE of a user does there; decides which action it needs.'),
  deactivateUser: z
    .enum(['deactivate', 'delete'])
    .describe('What `active: false` does there; decides which action it needs.'),
  conflict: z
    .enum(['refuse', 'adopt'])
    .describe('A create of what is there: answer 409, or change the one that is there to match.'),
  operationsPerPatch: z.int().min(1).max(10_000).describe('Most operations in one PATCH.'),
  membersPerCall: z
    .int()
    .min(1)
    .max(100_000)
    .describe('Most members that one create or PATCH may carry.'),
  bodyMax: size.describe('Largest request body.'),
  replaceMembers: z
    .enum(['serve', 'difference'])
    .describe('Replacing or emptying all members: as it is, or as single adds and removes.'),
  membersPerOperation: z
    .enum(['any', 'one'])
    .describe('Members that one PATCH operation may add or remove.'),
  memberPath: z
    .enum(['path', 'pathless'])
    .describe('Adds of members: with `path: members`, or without a path.'),
  memberFilter: z
    .enum(['value', 'value-and-type'])
    .describe('How a single member is named in a PATCH path.'),
  showsMembers: z.boolean().describe('Does a read of a group show its members?'),
  patchFilters: z.boolean().describe('May PATCH paths choose elements: emails[type eq "work"]?'),
  patchReplace: z.boolean().describe('Does PATCH know `replace`, or only add and remove?'),
  single: attributesByResource.describe(
    'Attributes that take one value only; the primary is kept.',
  ),
  unsupported: attributesByResource.describe('Attributes the target does not take: left out.'),
  immutable: attributesByResource.describe('Attributes that never change once they are set.'),
  required: attributesByResource.describe('Attributes a create must have.'),
  defaults: z
    .record(word, z.record(attribute, z.json()))
    .describe('Values that a create gets where it has none.'),
  filterOperators: z.array(z.enum(operators)).max(10).describe('Operators of filters.'),
  filterLogic: z.array(z.enum(logic)).max(3).describe('How filters may be joined.'),
  filterAttributes: attributesByResource.describe(
    'Attributes that can be filtered by; a resource that is not named: all.',
  ),
  filterValuePaths: z
    .enum(['serve', 'dotted', 'none'])
    .describe('Emails[type eq "work"] in filters: as it is, as emails.type, or not at all.'),
  filterTerms: z.int().min(1).max(10_000).describe('Most comparisons in one filter.'),
  unfilteredList: z
    .enum(['serve', 'none'])
    .describe('A list without a filter: as it is, or not to be believed.'),
  search: z.enum(['get', 'post']).describe('Searches go out as GET, or as POST .search.'),
  sort: z.boolean().describe('Does it sort?'),
  paging: z.enum(['index', 'cursor', 'both', 'none']).describe('How lists are paged.'),
  pageMax: z.int().min(1).max(100_000).describe('Most resources on one page.'),
  countZero: z.boolean().describe('May a list be asked for with count=0?'),
  etags: z.boolean().describe('Does it know ETags and preconditions?'),
  patchAnswer: z
    .enum(['resource', 'empty'])
    .describe('Does the answer to a PATCH tell the resource, or is it read again?'),
  absentStatus: z
    .enum(['404', '400'])
    .describe('Status for an id that is not there, proven by the message.'),
  inactiveUsers: z
    .enum(['shown', 'absent'])
    .describe('Are deactivated users still there, or answered with 404?'),
  mediaType: z
    .enum(['application/scim+json', 'application/json'])
    .describe('Content-Type of request bodies.'),
  accept: z
    .enum(['both', 'application/scim+json', 'application/json'])
    .describe('Accept of requests.'),
  acceptOnDelete: z.boolean().describe('May a DELETE carry Accept?'),
} as const satisfies Readonly<Record<string, z.ZodType>>;

const knobObject = z.strictObject(shapes);

/** All knobs of one target, each with a value. */
export type Knobs = Readonly<z.output<typeof knobObject>>;

/** `knobs:` of a target in the route file: any of them. */
export const knobSettings = knobObject.partial();
export type KnobSettings = Readonly<z.output<typeof knobSettings>>;

/** What RFC 7643 and RFC 7644 say; bounds that they leave open are generous. */
export const rfcKnobs: Knobs = Object.freeze({
  put: 'whole',
  patch: 'whole',
  deleteUser: 'delete',
  deactivateUser: 'deactivate',
  conflict: 'refuse',
  operationsPerPatch: 10_000,
  membersPerCall: 100_000,
  bodyMax: 64 * 1_048_576,
  replaceMembers: 'serve',
  membersPerOperation: 'any',
  memberPath: 'path',
  memberFilter: 'value',
  showsMembers: true,
  patchFilters: true,
  patchReplace: true,
  single: {},
  unsupported: {},
  immutable: {},
  required: {},
  defaults: {},
  filterOperators: [...operators],
  filterLogic: [...logic],
  filterAttributes: {},
  filterValuePaths: 'serve',
  filterTerms: 10_000,
  unfilteredList: 'serve',
  search: 'get',
  sort: true,
  paging: 'index',
  pageMax: 100_000,
  countZero: true,
  etags: true,
  patchAnswer: 'resource',
  absentStatus: '404',
  inactiveUsers: 'shown',
  mediaType: 'application/scim+json',
  accept: 'both',
  acceptOnDelete: true,
});

/** Name and description of every knob, in the order of the README. */
export const knobList: readonly Readonly<{ name: keyof Knobs; title: string }>[] = (
  Object.keys(shapes) as (keyof Knobs)[]
).map((name) => ({ name, title: shapes[name].description ?? '' }));
