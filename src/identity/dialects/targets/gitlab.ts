/** GitLab: a list returns one user at most, found by its external id; flat names in answers. */
import type { TargetDialect } from '../target-dialect.ts';

export const gitlab: TargetDialect = {
  name: 'gitlab',
  title: 'GitLab',
  rows: ['T21'],
  sources: ['https://docs.gitlab.com/development/internal_api/#scim-api', 'gitlab doc/api/scim.md'],
  knobs: {
    unfilteredList: 'none',
    filterOperators: ['eq'],
    filterLogic: [],
    filterValuePaths: 'none',
    paging: 'none',
    sort: false,
    etags: false,
    filterAttributes: { users: ['id', 'externalId', 'userName'] },
  },
  limits: {},
};
