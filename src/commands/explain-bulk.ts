/**
 * The part of `sallyport explain` that looks inside a Bulk: each operation as it would be explained
 * alone, in the order in which they would run.
 */
import { isRefusal, type Refusal } from '../errors.ts';
import { readBulk } from '../identity/scim/bulk.ts';
import type { ScimView } from '../identity/scim/understand.ts';
import { previewBulk } from '../passage/preview-bulk.ts';
import type { Imagined, Preview } from '../passage/preview.ts';

type Facts = Readonly<Record<string, unknown>>;

/** What is said of a Bulk: `operations` holds the facts of each. */
export type ExplainedBulk = Readonly<{ allowed: boolean; facts: Facts }>;

/** One denied operation denies them all; one that cannot be told leaves the whole untold. */
const decisionOf = (kinds: readonly Preview['verdict']['kind'][]): string => {
  if (kinds.includes('deny')) return 'deny';
  return kinds.includes('needs-before') ? 'unknown' : 'allow';
};

/** Explains a Bulk of one client; refused as the gateway would refuse it. */
export const explainBulk = (
  body: string | null,
  view: ScimView,
  imagined: Omit<Imagined, 'operation' | 'before'>,
  factsOf: (shown: Preview) => Facts,
): ExplainedBulk | Refusal => {
  const bulk = readBulk(body, view, imagined.route.bulk?.operationsMax ?? 0);
  if (isRefusal(bulk)) return bulk;
  const previews = previewBulk(imagined, bulk);
  if (isRefusal(previews)) return previews;
  return {
    allowed: previews.every(({ shown }) => shown.verdict.kind === 'allow'),
    facts: {
      operation: 'bulk',
      decision: decisionOf(previews.map(({ shown }) => shown.verdict.kind)),
      operations: previews.map(({ of, later, shown }) => ({
        position: of.position,
        method: of.method,
        bulkId: of.bulkId,
        ...factsOf(shown),
        addedLater: later,
      })),
    },
  };
};
