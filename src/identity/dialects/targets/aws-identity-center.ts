/** AWS IAM Identity Center: 100 members a call, members are never shown, eq and and only. */
import type { TargetDialect } from '../target-dialect.ts';

export const awsIdentityCenter: TargetDialect = {
  name: 'aws-identity-center',
  title: 'AWS IAM Identity Center',
  rows: ['T1', 'T2', 'T3', 'T4', 'T5', 'T6'],
  sources: [
    'https://docs.aws.amazon.com/singlesignon/latest/developerguide/limitations.html',
    'https://docs.aws.amazon.com/singlesignon/latest/developerguide/patchgroup.html',
    'https://github.com/goauthentik/authentik/issues/20116',
  ],
  knobs: {
    membersPerCall: 100,
    replaceMembers: 'difference',
    showsMembers: false,
    conflict: 'adopt',
    filterOperators: ['eq'],
    filterLogic: ['and'],
    filterValuePaths: 'none',
    sort: false,
    etags: false,
    pageMax: 100,
    single: { users: ['emails', 'phoneNumbers', 'addresses'] },
    unsupported: { users: ['ims', 'photos', 'entitlements', 'x509Certificates', 'password'] },
  },
  limits: {},
};
