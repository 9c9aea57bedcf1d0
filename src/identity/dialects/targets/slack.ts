/** Slack: DELETE deactivates; one budget for all apps of an organisation; plain JSON. */
import type { TargetDialect } from '../target-dialect.ts';

export const slack: TargetDialect = {
  name: 'slack',
  title: 'Slack',
  rows: ['T7', 'T8', 'T9'],
  sources: [
    'https://docs.slack.dev/reference/scim-api/rate-limits',
    'https://docs.slack.dev/admins/scim-api',
  ],
  knobs: {
    deleteUser: 'deactivate',
    mediaType: 'application/json',
    filterLogic: ['and'],
    etags: false,
  },
  limits: { reads: '1000/m', writes: { rate: '600/m', burst: 180 } },
};
