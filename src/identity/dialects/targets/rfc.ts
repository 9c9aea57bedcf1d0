/** A target that does what the RFCs say. */
import type { TargetDialect } from '../target-dialect.ts';

export const rfc: TargetDialect = {
  name: 'rfc',
  title: 'RFC 7643 and RFC 7644',
  rows: [],
  sources: ['RFC 7643', 'RFC 7644'],
  knobs: {},
  limits: {},
};
