/**
 * The part of `sallyport explain` that looks inside a Bulk: each operation as it would be explained
 * alone, in the order in which they would run. Pure.
 */
import { isRefusal, type Refusal } from '../errors.ts';
import { readBulk } from '../identity/scim/bulk.ts';
import type { ScimView } from '../identity/scim/understand.ts';
import { previewBulk } from '../passage/preview-bulk.ts';
import type { Imagined, Preview } from '../passage/preview.ts';

/** One operation of a Bulk beside its facts. */
export type InBulk = Readonly<{
  /** 1-based, as the client wrote it. */
  position: number;
  method: string;
  bulkId: string | null;
  /** bulkIds whose references a PATCH of its own would add once both resources are there. */
  addedLater: readonly string[];
}>;

/** What is said of a Bulk as a whole, and of each operation. */
export type ExplainedBulk<Facts> = Readonly<{
  decision: 'allow' | 'deny' | 'hold' | 'unknown';
  operations: readonly (Facts & InBulk)[];
}>;

/**
 * One denied operation denies them all; one that cannot be told leaves the whole untold. One that waits
 * keeps none of the others.
 */
const decisionOf = (kinds: readonly Preview['verdict']['kind'][]) => {
  if (kinds.includes('deny')) return 'deny';
  if (kinds.includes('needs-before')) return 'unknown';
  return kinds.includes('hold') ? 'hold' : 'allow';
};

/** Explains a Bulk of one client; refused as the gateway would refuse it. */
export const explainBulk = <Facts>(
  body: string | null,
  view: ScimView,
  imagined: Omit<Imagined, 'operation' | 'before'>,
  factsOf: (shown: Preview) => Facts,
): ExplainedBulk<Facts> | Refusal => {
  const bulk = readBulk(body, view, imagined.route.bulk?.operationsMax ?? 0);
  if (isRefusal(bulk)) return bulk;
  const previews = previewBulk(imagined, bulk);
  if (isRefusal(previews)) return previews;
  return {
    decision: decisionOf(previews.map(({ shown }) => shown.verdict.kind)),
    operations: previews.map(({ of, later, shown }) => ({
      ...factsOf(shown),
      position: of.position,
      method: of.method,
      bulkId: of.bulkId,
      addedLater: later,
    })),
  };
};
