/**
 * What the route file says of an event once it is stored: what is read to it, where it goes and what
 * plans do (interface.md §1). Shapes only; config/ compiles them.
 */
import { z } from 'zod';
import { duration, name, requestPath } from '../scalars.ts';
import { signSettings } from '../signatures/settings.ts';

/** The text of a CEL expression; a bare number or boolean of YAML is one too. */
const expression = z
  .union([z.string().min(1).max(2_000), z.boolean(), z.number()], 'write a CEL expression')
  .transform(String);

type Named = Readonly<{ name: string }>;

const uniqueNames = (list: readonly Named[], context: z.RefinementCtx): void => {
  const seen = new Set<string>();
  for (const [index, each] of list.entries()) {
    if (seen.has(each.name))
      context.addIssue({
        code: 'custom',
        path: [index, 'name'],
        message: 'another entry of this list has this name',
      });
    seen.add(each.name);
  }
};

/** `enrich:`: one GET at a target before a delivery is tried. */
export const enrichSettings = z.strictObject({
  target: name,
  get: z.string().max(2_000).regex(/^\//, 'write a path such as /v1/employees/{event.subject}'),
});

/** Keys that only a forward has. */
const forwardKeys = ['path', 'sign', 'order', 'answers'] as const;

const delivery = z
  .strictObject({
    name,
    to: name.optional(),
    plan: name.optional(),
    path: requestPath.optional(),
    sign: z.union([z.literal('none', 'write how it is signed, or none'), signSettings]).optional(),
    order: expression.optional(),
    when: expression.optional(),
    attempts: z.int().min(1).max(50).default(10),
    concurrent: z.int().min(1).max(256).default(8),
    answers: z.boolean().optional(),
  })
  .superRefine((given, context) => {
    const tell = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (given.to === undefined && given.plan === undefined)
      context.addIssue({
        code: 'custom',
        path: [],
        message: 'write to: and a target, or plan: and a plan',
      });
    else if (given.to !== undefined && given.plan !== undefined)
      tell('plan', 'a delivery goes to a target or runs a plan, not both');
    else if (given.plan !== undefined) {
      for (const key of forwardKeys)
        if (given[key] !== undefined) tell(key, 'only a delivery with to: has this key');
    } else if (given.sign === undefined) tell('sign', 'write how it is signed, or none');
  });

/** `deliver:`: forwards (`to`) and plans that are run, in the order written. */
export const deliverSettings = z.array(delivery).max(100).superRefine(uniqueNames);
export type DeliverSettings = z.output<typeof deliverSettings>[number];

const stepActions = [
  'create',
  'update',
  'activate',
  'deactivate',
  'delete',
  'add-member',
  'remove-member',
] as const;
type StepAction = (typeof stepActions)[number];

/** Which of the step's keys an action needs; `set`, `group`, `find` and `absent` else have no place. */
const wants: Readonly<
  Record<StepAction, Readonly<{ needs: readonly StepKey[]; may: readonly StepKey[] }>>
> = {
  create: { needs: ['set'], may: ['find'] },
  update: { needs: ['find', 'set'], may: ['absent'] },
  activate: { needs: ['find'], may: ['absent'] },
  deactivate: { needs: ['find'], may: ['absent'] },
  delete: { needs: ['find'], may: ['absent'] },
  'add-member': { needs: ['find', 'group'], may: ['absent'] },
  'remove-member': { needs: ['find', 'group'], may: ['absent'] },
};
const stepKeys = ['find', 'set', 'group', 'absent'] as const;
type StepKey = (typeof stepKeys)[number];

const values = (most: number) =>
  z
    .record(z.string().min(1).max(300), expression)
    .refine((given) => Object.keys(given).length > 0, 'name at least one attribute')
    .refine((given) => Object.keys(given).length <= most, `at most ${most} attributes`);

const step = z
  .strictObject({
    name,
    route: name,
    type: z
      .string()
      .regex(/^[a-z][a-z0-9]{0,63}$/, 'write the resource in lower case: users, groups, …')
      .default('users'),
    find: values(10).optional(),
    do: z.enum(stepActions),
    set: values(100).optional(),
    group: expression.optional(),
    when: expression.optional(),
    verify: z.boolean().default(false),
    absent: z.enum(['skip', 'fail']).optional(),
  })
  .superRefine((given, context) => {
    const { needs, may } = wants[given.do];
    for (const key of stepKeys) {
      const written = given[key] !== undefined;
      if (written === needs.includes(key) || (written && may.includes(key))) continue;
      const message = written ? `${given.do} has no ${key}` : `${given.do} needs ${key}`;
      context.addIssue({ code: 'custom', path: [key], message });
    }
    if (given.group !== undefined && given.type !== 'users')
      context.addIssue({ code: 'custom', path: ['type'], message: 'members are users here' });
  });

/** One entry of `plans:`. */
export const planSettings = z.strictObject({
  as: name,
  deadline: duration
    .refine((ms) => ms >= 1_000 && ms <= 3_600_000, 'write 1s to 1h')
    .prefault('15m'),
  steps: z.array(step).min(1).max(50).superRefine(uniqueNames),
});
export type PlanSettings = z.output<typeof planSettings>;
export type StepSettings = PlanSettings['steps'][number];
