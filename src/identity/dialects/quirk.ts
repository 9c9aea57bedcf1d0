/**
 * The shape of one row of the client dialect table: what clients send that RFC 7643/7644 does not
 * say, and what is done about it. Types only.
 */
import type { Json } from '../json-value.ts';
import type { Attribute, Filter } from '../scim/schema-model.ts';

/** A repaired value; `undefined` = unassigned (RFC 7643 §2.5). */
export type RewrittenValue = Readonly<{ value: Json | undefined }>;

/** One quirk of clients. */
export type Quirk = Readonly<{
  /** `C3`: row of the project's list of client quirks; the name in repairs, vectors and ledger. */
  row: string;
  /** Who is known to send it. A quirk is recognised by its shape, never by the sender (C19). */
  client: string;
  title: string;
  /** Public source. */
  source: string;
  /** Which part of a request it appears in; `elsewhere` = no part that this room reads. */
  where: 'changes' | 'resource' | 'query' | 'elsewhere';
  /** The file whose behaviour it is. */
  lives: string;
  /** What a Repair says about it: never a value. */
  note: string;
  /**
   * Rewrites a value that does not fit its attribute, by the schema alone; null = not this quirk.
   * Called only for values of the wrong JSON type.
   */
  value?: (value: Json, attribute: Attribute) => RewrittenValue | null;
  /** Reads the `value` of a remove as the elements to take out: one filter each; null = cannot. */
  removal?: (value: Json, attribute: Attribute) => readonly Filter[] | null;
}>;
