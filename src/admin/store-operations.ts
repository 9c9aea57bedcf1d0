/** The admin operations on the store itself: what only a person may decide about it. */
import { z } from 'zod';
import { operation, type AdminOperation } from './operation.ts';

export const storeOperations: readonly AdminOperation[] = [
  operation({
    name: 'store.accept-loss',
    title: 'Go on with a store that lost records which its checkpoints still know',
    method: 'POST',
    path: '/store/accept-loss',
    role: 'admin',
    input: z.strictObject({ reason: z.string().min(3).max(500) }),
    act: ({ reason }) => ({ reason }),
    run: async ({ acceptLoss }, person, { reason }) => {
      const at = await acceptLoss(person.name, reason);
      return { json: { acceptedAt: new Date(at).toISOString(), by: person.name } };
    },
  }),
];
