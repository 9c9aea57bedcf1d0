/** Snowflake: a list without a filter or with one it does not know is not to be believed. */
import type { TargetDialect } from '../target-dialect.ts';

export const snowflake: TargetDialect = {
  name: 'snowflake',
  title: 'Snowflake',
  rows: ['T20'],
  sources: [
    'https://docs.snowflake.com/en/user-guide/scim-user-api-reference',
    'https://docs.snowflake.com/en/release-notes/bcr-bundles/2026_03/bcr-2276',
  ],
  knobs: {
    unfilteredList: 'none',
    filterOperators: ['eq'],
    filterLogic: [],
    filterValuePaths: 'none',
    sort: false,
    etags: false,
    filterAttributes: { users: ['userName', 'externalId', 'id'], groups: ['displayName', 'id'] },
    single: { users: ['emails'] },
    unsupported: {
      users: [
        'phoneNumbers',
        'ims',
        'photos',
        'addresses',
        'entitlements',
        'roles',
        'x509Certificates',
      ],
    },
  },
  limits: {},
};
