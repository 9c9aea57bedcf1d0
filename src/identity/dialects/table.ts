/**
 * What clients send beyond RFC 7643/7644, as one table: each row says who, where it was seen, what
 * a repair of it is called and, where a small rewrite of a value does it, that rewrite. Rows are
 * recognised by the shape of the request, whoever sent it (C19). Rows whose behaviour belongs to
 * another room name the file.
 */
import type { Json } from '../json-value.ts';
import type { Attribute, Filter } from '../scim/schema-model.ts';
import type { Quirk, RewrittenValue } from './quirk.ts';
import {
  booleanFromText,
  referenceFromText,
  removedElements,
  removedReferences,
  unwrapped,
} from './values.ts';

const entraGuide =
  'MicrosoftDocs/entra-docs docs/identity/app-provisioning/use-scim-to-provision-users-and-groups.md';
const entraIssues =
  'MicrosoftDocs/entra-docs docs/identity/app-provisioning/application-provisioning-config-problem-scim-compatibility.md';
const oktaGuide = 'https://developer.okta.com/docs/api/openapi/okta-scim/guides/scim-20';

const changes = 'src/identity/scim/canonical-changes.ts';
const resource = 'src/identity/scim/canonical.ts';
const values = 'src/identity/scim/canonical-values.ts';
const patch = 'src/identity/scim/patch.ts';

/** Every known quirk of clients, in the order of the list. */
export const quirks: readonly Quirk[] = Object.freeze([
  {
    row: 'C1',
    client: 'Entra ID',
    title: '`op` written Add, Replace, Remove',
    source: `${entraGuide} ("Don't require a case-sensitive match")`,
    where: 'changes',
    lives: changes,
    note: 'op in lower case',
  },
  {
    row: 'C2',
    client: 'Entra ID',
    title: 'booleans as strings: "True", "False"',
    source: entraIssues,
    where: 'changes',
    lives: values,
    note: 'text read as the boolean the schema wants',
    value: booleanFromText,
  },
  {
    row: 'C3',
    client: 'Entra ID',
    title: 'members to remove named in `value`, which RFC 7644 reads as: remove all',
    source: `${entraIssues} (Requests made to remove a group member)`,
    where: 'changes',
    lives: changes,
    note: 'one filtered remove for each element named',
    removal: removedReferences,
  },
  {
    row: 'C4',
    client: 'Entra ID',
    title: 'elements carry "$ref": null',
    source: `${entraGuide} (Update Group [Add Members])`,
    where: 'changes',
    lives: values,
    note: 'empty $ref dropped',
  },
  {
    row: 'C5',
    client: 'Entra ID',
    title: 'add or replace on emails[type eq "work"].value where there is no such element',
    source: 'https://github.com/Captain-P-Goldfish/SCIM-SDK/issues/416',
    where: 'changes',
    lives: patch,
    note: 'a missing element is made from the filter',
  },
  {
    row: 'C6',
    client: 'Entra ID',
    title: 'flattened names inside a value: "name.givenName", "urn:…:User:department"',
    source: `${entraIssues} (Requests to replace multiple attributes)`,
    where: 'changes',
    lives: changes,
    note: 'flattened name expanded',
  },
  {
    row: 'C7',
    client: 'Entra ID',
    title: 'manager as a bare id; "" clears it',
    source: 'https://github.com/Captain-P-Goldfish/SCIM-SDK/issues/541',
    where: 'changes',
    lives: values,
    note: 'bare id read as a reference, an empty one as none',
    value: referenceFromText,
  },
  {
    row: 'C8',
    client: 'Entra ID',
    title: 'boolean in a filter as text: roles[primary eq "True"].value',
    source: 'https://github.com/MicrosoftDocs/entra-docs/issues/391',
    where: 'changes',
    lives: 'src/identity/scim/filter-reader.ts',
    note: 'text in a filter read as the boolean the schema wants',
  },
  {
    row: 'C9',
    client: 'Entra ID',
    title: 'roles of a PATCH as JSON text; only ever added',
    source:
      'MicrosoftDocs/azure-docs articles/active-directory/app-provisioning/customize-application-attributes.md (AppRoleAssignmentsComplex); https://github.com/Captain-P-Goldfish/SCIM-SDK/issues/516',
    where: 'changes',
    lives: 'src/identity/dialects/role-text.ts',
    note: 'role read from its JSON text; the list adds and never removes',
  },
  {
    row: 'C10',
    client: 'Entra ID',
    title: 'groups created with a schema URI that brings no attribute',
    source: `${entraGuide} (Create Group)`,
    where: 'resource',
    lives: resource,
    note: 'schema URI without attributes dropped',
  },
  {
    row: 'C11',
    client: 'Entra ID',
    title: 'look-ups with eq and and only; excludedAttributes=members on groups',
    source: `${entraGuide} (Get User by query, Get Group by displayName)`,
    where: 'query',
    lives: 'src/identity/scim/filter.ts',
    note: 'served as asked; a look-up needs only the right to read',
  },
  {
    row: 'C12',
    client: 'Entra ID',
    title: 'connection test searches for a random user and a random group',
    source: `${entraGuide} (Test Connection)`,
    where: 'elsewhere',
    lives: 'src/passage/empty-lists.ts',
    note: 'where the route lists the type under emptyLists: an empty list',
  },
  {
    row: 'C13',
    client: 'Entra ID',
    title: 'add or replace for an empty attribute: could be either',
    source: 'https://learn.microsoft.com/answers/questions/1373350',
    where: 'changes',
    lives: patch,
    note: 'add and replace of one value mean the same',
  },
  {
    row: 'C14',
    client: 'Entra ID',
    title: 'what was sent is expected back unchanged',
    source: `${entraGuide} (General)`,
    where: 'elsewhere',
    lives: values,
    note: 'what no profile changes comes back as sent; a repetition of what is held is not sent',
  },
  {
    row: 'C15',
    client: 'Entra ID',
    title: 'bursts without a limit of its own; many failures or 429 put the job in quarantine',
    source: 'https://learn.microsoft.com/answers/questions/1233453, /1922038, /1278038',
    where: 'elsewhere',
    lives: 'src/passage/absorb.ts',
    note: "waits in line for the target's limit; 429 with Retry-After only beyond the target's wait",
  },
  {
    row: 'C16',
    client: 'Entra ID',
    title: 'several PATCHes of one group at the same time',
    source: 'https://github.com/fleetdm/fleet/pull/50724',
    where: 'elsewhere',
    lives: 'src/passage/turns.ts',
    note: 'changes of one resource take turns, in the order they came',
  },
  {
    row: 'C17',
    client: 'Microsoft SCIM Validator',
    title: 'Operations: [] is expected to succeed',
    source: 'https://github.com/scimmyjs/scimmy/issues/59',
    where: 'changes',
    lives: changes,
    note: 'no operations, no change',
  },
  {
    row: 'C18',
    client: 'Entra ID',
    title: 'one value wrapped: ["x"], [{"$ref":null,"value":"x"}]',
    source: 'https://github.com/MicrosoftDocs/azure-docs/issues/42220',
    where: 'changes',
    lives: values,
    note: 'wrapped value taken out',
    value: unwrapped,
  },
  {
    row: 'C19',
    client: 'Entra ID',
    title: 'both dialects from one tenant: on-demand provisioning ignores the flag',
    source: `${entraIssues} (on-demand provisioning)`,
    where: 'elsewhere',
    lives: 'src/identity/scim/understand.ts',
    note: 'every request is read by its own shape; nothing is remembered of a client',
  },
  {
    row: 'C20',
    client: 'Microsoft SCIM Validator',
    title: 'sub-attributes of filtered elements: emails[type eq "home"].primary',
    source: 'https://github.com/sourcegraph/sourcegraph/pull/49119',
    where: 'changes',
    lives: patch,
    note: 'every sub-attribute of a filtered element can be added and replaced',
  },
  {
    row: 'C21',
    client: 'Okta',
    title: 'replace without a path: {"active": false}',
    source: `${oktaGuide} (Update a specific User: PATCH)`,
    where: 'changes',
    lives: changes,
    note: 'one change for each attribute',
  },
  {
    row: 'C22',
    client: 'Okta',
    title: 'PUT for everything: profile, activation, group rename, members',
    source: `${oktaGuide} (Update a specific User: PUT)`,
    where: 'resource',
    lives: 'src/identity/scim/diff.ts',
    note: 'sent as the current resource with exactly the changes it makes',
  },
  {
    row: 'C23',
    client: 'Okta',
    title: 'group rename carries the id inside the value and repeats what is known',
    source: `${oktaGuide} (Update a specific Group name)`,
    where: 'changes',
    lives: changes,
    note: 'id inside the value set aside',
  },
  {
    row: 'C24',
    client: 'Okta',
    title: 'four shapes of group push, among them replace members []',
    source: `${oktaGuide} (Update specific Group membership)`,
    where: 'changes',
    lives: changes,
    note: 'each read as the change of members it is',
  },
  {
    row: 'C25',
    client: 'Okta',
    title: 'members without type and $ref, with display = userName',
    source: 'https://github.com/Captain-P-Goldfish/SCIM-SDK/issues/419',
    where: 'changes',
    lives: 'src/identity/scim/elements.ts',
    note: 'a member is known by its value',
  },
  {
    row: 'C26',
    client: 'Okta',
    title: 'never deletes users, deletes groups when unlinked',
    source: `${oktaGuide} (Delete Users, Delete a specific Group)`,
    where: 'elsewhere',
    lives: 'src/identity/scim/effects.ts',
    note: 'judged as groups:delete; users only as users:deactivate',
  },
  {
    row: 'C27',
    client: 'Okta',
    title: 'creates carry read-only attributes (groups: []) and a random password',
    source: `${oktaGuide} (Create Users)`,
    where: 'resource',
    lives: resource,
    note: 'read-only attribute dropped',
  },
  {
    row: 'C28',
    client: 'Okta',
    title:
      'pages by startIndex=1&count=100; an empty body of a 201 or a non-JSON error is a failure',
    source: `${oktaGuide} (List Users)`,
    where: 'elsewhere',
    lives: 'src/identity/scim/present.ts',
    note: 'integers, the order of the target, a body with each 201, every error as SCIM',
  },
  {
    row: 'C29',
    client: 'OneLogin',
    title: 'remove with the elements as an array in `value`',
    source: 'thomaspoignant/scim-patch src/scimPatch.ts (removeWithPatchValue)',
    where: 'changes',
    lives: changes,
    note: 'one filtered remove for each element named',
    removal: removedElements,
  },
  {
    row: 'C30',
    client: 'JumpCloud',
    title: 'an activation creates a test user and a test group, then deletes or deactivates them',
    source: 'https://jumpcloud.com/support/custom-scim-identity-management',
    where: 'elsewhere',
    lives: 'src/identity/scim/effects.ts',
    note: 'judged as any other; nothing is let through for being a test',
  },
  {
    row: 'C31',
    client: 'Google Workspace',
    title: 'deletes without deactivating first; reads /Schemas for its mapping',
    source: 'better-auth/better-auth packages/scim/src/scim-google-conformance.test.ts',
    where: 'elsewhere',
    lives: 'src/identity/scim/effects.ts',
    note: 'judged as users:delete, which no wildcard grants; /Schemas comes with any grant',
  },
  {
    row: 'C32',
    client: 'PingFederate',
    title: 'SCIM 1.1 bodies',
    source: 'https://docs.pingidentity.com/pingfederate (SCIM outbound provisioning)',
    where: 'resource',
    lives: resource,
    note: 'refused, and said to be that; overrides of the method too',
  },
  {
    row: 'C33',
    client: 'SailPoint',
    title: 'disable is add without a path: {"active": false}',
    source: 'https://developer.sailpoint.com/discuss/t/7752',
    where: 'changes',
    lives: changes,
    note: 'one change for each attribute',
  },
  {
    row: 'C34',
    client: 'authentik',
    title: 'users always by PUT; a 404 makes it forget the user and create it anew',
    source: 'https://github.com/goauthentik/authentik/issues/16678',
    where: 'elsewhere',
    lives: 'src/identity/scim/target-resource.ts',
    note: 'a 404 is passed on only where a SCIM error proves it is the target that says so',
  },
  {
    row: 'C35',
    client: 'Rauthy, WSO2',
    title: 'looks up by externalId, writes users by PUT and groups by PATCH',
    source: 'https://sebadob.github.io/rauthy/work/scim.html',
    where: 'elsewhere',
    lives: 'src/identity/scim/lookup.ts',
    note: 'each verb served for each type',
  },
  {
    row: 'C36',
    client: 'Microsoft inbound API',
    title: 'leaves `active` out, which elsewhere disabled the account',
    source: 'https://github.com/AzureAD/entra-id-inbound-provisioning/issues/16',
    where: 'elsewhere',
    lives: 'src/identity/scim/replace.ts',
    note: 'not stated is not false: a create sends none, a PUT keeps the one there is',
  },
  {
    row: 'C37',
    client: 'several',
    title: 'paths in other case, or with the core URN before them',
    source: 'RFC 7643 §2.1; https://github.com/langwatch/langwatch/pull/7140',
    where: 'changes',
    lives: changes,
    note: "path in the schema's spelling",
  },
  {
    row: 'C38',
    client: 'Entra ID',
    title: '/?aadOptscim062020 behind the base URL',
    source: entraIssues,
    where: 'elsewhere',
    lives: 'src/identity/scim/query.ts',
    note: 'ignored',
  },
] satisfies readonly Quirk[]);

/** By row name. */
const byRow: ReadonlyMap<string, Quirk> = new Map(quirks.map((quirk) => [quirk.row, quirk]));

/** The text of a Repair; TypeError for a row that is not in the table. */
export const noteOf = (row: string): string => {
  const quirk = byRow.get(row);
  if (quirk === undefined) throw new TypeError(`no quirk ${row}`);
  return quirk.note;
};

const valueQuirks = quirks.filter((quirk) => quirk.value !== undefined);
const removalQuirks = quirks.filter((quirk) => quirk.removal !== undefined);

/** The first row that can rewrite a value of the wrong type, and its result; null = none can. */
export const rewriteValue = (
  value: Json,
  attribute: Attribute,
): (RewrittenValue & Readonly<{ row: string }>) | null => {
  for (const quirk of valueQuirks) {
    const rewritten = quirk.value?.(value, attribute) ?? null;
    if (rewritten !== null) return { row: quirk.row, value: rewritten.value };
  }
  return null;
};

/** The row that reads the `value` of a remove, and the elements it names; null = none can. */
export const readRemoval = (
  value: Json,
  attribute: Attribute,
): Readonly<{ row: string; filters: readonly Filter[] }> | null => {
  for (const quirk of removalQuirks) {
    const filters = quirk.removal?.(value, attribute) ?? null;
    if (filters !== null) return { row: quirk.row, filters };
  }
  return null;
};
