/** Atlassian: one eq, pages of 100, DELETE deactivates, deactivated users answer 404. */
import type { TargetDialect } from '../target-dialect.ts';

export const atlassian: TargetDialect = {
  name: 'atlassian',
  title: 'Atlassian',
  rows: ['T13'],
  sources: ['https://developer.atlassian.com/cloud/admin/user-provisioning/rest'],
  knobs: {
    deleteUser: 'deactivate',
    inactiveUsers: 'absent',
    pageMax: 100,
    sort: false,
    etags: false,
    filterOperators: ['eq'],
    filterLogic: [],
    filterAttributes: { users: ['userName', 'externalId'], groups: ['displayName'] },
  },
  limits: {},
};
