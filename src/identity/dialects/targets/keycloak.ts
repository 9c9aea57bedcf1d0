/** Keycloak's own SCIM: value paths in filters find nothing, 100 results, no PUT of members. */
import type { TargetDialect } from '../target-dialect.ts';

export const keycloak: TargetDialect = {
  name: 'keycloak',
  title: 'Keycloak',
  rows: ['T26'],
  sources: [
    'https://github.com/keycloak/keycloak/issues/50366',
    'https://github.com/keycloak/keycloak/issues/52969',
    'https://github.com/keycloak/keycloak/issues/46216',
  ],
  knobs: {
    filterValuePaths: 'dotted',
    pageMax: 100,
    replaceMembers: 'difference',
    etags: false,
  },
  limits: {},
};
