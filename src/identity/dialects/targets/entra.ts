/** Microsoft Graph's SCIM API as a target: no PUT, 400 for unknown ids, DELETE without Accept. */
import type { TargetDialect } from '../target-dialect.ts';

export const entra: TargetDialect = {
  name: 'entra',
  title: 'Microsoft Entra ID (SCIM API of Microsoft Graph)',
  rows: ['T16'],
  sources: ['scim-sanity scim_sanity/profiles.py'],
  knobs: {
    put: 'none',
    absentStatus: '400',
    countZero: false,
    acceptOnDelete: false,
    patchAnswer: 'empty',
    required: { users: ['password'] },
  },
  limits: {},
};
