/** Zoom: PATCH only switches `active`, PUT takes what changes, one call a second. */
import type { TargetDialect } from '../target-dialect.ts';

export const zoom: TargetDialect = {
  name: 'zoom',
  title: 'Zoom',
  rows: ['T18'],
  sources: ['https://developers.zoom.us/docs/api/scim2'],
  knobs: {
    patch: 'active',
    put: 'partial',
    accept: 'application/scim+json',
    etags: false,
    sort: false,
  },
  limits: { reads: '60/m', writes: { rate: '1/s', burst: 1 } },
};
