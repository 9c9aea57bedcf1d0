/**
 * `profiles:` of the route file (interface.md §1): resource word -> attribute path -> rules. A rule is
 * a bare word or one name with its options; `else` and `on` stand beside the name or among its
 * options. The rules are those of table.ts, so an unknown name is an error and the schema lists all.
 */
import { z } from 'zod';
import type { Otherwise } from './normaliser.ts';
import { normalisers } from './table.ts';

/** When a rule applies. */
export type Occasion = 'create' | 'replace' | 'patch';

const occasions = ['create', 'replace', 'patch'] as const satisfies readonly Occasion[];
const otherwise = z
  .enum(['refuse', 'keep', 'drop'])
  .describe('what happens to a value that has no canonical form');
const on = z.array(z.enum(occasions)).min(1).max(3).describe('when the rule applies');

/** A rule as the profile compiler takes it; `options` was checked by the rule's own schema. */
export type RuleSettings = Readonly<{
  rule: string;
  options: unknown;
  otherwise: Otherwise;
  on: readonly Occasion[];
}>;

const extras = { else: otherwise.optional(), on: on.optional() };

const optionsSchema = (name: string): z.ZodType => {
  const options = normalisers[name]?.options ?? null;
  if (options === null) return z.strictObject(extras);
  const inner = options instanceof z.ZodDefault ? options.unwrap() : options;
  return inner instanceof z.ZodObject ? inner.extend(extras) : options;
};

const named = Object.fromEntries(
  Object.values(normalisers).map(({ name, title }) => [
    name,
    optionsSchema(name).describe(title).optional(),
  ]),
);

type Written = Readonly<Record<string, unknown>>;

/** Takes `else` and `on` out of a rule's options; what is left are the options themselves. */
const pick = (written: unknown): Readonly<{ options: unknown; extra: Written }> => {
  if (typeof written !== 'object' || written === null) return { options: written, extra: {} };
  const { else: before, on: when, ...options } = written as Written;
  const isOtherwise = otherwise.safeParse(before).success;
  return {
    options: isOtherwise || before === undefined ? options : { ...options, else: before },
    extra: {
      ...(isOtherwise ? { else: before } : {}),
      ...(when === undefined ? {} : { on: when }),
    },
  };
};

const compiled = (name: string, options: unknown, extra: Written): RuleSettings => {
  const normaliser = normalisers[name];
  if (normaliser === undefined) throw new TypeError('a rule outside the table passed its schema');
  return Object.freeze({
    rule: name,
    options,
    otherwise: (extra['else'] as Otherwise | undefined) ?? normaliser.otherwise,
    on:
      (extra['on'] as readonly Occasion[] | undefined) ??
      (normaliser.fills ? ['create'] : occasions),
  });
};

const bareNames = Object.values(normalisers)
  .filter(({ bare }) => bare)
  .map(({ name }) => name);

const bareRule = z
  .enum(bareNames as [string, ...string[]])
  .transform((name) => compiled(name, {}, {}));

const fullRule = z
  .strictObject({ ...named, ...extras })
  .check((context) => {
    const names = Object.keys(context.value).filter((key) => !Object.hasOwn(extras, key));
    if (names.length === 1) return;
    context.issues.push({
      code: 'custom',
      message: 'a rule is one name with its options; write another rule as another item',
      input: context.value,
    });
  })
  .transform((written: Written): RuleSettings => {
    const { else: before, on: when, ...rest } = written;
    const [name, given] = Object.entries(rest)[0] ?? ['', undefined];
    const { options, extra } = pick(given);
    return compiled(name, options, {
      ...extra,
      ...(before === undefined ? {} : { else: before }),
      ...(when === undefined ? {} : { on: when }),
    });
  });

const ruleHelp = `a rule is one of ${bareNames.join(', ')}; or one name with its options, such as { phone: { country: DE } }, from ${Object.keys(normalisers).join(', ')}`;

/** A union's own message hides what is wrong inside; where the rule is known, that is what helps. */
const rule = z.union([bareRule, fullRule], {
  error: (issue) => {
    const { input } = issue;
    const isKnown =
      typeof input === 'object' &&
      input !== null &&
      Object.keys(input).some((key) => Object.hasOwn(named, key));
    const inner = isKnown && issue.code === 'invalid_union' ? issue.errors[1]?.[0] : undefined;
    return inner === undefined ? ruleHelp : `${inner.path.join('.')}: ${inner.message}`;
  },
});

/** Most rules of one path, and most paths of one resource. */
const rulesMax = 20;
const pathsMax = 500;

const rulesByPath = z
  .record(
    z.string().min(1).max(300).describe('an attribute path, or * for every text'),
    z.array(rule).min(1).max(rulesMax),
  )
  .refine((paths) => Object.keys(paths).length <= pathsMax, {
    message: `a resource has at most ${pathsMax} paths`,
  });

/** One profile. Output: by resource word (`users`), by path as written, the rules in order. */
export const profileSettings = z.record(
  z.string().regex(/^[a-z][a-z0-9]{0,63}$/, 'write the resource in lower case: users, groups, …'),
  rulesByPath,
);
export type ProfileSettings = z.output<typeof profileSettings>;
