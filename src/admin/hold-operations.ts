/** The admin operations on holds: what waits for people, and what they say to it. */
import { z } from 'zod';
import { refuse, type Refusal } from '../errors.ts';
import { parseHoldId } from '../ids.ts';
import type { Decided } from '../holds/holds-desk.ts';
import type { HoldState } from '../holds/hold-store.ts';
import { iso, json, text } from './input.ts';
import {
  localPerson,
  operation,
  reasonText,
  type AdminContext,
  type AdminOperation,
  type Person,
} from './operation.ts';

const unknown: Refusal = refuse('value_invalid', 'There is no such hold.');
const nothing: Refusal = refuse('value_invalid', 'Nothing of this batch waits for approval.');

const notShown: Refusal = refuse(
  'action_denied',
  'Whom holds are about is shown to operators and approvers.',
);

/** All states: the compiler misses none. */
const states = Object.keys({
  pending: true,
  approved: true,
  released: true,
  rejected: true,
  expired: true,
  replaced: true,
} satisfies Record<HoldState, true>) as HoldState[];

/** Holds decided over in one call. */
const idsMax = 500;

const holdId = z
  .string()
  .refine((id) => parseHoldId(id) !== null, 'write the id of a hold: hld_ and 24 hex digits');

const which = {
  ids: z.array(holdId).min(1).max(idsMax).optional(),
  batch: text.optional(),
  limit: z.coerce.number().int().min(1).max(idsMax).optional(),
};

type Which = Readonly<{
  ids?: readonly string[] | undefined;
  batch?: string | undefined;
  limit?: number | undefined;
}>;

const oneOfBoth = ({ ids, batch, limit }: Which): boolean =>
  (ids === undefined) !== (batch === undefined) && (limit === undefined || batch !== undefined);
const oneOfBothText = 'name holds, or a batch (and how many of it)';

const act = ({ ids, batch, limit }: Which) => ({
  ...(ids === undefined ? {} : { holds: ids }),
  ...(batch === undefined ? {} : { batch, limit: limit ?? null }),
});

/** The holds that are meant; of a batch the oldest first. */
const idsOf = async (
  { holds }: Pick<AdminContext, 'holds'>,
  { ids, batch, limit }: Which,
): Promise<readonly string[]> =>
  ids ?? (batch === undefined ? [] : await holds.pendingOf(batch, limit ?? idsMax));

const deciderOf = (person: Person) => ({ name: person.name, local: person === localPerson });

const seesValues = (person: Person): boolean =>
  person === localPerson ||
  (['operator', 'approver', 'admin'] as const).some((role) => person.roles.has(role));

const answer = (decided: readonly Decided[]) => (decided.length === 0 ? nothing : json(decided));

export const holdOperations: readonly AdminOperation[] = [
  operation({
    name: 'holds.list',
    title: 'Changes that wait for people, and those that did, newest first',
    method: 'GET',
    path: '/holds',
    role: 'viewer',
    input: z.strictObject({
      state: z.enum([...states, 'all']).default('pending'),
      client: text.optional(),
      batch: text.optional(),
      before: holdId.optional(),
      limit: z.coerce.number().int().min(1).max(1_000).default(50),
      subjects: z.stringbool().default(false),
    }),
    // Names of people are seen: that is recorded, as it is of `holds.show`.
    act: ({ subjects, client, batch }) =>
      subjects ? { client: client ?? null, batch: batch ?? null } : null,
    run: async ({ holds }, person, { state, client, batch, before, limit, subjects }) => {
      if (subjects && !seesValues(person)) return notShown;
      const last = before === undefined ? null : parseHoldId(before);
      const query = {
        limit,
        ...(state === 'all' ? {} : { states: [state] }),
        ...(client === undefined ? {} : { client }),
        ...(batch === undefined ? {} : { batch }),
        ...(last === null ? {} : { before: last }),
      };
      return json(await holds.list(query, subjects));
    },
  }),
  operation({
    name: 'holds.batches',
    title: 'What waits together, by the rule that holds it',
    method: 'GET',
    path: '/holds/batches',
    role: 'viewer',
    input: z.strictObject({}),
    act: () => null,
    run: async ({ holds }) =>
      json(
        (await holds.batches()).map((batch) => ({
          ...batch,
          oldestAt: iso(batch.oldestAt),
          expiresAt: iso(batch.expiresAt),
        })),
      ),
  }),
  operation({
    name: 'holds.show',
    title: 'One hold: what it would change, who approved, and who may not',
    method: 'GET',
    path: '/holds/{id}',
    role: 'viewer',
    input: z.strictObject({ id: text }),
    act: ({ id }) => ({ hold: id }),
    run: async ({ holds }, person, { id }) => {
      const shown = await holds.show(id, seesValues(person));
      if (shown === null) return unknown;
      return shown === 'unopenable'
        ? refuse('value_invalid', 'No key of the store opens this hold.')
        : json(shown);
    },
  }),
  operation({
    name: 'holds.approve',
    title: 'Approve held changes; the last approval that is needed lets them out',
    method: 'POST',
    path: '/holds/approve',
    role: 'approver',
    input: z
      .strictObject({
        ...which,
        version: z
          .string()
          .regex(/^[0-9a-f]{12}$/)
          .optional(),
      })
      .refine(oneOfBoth, oneOfBothText)
      .refine(
        ({ version, ids }) => version === undefined || ids?.length === 1,
        'a version is that of one hold',
      ),
    act: (input) => ({ ...act(input), version: input.version ?? null }),
    run: async (context, person, input) =>
      answer(
        await context.holds.approve(
          await idsOf(context, input),
          deciderOf(person),
          input.version ?? null,
        ),
      ),
  }),
  operation({
    name: 'holds.reject',
    title: 'Refuse held changes for good',
    method: 'POST',
    path: '/holds/reject',
    role: 'approver',
    input: z.strictObject({ ...which, reason: reasonText }).refine(oneOfBoth, oneOfBothText),
    act: (input) => ({ ...act(input), reason: input.reason }),
    run: async (context, person, input) =>
      answer(
        await context.holds.reject(await idsOf(context, input), deciderOf(person), input.reason),
      ),
  }),
];
