/** What an entry of the table of state commands is, and how its options become input. */

/** How one command line becomes the input of one admin operation. */
export type StateCommand = Readonly<{
  /** `keys issue <client>` */
  usage: string;
  operation: string;
  /** `[flags, description]` */
  options: readonly (readonly [flags: string, description: string])[];
  /** Columns of a list. */
  columns: readonly string[];
  /** The answer's `ok` decides: false is exit 1. Of a list: any of them. */
  verdict?: true;
  /** The answer as text for people, where it is not `--json`. */
  text?(json: unknown): string;
  input(
    args: readonly string[],
    options: Readonly<Record<string, unknown>>,
  ): Record<string, unknown>;
}>;

/** Those of the options that were given, under the same names. */
export const pick = (
  options: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Record<string, unknown> =>
  Object.fromEntries(
    names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  );
