/** The admin operations that only tell: what was granted and used, what a trial would have refused. */
import { z } from 'zod';
import { isRefusal } from '../errors.ts';
import { instant, instantOf, json, spanOf } from './input.ts';
import { operation, type AdminOperation } from './operation.ts';

/** A flag of a query or of the command line. */
const flag = z
  .union([z.boolean(), z.enum(['true', 'false'])])
  .transform((value) => value === true || value === 'true')
  .default(false);

async function* linesOf(lines: readonly string[]): AsyncGenerator<string> {
  for (const line of lines) yield `${line}\n`;
}

export const reportOperations: readonly AdminOperation[] = [
  operation({
    name: 'reports.access',
    title: 'Granted against used, or tighter grants that admit what was seen',
    method: 'GET',
    path: '/reports/access',
    role: 'viewer',
    input: z.strictObject({
      days: z.coerce.number().int().min(1).max(1_000).default(30),
      yaml: flag,
    }),
    act: () => null,
    run: async ({ reports }, _person, { days, yaml }) => {
      if (!yaml) return json(await reports.access(days));
      const lines = await reports.tighter(days);
      return isRefusal(lines) ? lines : { lines: linesOf(lines), yaml: true };
    },
  }),
  operation({
    name: 'reports.inventory',
    title:
      'Every client, credential, receiver, rule and person, with what a reviewer must ask about',
    method: 'GET',
    path: '/reports/inventory',
    role: 'viewer',
    input: z.strictObject({ days: z.coerce.number().int().min(1).max(1_000).default(90) }),
    act: () => null,
    run: async ({ reports }, _person, { days }) => json(await reports.inventory(days)),
  }),
  operation({
    name: 'reports.shadow',
    evidence: true,
    title: 'What enforcement would have refused or held, by rule',
    method: 'GET',
    path: '/reports/shadow',
    role: 'viewer',
    input: z.strictObject({ since: instant.default('7d'), until: instant.optional() }),
    act: ({ since, until }) => ({ since, until: until ?? null }),
    run: async ({ reports, clock }, _person, input) => {
      const now = clock.now();
      const since = instantOf(input.since, now);
      const rows = await reports.shadow({
        ...spanOf(input, now),
        ...(since === null ? {} : { since }),
      });
      return isRefusal(rows) ? rows : json(rows);
    },
  }),
];
