/**
 * `routes.*.event` of the route file (interface.md §1): what a route knows better than its sender's
 * preset. Values are CEL over `event` (the preset's reading) and `enriched`; `items` and `zone` are
 * plain, for they are needed before there is an event. compile-reader.ts compiles them.
 */
import { z } from 'zod';
import { expressionLengthMax } from '../../expressions.ts';
import { isZone } from './instants.ts';
import { mappings } from './table.ts';

const expression = z.string().min(1).max(expressionLengthMax);

/** Most keys of one subject. */
const keysMax = 20;

const keyName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_]{0,62}$/, 'a key is named by letters, digits and _, at most 63');

export const eventSettings = z.strictObject({
  /** Reads as this source writes, whoever signs: behind a relay, a script or a CloudEvents broker. */
  preset: z
    .enum(mappings.map(({ name }) => name) as [string, ...string[]])
    .optional()
    .describe("the source whose preset reads it, where that is not the sender's own"),
  /** Gives the kind: `"leaver"`, or a word of one's own (lower case, digits and -, at most 32). */
  kind: expression.optional().describe('CEL that gives the kind of event'),
  /** Gives the one key that order goes by. Cannot mention `enriched`: order is fixed at receipt. */
  subject: expression.optional().describe('CEL that gives the key that order goes by'),
  /** Gives a timestamp, a text that is one, a day, or null = at once; `effectiveAt: null` = always at once. */
  effectiveAt: expression.nullable().optional().describe('CEL that gives when it takes effect'),
  /** Gives when the source saw it, in the same forms. */
  observedAt: expression.optional().describe('CEL that gives when the source saw it'),
  /** Gives the list of paths that changed. */
  changed: expression.optional().describe('CEL that gives the list of what changed'),
  /** Each gives one further key by which the subject is found elsewhere. */
  keys: z
    .record(keyName, expression)
    .refine((keys) => Object.keys(keys).length <= keysMax, {
      message: `a subject has at most ${keysMax} keys`,
    })
    .optional()
    .describe('further keys of the subject, by name'),
  /** Gives the source's id of the item. Cannot mention `enriched`. */
  id: expression.optional().describe("CEL that gives the source's id of the item"),
  /** Path of the list in the body whose items are events of their own: `data.events`; `.` = the body is the list. */
  items: z
    .string()
    .regex(/^(?:\.|[^.\s]{1,100}(?:\.[^.\s]{1,100}){0,9})$/, 'write a path such as data.events')
    .optional()
    .describe('path of the list whose items are events'),
  /** IANA zone of days and of times without an offset; default UTC. */
  zone: z
    .string()
    .max(64)
    .refine(isZone, { message: 'write a time zone such as Europe/Berlin' })
    .optional()
    .describe('zone of days and of times without one'),
  /** Gives the kinds whose announced events of this subject it takes back. */
  cancels: expression.optional().describe('CEL that gives the kinds it takes back'),
});
export type EventSettings = z.output<typeof eventSettings>;
