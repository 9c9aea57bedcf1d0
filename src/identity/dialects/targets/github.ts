/** GitHub: `active: false` removes the member for good; PATCH paths take no filter. */
import type { TargetDialect } from '../target-dialect.ts';

export const github: TargetDialect = {
  name: 'github',
  title: 'GitHub (organisations and enterprises)',
  rows: ['T10', 'T11', 'T12'],
  sources: ['https://docs.github.com/en/rest/enterprise-admin/scim'],
  knobs: {
    deactivateUser: 'delete',
    patchFilters: false,
    filterOperators: ['eq'],
    filterLogic: [],
    sort: false,
    filterAttributes: {
      users: ['userName', 'externalId', 'id'],
      groups: ['externalId', 'displayName', 'id'],
    },
    immutable: { users: ['userName'] },
    etags: false,
  },
  limits: {},
};
