/** The admin operations on drift: what differs from the ledger, and what a person does about it. */
import { z } from 'zod';
import type { CheckState } from '../drift/check-store.ts';
import type { DriftListed } from '../drift/drift-acts.ts';
import { isRefusal } from '../errors.ts';
import { iso, json } from './input.ts';
import { operation, reasonText, type AdminOperation } from './operation.ts';

const id = z.string().regex(/^drf_[0-9a-f]{32}$/, 'write an id as `drift list` shows it');

/** All states: the compiler misses none. */
const states = Object.keys({
  watching: true,
  drifted: true,
  dismissed: true,
  ended: true,
} satisfies Record<CheckState, true>) as CheckState[];

/** A row as people read it: instants in RFC 3339. */
const readable = <Row extends DriftListed>(row: Row) => ({
  ...row,
  at: iso(row.at),
  driftedAt: iso(row.driftedAt),
  dueAt: iso(row.dueAt),
});

export const driftOperations: readonly AdminOperation[] = [
  operation({
    name: 'drift.list',
    title: 'Resources that differ from what the ledger says, or are watched; names only',
    method: 'GET',
    path: '/drift',
    role: 'viewer',
    input: z.strictObject({
      state: z.enum([...states, 'all']).default('drifted'),
      limit: z.coerce.number().int().min(1).max(1_000).default(50),
    }),
    act: () => null,
    run: async ({ drift }, _person, { state, limit }) => {
      const rows = await drift.list({ limit, ...(state === 'all' ? {} : { state }) });
      return json(rows.map(readable));
    },
  }),
  operation({
    name: 'drift.show',
    evidence: true,
    title: 'What a resource must hold, and what it holds now',
    method: 'GET',
    path: '/drift/{id}',
    role: 'operator',
    input: z.strictObject({ id }),
    act: (input) => ({ drift: input.id }),
    run: async ({ drift }, _person, input) => {
      const shown = await drift.show(input.id);
      return isRefusal(shown) ? shown : json(readable(shown));
    },
  }),
  operation({
    name: 'drift.reapply',
    title: 'Write again what the ledger says; guards and holds as for any change',
    method: 'POST',
    path: '/drift/{id}/reapply',
    role: 'operator',
    input: z.strictObject({ id }),
    act: (input) => ({ drift: input.id }),
    run: async ({ drift }, person, input) => {
      const done = await drift.reapply(input.id, person.name);
      return isRefusal(done) ? done : json(done);
    },
  }),
  operation({
    name: 'drift.dismiss',
    title: 'Accept what the resource holds now; it is not watched any more',
    method: 'POST',
    path: '/drift/{id}/dismiss',
    role: 'operator',
    input: z.strictObject({ id, reason: reasonText }),
    act: ({ id: drift, reason }) => ({ drift, reason }),
    run: async ({ drift }, _person, input) =>
      (await drift.dismiss(input.id)) ?? json({ dismissed: input.id }),
  }),
];
