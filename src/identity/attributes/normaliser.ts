/**
 * What a normaliser is: a frozen descriptor whose `make` gives a pure, idempotent function from one
 * value to its canonical form. Texts about a value never hold the value. table.ts lists them all.
 */
import type { z } from 'zod';
import type { Expression } from '../../expressions.ts';
import type { Json } from '../json-value.ts';
import type { Attribute } from '../scim/schema-model.ts';

/** Gives what expressions see (`after`), made at the first question and not before. */
export type Variables = () => Readonly<Record<string, unknown>>;

/** A canonical value (undefined = the attribute is absent then), or why there is none. */
export type Outcome = Readonly<{ value: Json | undefined }> | Readonly<{ problem: string }>;

export type Normalise = (value: Json, variables: Variables) => Outcome;

/** What happens to a value that has no canonical form. */
export type Otherwise = 'refuse' | 'keep' | 'drop';

/** What a rule may ask for while it is made. */
export type MakeContext = Readonly<{
  attribute: Attribute;
  /** Reports what is wrong with the options; the rule is then not used. */
  problem(message: string): void;
  /** Compiles CEL over `after`; null (and reported) where it cannot be used. */
  expression(source: string): Expression | null;
}>;

/** One kind of rule; `Options` is the output of its schema. */
export interface Normaliser<Options = unknown> {
  readonly name: string;
  /** One line for `check`, the README and the JSON Schema. */
  readonly title: string;
  /** Options under the rule's name; null where it has none and is written as a bare word. */
  readonly options: z.ZodType<Options> | null;
  /** May it stand as a bare word, without options? */
  readonly bare: boolean;
  /** n(n(x)) = n(x), held by a property test. */
  readonly idempotent: true;
  /** Type of the attributes it may stand on; `any` = of every simple type. */
  readonly appliesTo: 'string' | 'boolean' | 'any';
  /** Does n(prefix) stay a prefix of n(value)? Then `sw`, `ew` and `co` literals pass it too. */
  readonly prefixSafe: boolean;
  /** True: gives a value to an absent attribute, instead of changing one that is there. */
  readonly fills: boolean;
  /** `else` where the route file has none. */
  readonly otherwise: Otherwise;
  /** Heavy data, loaded once before `make` when a profile uses the rule. */
  readonly load?: () => Promise<void>;
  /** Values it may give that only its options know; the other rules of a path must leave them alone. */
  results?(options: Options): readonly string[];
  make(options: Options, context: MakeContext): Normalise;
}

/** Descriptor of a rule from text to text without options. */
export const textRule = (
  parts: Readonly<{
    name: string;
    title: string;
    prefixSafe?: boolean;
    load?: () => Promise<void>;
    make: () => (text: string) => Outcome;
  }>,
): Normaliser<undefined> =>
  Object.freeze({
    name: parts.name,
    title: parts.title,
    options: null,
    bare: true,
    idempotent: true,
    appliesTo: 'string',
    prefixSafe: parts.prefixSafe ?? false,
    fills: false,
    otherwise: 'refuse',
    ...(parts.load === undefined ? {} : { load: parts.load }),
    make: () => {
      const run = parts.make();
      return (value: Json): Outcome => (typeof value === 'string' ? run(value) : { value });
    },
  });

/** Keeps up to `max` answers that were values, by text; junk is never kept, so it cannot fill it. */
export const remember = (
  max: number,
  run: (text: string) => Outcome,
): ((text: string) => Outcome) => {
  const known = new Map<string, Outcome>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const outcome = run(text);
    if ('value' in outcome && known.size < max) known.set(text, outcome);
    return outcome;
  };
};
