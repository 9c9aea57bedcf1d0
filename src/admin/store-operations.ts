/** The admin operations on the store itself: what only a person may decide about it. */
import { z } from 'zod';
import { refuse } from '../errors.ts';
import { operation, reasonText, type AdminOperation } from './operation.ts';

export const storeOperations: readonly AdminOperation[] = [
  operation({
    name: 'store.accept-loss',
    title: 'Go on with a store that lost records which its checkpoints still know',
    method: 'POST',
    path: '/store/accept-loss',
    role: 'admin',
    input: z.strictObject({ reason: reasonText }),
    // Nothing can be recorded before it took effect; it is recorded by the ledger itself then.
    act: () => null,
    run: async ({ acceptLoss }, person, { reason }) =>
      (await acceptLoss(person.name, reason))
        ? { json: { accepted: true, by: person.name } }
        : refuse('value_invalid', 'Nothing is missing in this store: there is nothing to accept.'),
  }),
];
