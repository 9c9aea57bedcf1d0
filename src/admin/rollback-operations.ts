/** The admin operations of undo: what it would do, and doing exactly that. */
import { z } from 'zod';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { parseLedgerId } from '../ids.ts';
import type { Selection } from '../undo/select-entries.ts';
import { instant, instantOf, iso, json, text } from './input.ts';
import { operation, type AdminContext, type AdminOperation } from './operation.ts';

const ledgerId = text.refine((id) => parseLedgerId(id) !== null, 'write the id of a ledger entry');

/** Ids of one call; more go by client and time. */
const idsMax = 1_000;

const selected = {
  ids: z.array(ledgerId).min(1).max(idsMax).optional(),
  client: text.optional(),
  since: instant.optional(),
  until: instant.optional(),
  /** Comma-separated, as in the list of the ledger. */
  actions: z.string().min(1).max(2_000).optional(),
} as const;

type Selected = z.output<z.ZodObject<typeof selected>>;

const oneWay = ({ ids, client, since, until, actions }: Selected): boolean =>
  ids === undefined
    ? client !== undefined && since !== undefined
    : client === undefined && since === undefined && until === undefined && actions === undefined;

const howTo = 'name entries, or a client and since when (until, actions)';

const planInput = z.strictObject(selected).refine(oneWay, howTo);
const runInput = z
  .strictObject({
    ...selected,
    digest: z.string().regex(/^[0-9a-f]{64}$/, 'write the digest of the plan that was shown'),
  })
  .refine(oneWay, howTo);

const selectionOf = (input: Selected, now: number): Selection => {
  if (input.ids !== undefined) return { ids: input.ids };
  return {
    client: input.client ?? '',
    since: (input.since === undefined ? null : instantOf(input.since, now)) ?? now,
    until: (input.until === undefined ? null : instantOf(input.until, now)) ?? now,
    actions: input.actions?.split(',') ?? null,
  };
};

/** The selection as a run is to name it: with instants, so that it stays the same. */
const asInput = (selection: Selection) =>
  'ids' in selection
    ? { ids: selection.ids }
    : {
        client: selection.client,
        since: iso(selection.since),
        until: iso(selection.until),
        ...(selection.actions === null ? {} : { actions: selection.actions.join(',') }),
      };

const facts = ({ ids, client, since, until, actions }: Selected) => ({
  entries: ids?.length ?? null,
  client: client ?? null,
  since: since ?? null,
  until: until ?? null,
  actions: actions ?? null,
});

const closed: Refusal = refuse(
  'not_supported',
  'A rollback goes through a running gateway: name it with --admin.',
);

const running = ({ undo }: AdminContext) => undo ?? closed;

export const rollbackOperations: readonly AdminOperation[] = [
  operation({
    name: 'rollbacks.plan',
    title: 'What taking entries back would do, and what cannot come back; sends nothing',
    method: 'POST',
    path: '/rollbacks/plan',
    role: 'operator',
    input: planInput,
    act: facts,
    run: async (context, person, input) => {
      const undo = running(context);
      if (isRefusal(undo)) return undo;
      const selection = selectionOf(input, context.clock.now());
      const plan = await undo.plan(person.name, selection);
      return isRefusal(plan) ? plan : json({ selection: asInput(selection), ...plan });
    },
  }),
  operation({
    name: 'rollbacks.run',
    title: 'Take entries back exactly as the plan of this digest says',
    method: 'POST',
    path: '/rollbacks/run',
    role: 'operator',
    input: runInput,
    act: (input) => ({ ...facts(input), plan: input.digest }),
    run: async (context, person, input) => {
      const undo = running(context);
      if (isRefusal(undo)) return undo;
      const selection = selectionOf(input, context.clock.now());
      const run = await undo.run(person.name, selection, input.digest);
      return isRefusal(run) ? run : json({ selection: asInput(selection), ...run });
    },
  }),
];
