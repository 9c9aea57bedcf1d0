/**
 * The mutations of one request: itself, or of a Bulk each one it was unrolled into. Whoever tells of
 * mutations (log, log records, metrics) asks here, so that a Bulk of ten is told as ten.
 */
import type { RequestSettled } from './observe.ts';

/** Was the request unrolled, so that its parts tell of its mutations and it does not? */
export const isUnrolled = ({ parts }: RequestSettled): boolean =>
  parts !== undefined && parts.length > 0;

/** One record for each mutation; none for a read. */
export const mutationsOf = (record: RequestSettled): readonly RequestSettled[] => {
  if (!record.mutating) return [];
  if (record.parts === undefined || record.parts.length === 0) return [record];
  const { parts, ...request } = record;
  return parts.map((part) => ({ ...request, ...part }));
};
