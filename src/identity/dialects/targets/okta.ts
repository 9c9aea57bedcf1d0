/** Servers built to Okta's SCIM guide: look-ups by eq, deactivation instead of DELETE. */
import type { TargetDialect } from '../target-dialect.ts';

export const okta: TargetDialect = {
  name: 'okta',
  title: "Servers built to Okta's SCIM guide",
  rows: [],
  sources: ['https://developer.okta.com/docs/api/openapi/okta-scim/guides/scim-20'],
  knobs: {
    filterOperators: ['eq'],
    filterLogic: ['and'],
    sort: false,
    etags: false,
  },
  limits: {},
};
