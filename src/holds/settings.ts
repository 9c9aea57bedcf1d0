/** What the route file says of held changes (`holds:`). Shapes only; config/ compiles them. */
import { z } from 'zod';
import { duration, name, requestPath } from '../scalars.ts';
import { signSettings } from '../signatures/settings.ts';

const notice = z.strictObject({
  name,
  to: name,
  path: requestPath.default(''),
  sign: z.union([z.literal('none', 'write how it is signed, or none'), signSettings]),
});

/** `holds:` at the top of the file. */
export const holdSettings = z.strictObject({
  pending: z.int().min(1).max(10_000).default(1_000),
  expires: duration
    .refine((ms) => ms >= 60_000 && ms <= 31 * 86_400_000, 'write 1m to 31d')
    .prefault('24h'),
  notify: z
    .array(notice)
    .max(10)
    .default([])
    .superRefine((list, context) => {
      for (const [index, each] of list.entries())
        if (list.findIndex((other) => other.name === each.name) < index)
          context.addIssue({
            code: 'custom',
            path: [index, 'name'],
            message: 'another entry of this list has this name',
          });
    }),
});
export type HoldFileSettings = z.output<typeof holdSettings>;
export type NoticeSettings = HoldFileSettings['notify'][number];
