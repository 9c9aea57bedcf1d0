/** Salesforce: a user needs exactly one entitlement, the id of its profile. */
import type { TargetDialect } from '../target-dialect.ts';

export const salesforce: TargetDialect = {
  name: 'salesforce',
  title: 'Salesforce',
  rows: ['T17'],
  sources: ['https://learn.microsoft.com/answers/questions/5828857'],
  knobs: {
    required: { users: ['entitlements'] },
    single: { users: ['entitlements'] },
  },
  limits: {},
};
