/**
 * `boolean`: JSON true or false from the words that exports and older clients send. Strict, because
 * `active` decides access: what is not in the table has no meaning.
 */
import type { Json } from '../json-value.ts';
import type { Normaliser, Outcome } from './normaliser.ts';

const words: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'yes', 'y', '1'].map((word) => [word, true] as const),
  ...['false', 'no', 'n', '0'].map((word) => [word, false] as const),
]);

/** The boolean a value stands for, or null. Letters in any case; white space around it is no part. */
export const readBoolean = (value: Json | undefined): boolean | null => {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string' || value.length > 16) return null;
  return words.get(value.trim().toLowerCase()) ?? null;
};

export const boolean: Normaliser<undefined> = Object.freeze({
  name: 'boolean',
  title: 'true or false, from the usual words',
  options: null,
  bare: true,
  idempotent: true,
  appliesTo: 'boolean',
  prefixSafe: false,
  fills: false,
  otherwise: 'refuse',
  make:
    () =>
    (value: Json): Outcome => {
      const meant = readBoolean(value);
      return meant === null ? { problem: 'is neither true nor false' } : { value: meant };
    },
});
