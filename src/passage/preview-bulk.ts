/**
 * What the operations of a Bulk would mean and whether each would pass, in the order in which they
 * would run: `preview` for each of them, references by bulkId still standing. Pure.
 */
import { isRefusal, type Refusal } from '../errors.ts';
import type { Bulk, BulkOperation } from '../identity/scim/bulk.ts';
import { detachReferences, planBulk } from '../identity/scim/bulk-references.ts';
import { preview, type Imagined, type Preview } from './preview.ts';

/** One operation as it would be sent. */
export type BulkPreview = Readonly<{
  of: BulkOperation;
  shown: Preview;
  /** bulkIds whose references a PATCH of its own would add once both resources are there. */
  later: readonly string[];
}>;

/** Looks at a Bulk; a Refusal where its references lead nowhere. */
export const previewBulk = (
  imagined: Omit<Imagined, 'operation' | 'before'>,
  bulk: Bulk,
): readonly BulkPreview[] | Refusal => {
  const plan = planBulk(bulk.operations);
  if (isRefusal(plan)) return plan;
  return plan.map(({ of, later }) => {
    const { operation } =
      of.operation.verb === 'create' ? detachReferences(of.operation, later) : of;
    return { of, later, shown: preview({ ...imagined, operation, before: null }) };
  });
};
