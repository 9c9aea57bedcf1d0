/** Databricks: at most 200 nodes a filter, few attributes and operators. */
import type { TargetDialect } from '../target-dialect.ts';

export const databricks: TargetDialect = {
  name: 'databricks',
  title: 'Databricks',
  rows: ['T19'],
  sources: ['https://docs.databricks.com/aws/en/reference/scim-2-1'],
  knobs: {
    filterTerms: 100,
    filterOperators: ['eq', 'ne', 'co', 'sw'],
    filterLogic: ['and', 'or'],
    filterValuePaths: 'none',
    filterAttributes: { users: ['userName', 'displayName', 'active'], groups: ['displayName'] },
    etags: false,
  },
  limits: {},
};
