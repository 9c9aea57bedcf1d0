/** JSON as values: what strict parsing gives and printing takes. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [name: string]: Json | undefined };

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isArray = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

/**
 * An object for names from outside: no prototype, so that no name in it means anything.
 * `Object.create(null)` would do the same with a hash table, ten times slower to fill, copy and print.
 */
export const bareObject = <Value>(): Record<string, Value> =>
  Object.setPrototypeOf({}, null) as Record<string, Value>;

/** A copy of an object's own members, with those of `over` over them, without a prototype. */
export const bareCopy = <Value>(
  value: Readonly<Record<string, Value>>,
  over?: Readonly<Record<string, Value>>,
): Record<string, Value> =>
  Object.setPrototypeOf({ ...value, ...over }, null) as Record<string, Value>;
