/**
 * The door to canonical form: whole resources and PATCH messages come in as clients write them and
 * leave with schema spelling, schema types and explicit paths, every repaired quirk reported. For
 * the readers of requests and of targets' answers.
 */
export { canonicalChanges } from './canonical-changes.ts';
export { canonicalResource } from './canonical-resource.ts';
export type { DialectHints } from './reading.ts';
