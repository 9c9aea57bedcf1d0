/**
 * Freezes: all mutations of a tenant, a client or a route stop in one command. A name alone is enough
 * where it names one thing; a target's name stands for its tenant, which is what changes.
 */
import { z } from 'zod';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Freeze, FreezeScope } from '../targets/store.ts';
import { json, text } from './input.ts';
import { operation, reasonText, type AdminContext, type AdminOperation } from './operation.ts';

const scopes = z.enum(['tenant', 'client', 'route']);

type Named = Readonly<{ name: string; scope?: FreezeScope | undefined }>;
type Scoped = Readonly<{ scope: FreezeScope; name: string }>;

/** All that a name names in the configuration, a target as its tenant. */
const meanings = ({ targets, clients, routes, webhooks }: Snapshot, name: string): Scoped[] => {
  const tenants = Object.values(targets).flatMap(({ name: target, tenant }) =>
    tenant === name || target === name ? [tenant] : [],
  );
  return [
    ...[...new Set(tenants)].map((tenant): Scoped => ({ scope: 'tenant', name: tenant })),
    ...(Object.hasOwn(clients, name) ? [{ scope: 'client', name } as const] : []),
    ...([...routes, ...webhooks].some((route) => route.name === name)
      ? [{ scope: 'route', name } as const]
      : []),
  ];
};

const only = (found: readonly Scoped[], nothing: string): Scoped | Refusal => {
  const [one, ...others] = found;
  if (one === undefined) return refuse('value_invalid', nothing);
  if (others.length === 0) return one;
  const told = found.map(({ scope, name }) => `${scope} ${name}`).join(', ');
  return refuse('value_invalid', `This names several things: ${told}. Say which with scope.`);
};

/** What is to be frozen. With a scope any name goes: what is not configured yet may be. */
const toFreeze = ({ name, scope }: Named, snapshot: Snapshot): Scoped | Refusal =>
  scope === undefined
    ? only(
        meanings(snapshot, name),
        'No tenant, target, client or route has that name; nothing is frozen. See `routes`, or say scope.',
      )
    : { scope, name };

/** A freeze of what nobody knows stops nothing yet: whoever mistyped a name at night must see it. */
const warned = ({ scope, name }: Scoped, snapshot: Snapshot) =>
  meanings(snapshot, name).some((each) => each.scope === scope && each.name === name)
    ? {}
    : {
        warning: `No ${scope} of that name is configured here: this stops nothing as long as there is none.`,
      };

/** What is to be thawed, among what is frozen. */
const toThaw = (
  { name, scope }: Named,
  snapshot: Snapshot,
  frozen: readonly Freeze[],
): Scoped | Refusal => {
  if (scope !== undefined) return { scope, name };
  const meant = meanings(snapshot, name);
  const found = frozen.filter(
    (one) =>
      one.name === name || meant.some((each) => each.scope === one.scope && each.name === one.name),
  );
  return only(found, 'Nothing of that name is frozen.');
};

/** Facts of the act; what could not be told apart is recorded as it was typed. */
const facts = (scoped: Scoped | Refusal, { name, scope }: Named) =>
  isRefusal(scoped)
    ? { scope: scope ?? null, name, refused: true }
    : { scope: scoped.scope, name: scoped.name };

const thawing = (input: Named, { snapshot, freezes }: Pick<AdminContext, 'snapshot' | 'freezes'>) =>
  toThaw(input, snapshot(), freezes.current());

export const freezeOperations: readonly AdminOperation[] = [
  operation({
    name: 'freezes.list',
    title: 'What is frozen',
    method: 'GET',
    path: '/freezes',
    role: 'viewer',
    input: z.strictObject({}),
    act: () => null,
    run: async ({ freezes }) => json(freezes.current()),
  }),
  operation({
    name: 'freezes.freeze',
    title: 'Stop all mutations of a tenant, client or route at once',
    method: 'POST',
    path: '/freezes',
    role: 'operator',
    input: z.strictObject({ scope: scopes.optional(), name: text, reason: reasonText }),
    act: (input, { snapshot }) => ({
      ...facts(toFreeze(input, snapshot()), input),
      reason: input.reason,
    }),
    run: async ({ freezes, snapshot }, person, input) => {
      const meant = toFreeze(input, snapshot());
      if (isRefusal(meant)) return meant;
      const { scope, name } = meant;
      return (await freezes.freeze(scope, name, input.reason, person.name))
        ? json({ frozen: name, scope, ...warned(meant, snapshot()) })
        : refuse('value_invalid', 'There are 1,000 freezes already; thaw some first.');
    },
  }),
  operation({
    name: 'freezes.thaw',
    title: 'Lift a freeze',
    method: 'POST',
    path: '/freezes/thaw',
    role: 'operator',
    input: z.strictObject({ scope: scopes.optional(), name: text }),
    act: (input, context) => facts(thawing(input, context), input),
    run: async (context, person, input) => {
      const meant = thawing(input, context);
      if (isRefusal(meant)) return meant;
      const { scope, name } = meant;
      return (await context.freezes.thaw(scope, name, person.name))
        ? json({ thawed: name, scope })
        : refuse('value_invalid', 'Nothing of that name is frozen.');
    },
  }),
];
