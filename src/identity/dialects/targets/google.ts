/** Google Cloud Identity: no PUT, 20 operations a PATCH, an empty answer to it, no paging. */
import type { TargetDialect } from '../target-dialect.ts';

export const google: TargetDialect = {
  name: 'google',
  title: 'Google Cloud Identity',
  rows: ['T14', 'T15'],
  sources: [
    'https://docs.cloud.google.com/identity/docs/scim/reference/rest',
    'https://github.com/goauthentik/authentik/issues/16678',
  ],
  knobs: {
    put: 'none',
    operationsPerPatch: 20,
    patchAnswer: 'empty',
    paging: 'none',
    sort: false,
    etags: false,
  },
  limits: {},
};
