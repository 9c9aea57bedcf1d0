/**
 * `default`: a value for an absent attribute, as CEL over `after` (a literal is written as CEL too:
 * `"Engineering"`). An empty or failed result leaves the attribute absent. Only on create, unless
 * `on` says otherwise; a PATCH never fills.
 */
import { z } from 'zod';
import type { Json } from '../json-value.ts';
import type { Attribute } from '../scim/schema-model.ts';
import type { MakeContext, Normalise, Normaliser, Outcome, Variables } from './normaliser.ts';

const source = z.string().min(1).max(2_000).describe('CEL over `after`');

const fits = (value: unknown, { type }: Attribute): value is string | boolean =>
  typeof value === (type === 'boolean' ? 'boolean' : 'string') && value !== '';

export const defaultValue: Normaliser<string> = Object.freeze({
  name: 'default',
  title: 'gives a value to an absent attribute',
  options: source,
  bare: false,
  idempotent: true,
  appliesTo: 'any',
  prefixSafe: false,
  fills: true,
  otherwise: 'keep',
  make: (options: string, context: MakeContext): Normalise => {
    const expression = context.expression(options);
    return (_value: Json, variables: Variables): Outcome => {
      const result = expression?.evaluate(variables());
      if (result === undefined || 'failed' in result) return { problem: 'has no default' };
      return fits(result.value, context.attribute) ? { value: result.value } : { value: undefined };
    };
  },
});
