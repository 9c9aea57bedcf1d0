/**
 * The admin operations on safety: how full guards are, whom rules protect and since when, looking through
 * now, taking a mark away, and break-glass overrides, which take two named people. Ids of subjects name
 * nobody.
 */
import { z } from 'zod';
import { isRefusal, refuse } from '../errors.ts';
import { parseOverrideId, type OverrideId } from '../ids.ts';
import { printDuration } from '../passage/places.ts';
import { parseDurationMs } from '../scalars.ts';
import type { Override } from '../safety/override-store.ts';
import type { Acting } from '../safety/overrides.ts';
import type { ProtectionMark } from '../safety/mark-store.ts';
import type { RuleState } from '../safety/resolve-rounds.ts';
import { instantOf, iso, json, text } from './input.ts';
import {
  localPerson,
  operation,
  reasonText,
  type AdminOperation,
  type Person,
} from './operation.ts';

const words = z.enum(['users', 'groups']);
const overrideId = z.string().refine((id) => parseOverrideId(id) !== null, 'write an override id');

/** `2h` from now, or an RFC 3339 instant. */
const until = z
  .string()
  .refine((value) => endOf(value, 0) !== null, 'write a duration such as 2h, or an instant');

const endOf = (value: string, now: number): number | null => {
  const ms = parseDurationMs(value);
  return ms === null ? instantOf(value, now) : now + ms;
};

const acting = (person: Person): Acting => ({ name: person.name, named: person !== localPerson });

const ruleKey = ({ tenant, rule }: Readonly<{ tenant: string; rule: string }>): string =>
  `${tenant}\n${rule}`;

/** Rules as people read them, with how many marks each has. */
const readableRules = (
  rules: readonly RuleState[],
  marks: readonly ProtectionMark[],
  tenant: string | undefined,
) => {
  const counts = new Map<string, number>();
  for (const mark of marks) counts.set(ruleKey(mark), (counts.get(ruleKey(mark)) ?? 0) + 1);
  return rules
    .filter((rule) => tenant === undefined || rule.tenant === tenant)
    .map((rule) => ({ ...rule, at: iso(rule.at), marks: counts.get(ruleKey(rule)) ?? 0 }));
};

/** How an override stands. */
const stateOf = (one: Override, now: number): string =>
  one.endedAt !== null
    ? 'ended'
    : now >= one.until
      ? 'over'
      : one.approvedAt === null
        ? 'asked'
        : 'in-force';

const readableOverride = (now: number) => (one: Override) => ({
  id: one.id,
  state: stateOf(one, now),
  tenant: one.tenant,
  rule: one.rule,
  client: one.client,
  subject: one.subject,
  reason: one.reason,
  by: one.by,
  at: iso(one.at),
  until: iso(one.until),
  approvedBy: one.approvedBy,
  approvedAt: iso(one.approvedAt),
  endedAt: iso(one.endedAt),
});

const protectionOperations: readonly AdminOperation[] = [
  operation({
    name: 'protection.rules',
    title: 'Rules of protection, and whether it is known whom they protect',
    method: 'GET',
    path: '/protection/rules',
    role: 'viewer',
    input: z.strictObject({ tenant: text.optional() }),
    act: () => null,
    run: async ({ safety }, _person, { tenant }) =>
      json(readableRules(await safety.rules(), await safety.marks(), tenant)),
  }),
  operation({
    name: 'protection.list',
    title: 'Protected subjects by their ids, newest first',
    method: 'GET',
    path: '/protection',
    role: 'viewer',
    input: z.strictObject({
      tenant: text.optional(),
      rule: text.optional(),
      limit: z.coerce.number().int().min(1).max(10_000).default(200),
    }),
    act: () => null,
    run: async ({ safety }, _person, { tenant, rule, limit }) => {
      const states = await safety.rules();
      const resolved = new Map(states.map((one) => [ruleKey(one), one.resolved]));
      const marks = (await safety.marks()).filter(
        (mark) =>
          (tenant === undefined || mark.tenant === tenant) &&
          (rule === undefined || mark.rule === rule),
      );
      const shown = marks.toSorted((one, other) => other.at - one.at).slice(0, limit);
      return json(
        shown.map((mark) => ({
          tenant: mark.tenant,
          rule: mark.rule,
          word: mark.word,
          id: mark.id,
          since: iso(mark.at),
          // Of a rule that is not configured any more: null.
          resolved: resolved.get(ruleKey(mark)) ?? null,
        })),
      );
    },
  }),
  operation({
    name: 'protection.forget',
    title: 'Take the mark of a protected subject away; it comes back while a rule matches it',
    method: 'POST',
    path: '/protection/forget',
    role: 'admin',
    input: z.strictObject({ tenant: text, rule: text, word: words, id: text, reason: reasonText }),
    act: ({ tenant, rule, word, id, reason }) => ({ tenant, rule, word, id, reason }),
    run: async ({ safety }, _person, { tenant, rule, word, id }) =>
      (await safety.forget({ tenant, rule, word, id }))
        ? json({ forgotten: id, tenant, rule })
        : refuse('value_invalid', 'There is no such mark.'),
  }),
  operation({
    name: 'protection.resolve',
    title: 'Look every tenant through now for whom its rules protect',
    method: 'POST',
    path: '/protection/resolve',
    role: 'operator',
    input: z.strictObject({}),
    act: () => ({}),
    run: async ({ safety }) => {
      const states = await safety.resolve();
      if (isRefusal(states)) return states;
      return json(readableRules(states, await safety.marks(), undefined));
    },
  }),
];

const overrideOperations: readonly AdminOperation[] = [
  operation({
    name: 'overrides.ask',
    title: 'Ask for a break-glass override of protection; another person approves it',
    method: 'POST',
    path: '/overrides',
    role: 'operator',
    input: z.strictObject({
      tenant: text,
      rule: text,
      client: text,
      subject: text.optional(),
      reason: reasonText,
      until,
    }),
    act: ({ tenant, rule, client, subject, reason, until: end }) => ({
      tenant,
      rule,
      client,
      subject: subject ?? null,
      reason,
      until: end,
    }),
    run: async ({ safety, clock }, person, { subject, until: end, ...wish }) => {
      const now = clock.now();
      const asked = await safety.overrides.ask(
        { ...wish, subject: subject ?? null, until: endOf(end, now) ?? now },
        acting(person),
      );
      return isRefusal(asked) ? asked : json(readableOverride(now)(asked));
    },
  }),
  operation({
    name: 'overrides.approve',
    title: 'Approve an override that another person asked for; it is in force at once',
    method: 'POST',
    path: '/overrides/{id}/approve',
    role: 'approver',
    input: z.strictObject({ id: overrideId }),
    act: ({ id }) => ({ override: id }),
    run: async ({ safety, clock }, person, { id }) => {
      const approved = await safety.overrides.approve(id as OverrideId, acting(person));
      return isRefusal(approved) ? approved : json(readableOverride(clock.now())(approved));
    },
  }),
  operation({
    name: 'overrides.end',
    title: 'End an override, or take back that it was asked for',
    method: 'POST',
    path: '/overrides/{id}/end',
    role: 'operator',
    input: z.strictObject({ id: overrideId }),
    act: ({ id }) => ({ override: id }),
    run: async ({ safety }, _person, { id }) =>
      (await safety.overrides.end(id as OverrideId))
        ? json({ ended: id })
        : refuse('value_invalid', 'There is no such override, or it ended already.'),
  }),
  operation({
    name: 'overrides.list',
    title: 'Overrides of protection: asked for, in force, and of the last 30 days',
    method: 'GET',
    path: '/overrides',
    role: 'viewer',
    input: z.strictObject({}),
    act: () => null,
    run: async ({ safety, clock }) =>
      json((await safety.overrides.list()).map(readableOverride(clock.now()))),
  }),
];

const guardOperations: readonly AdminOperation[] = [
  operation({
    name: 'guards.list',
    title: 'Windows of guards: what each holds now against its limit, the fullest first',
    method: 'GET',
    path: '/guards',
    role: 'viewer',
    input: z.strictObject({
      tenant: text.optional(),
      guard: text.optional(),
      client: text.optional(),
      group: text.optional(),
    }),
    act: () => null,
    run: async ({ safety }, _person, query) => {
      const uses = await safety.guards(query);
      if (isRefusal(uses)) return uses;
      return json(
        uses.map(({ ms, freesAt, ...use }) => ({
          ...use,
          in: printDuration(ms),
          freesAt: iso(freesAt),
        })),
      );
    },
  }),
];

export const safetyOperations: readonly AdminOperation[] = [
  ...guardOperations,
  ...protectionOperations,
  ...overrideOperations,
];
