/**
 * `map`: written values to the deployment's own, compared exactly. What is not listed is kept, unless
 * `else` says otherwise; then a value is good if it is listed on either side.
 */
import { z } from 'zod';
import type { Json } from '../json-value.ts';
import type { MakeContext, Normalise, Normaliser, Outcome } from './normaliser.ts';

const entriesMax = 5_000;
const mapOptions = z
  .record(z.string().max(1_000), z.string().max(1_000))
  .refine((options) => Object.keys(options).length <= entriesMax, {
    message: `a map has at most ${entriesMax} entries`,
  });
type Options = z.output<typeof mapOptions>;

export const map: Normaliser<Options> = Object.freeze({
  name: 'map',
  title: 'replaces listed values by others',
  options: mapOptions,
  bare: false,
  idempotent: true,
  appliesTo: 'string',
  prefixSafe: false,
  fills: false,
  otherwise: 'keep',
  results: (options: Options): readonly string[] => Object.values(options),
  make: (options: Options, context: MakeContext): Normalise => {
    const table = new Map(Object.entries(options));
    const good = new Set(table.values());
    for (const to of good) {
      const next = table.get(to);
      if (next !== undefined && next !== to) {
        context.problem(`the map leads on from "${to.slice(0, 40)}"; name the last value at once`);
      }
    }
    return (value: Json): Outcome => {
      if (typeof value !== 'string') return { value };
      const to = table.get(value);
      if (to !== undefined) return { value: to };
      return good.has(value) ? { value } : { problem: 'is not in the map' };
    };
  },
});
