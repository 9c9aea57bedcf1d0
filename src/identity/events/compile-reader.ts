/**
 * Makes the reader of a route: the preset of its sender, with the route's own CEL over it. Whatever
 * comes in, a reader gives events or a reason and never throws. Bounded: 1,000 items a body, 200
 * changed paths an event. An expression that fails on an event leaves what the preset read; a subject
 * that fails is '', so that the event waits in the line of those nobody knows, not in a wrong one.
 */
import { compileExpression, type Expression } from '../../expressions.ts';
import { isArray, type Json } from '../json-value.ts';
import type { EventReader, LifecycleEvent, ReadEvents } from './event.ts';
import { readInstant } from './instants.ts';
import type { Item, Reading } from './mapping.ts';
import { listIn, openBody } from './open-body.ts';
import { compilePlace, opaque } from './places.ts';
import type { EventSettings } from './settings.ts';
import { mappingOf } from './table.ts';
import { eventVariables, eventVariableTypes } from './variables.ts';

/** A setting that does not compile; `path` begins at `event` of the route. */
export type ReaderProblem = Readonly<{ path: readonly (string | number)[]; message: string }>;

const itemsMax = 1_000;
const changedMax = 200;
const kindPattern = /^[a-z0-9-]{1,32}$/;

/** What an expression gave, made fit for its field; undefined = nothing that fits. */
type Fit<Value> = (value: unknown, zone: string) => Value | undefined;

const kind: Fit<string> = (value) =>
  typeof value === 'string' && kindPattern.test(value) ? value : undefined;

const text: Fit<string> = (value) => opaque(value) ?? undefined;

const instant: Fit<number | null> = (value, zone) => {
  if (value === null || value === '') return null;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.getTime();
  return typeof value === 'string' ? (readInstant(value, { zone }) ?? undefined) : undefined;
};

const texts: Fit<readonly string[]> = (value) => {
  const list = isArray(value as Json) ? (value as readonly unknown[]) : [value];
  const made = list.map(opaque);
  return made.includes(null) ? undefined : (made as string[]).slice(0, changedMax);
};

const kinds: Fit<readonly string[]> = (value, zone) => {
  const made = texts(value, zone);
  return made?.every((word) => kindPattern.test(word)) === true ? made : undefined;
};

const fits = { kind, effectiveAt: instant, observedAt: instant, changed: texts, cancels: kinds };
type Field = keyof typeof fits;

/** The route's expressions, compiled. */
type Own = Readonly<{
  subject: Expression | null;
  id: Expression | null;
  fields: readonly (readonly [Field, Expression])[];
  keys: readonly (readonly [string, Expression])[];
}>;

const compileOwn = (settings: EventSettings): Own | readonly ReaderProblem[] => {
  const problems: ReaderProblem[] = [];
  const compile = (path: readonly string[], source: string, late = true): Expression | null => {
    const compiled = compileExpression(source, eventVariableTypes, null);
    if ('problem' in compiled) {
      problems.push({ path, message: compiled.problem });
      return null;
    }
    if (late || !compiled.mentions.has('enriched')) return compiled;
    problems.push({
      path,
      message: 'it is needed at receipt, before anything is read: `enriched` is not known here',
    });
    return null;
  };
  const kept = <Name>(name: Name, expression: Expression | null): (readonly [Name, Expression])[] =>
    expression === null ? [] : [[name, expression]];
  const early = (name: 'subject' | 'id'): Expression | null =>
    settings[name] === undefined ? null : compile([name], settings[name], false);
  const own = {
    subject: early('subject'),
    id: early('id'),
    fields: (Object.keys(fits) as Field[]).flatMap((field) => {
      const source = settings[field];
      return source === undefined ? [] : kept(field, compile([field], source ?? 'null'));
    }),
    keys: Object.entries(settings.keys ?? {}).flatMap(([name, source]) =>
      kept(name, compile(['keys', name], source)),
    ),
  };
  return problems.length > 0 ? problems : own;
};

const isLate = (expression: Expression): boolean => expression.mentions.has('enriched');

/** Puts what the route's expressions give over an event. `late`: those that mention `enriched`, or the others. */
const overlay = (
  own: Own,
  event: LifecycleEvent,
  late: boolean,
  { enriched, zone }: Readonly<{ enriched: Json | null; zone: string }>,
): LifecycleEvent => {
  const due = ([, expression]: readonly [string, Expression]): boolean =>
    isLate(expression) === late;
  const variables = eventVariables(event, enriched);
  const give = <Value>(expression: Expression, fit: Fit<Value>): Value | undefined => {
    const given = expression.evaluate(variables);
    return 'failed' in given ? undefined : fit(given.value, zone);
  };
  const changes: Record<string, unknown> = {};
  for (const [field, expression] of own.fields.filter(due)) {
    const value = give<unknown>(expression, fits[field]);
    if (value !== undefined) changes[field] = value;
  }
  const keys = own.keys.filter(due).flatMap(([name, expression]) => {
    const value = give(expression, text);
    return value === undefined ? [] : [[name, value] as const];
  });
  if (keys.length > 0) changes['keys'] = { ...event.keys, ...Object.fromEntries(keys) };
  if (!late && own.subject !== null) changes['subject'] = give(own.subject, text) ?? '';
  if (!late && own.id !== null) changes['id'] = give(own.id, text) ?? event.id;
  return { ...event, ...changes };
};

const fill = (source: string, item: Item, reading: Reading): LifecycleEvent => ({
  source,
  id: reading.id ?? null,
  kind: reading.kind ?? 'other',
  type: reading.type ?? '',
  subject: reading.subject ?? '',
  keys: reading.keys ?? {},
  effectiveAt: reading.effectiveAt ?? null,
  observedAt: reading.observedAt ?? null,
  changed: (reading.changed ?? []).slice(0, changedMax),
  cancels: reading.cancels ?? [],
  raw: reading.raw ?? item.item,
});

/**
 * The last word on an event. What only announces waits for its date: a termination without one must not
 * end anybody's work today. A rehire that counts already takes back the leaver that was announced, once
 * kind and date are `sure`: until then nothing is taken back.
 */
const settle = (
  event: LifecycleEvent,
  {
    receivedAt,
    lower,
    sure,
    settings,
  }: Readonly<{ receivedAt: number; lower: boolean; sure: boolean; settings: EventSettings }>,
): LifecycleEvent => {
  const kind =
    lower && settings.kind === undefined && event.effectiveAt === null ? 'other' : event.kind;
  const counts = sure && (event.effectiveAt === null || event.effectiveAt <= receivedAt);
  const cancels =
    kind === 'rehire' && counts && event.cancels.length === 0 && settings.cancels === undefined
      ? ['leaver']
      : event.cancels;
  return { ...event, kind, cancels };
};

/** Compiles the reader of a route; `event` is null where the route leaves everything to the preset. */
export const compileReader = ({
  sender,
  event: given,
}: Readonly<{ sender: string; event: EventSettings | null }>):
  | EventReader
  | Readonly<{ problems: readonly ReaderProblem[] }> => {
  const settings = given ?? {};
  const own = compileOwn(settings);
  if (!('fields' in own)) return { problems: own };
  const mapping = mappingOf(settings.preset ?? sender);
  const zone = settings.zone ?? 'UTC';
  const lists = (settings.items === undefined ? mapping.lists : [settings.items]).map((place) => ({
    place,
    find: compilePlace(place),
  }));

  const dateIsLate = own.fields.some(([field, one]) => field === 'effectiveAt' && isLate(one));
  const needsEnriched = own.fields.some(
    ([field, one]) =>
      (field === 'kind' || field === 'effectiveAt' || field === 'cancels') && isLate(one),
  );
  const atOnce = settings.effectiveAt === null || settings.effectiveAt === 'null';
  const lower = (event: LifecycleEvent): boolean => !atOnce && mapping.announces(event);

  const read: EventReader['read'] = ({ text, headers, receivedAt, messageId }): ReadEvents => {
    const open = openBody(text, mapping.forms);
    if ('unreadable' in open) return open;
    const list = listIn(open, lists);
    const items = list?.items ?? [open.body];
    if (items.length > itemsMax)
      return { unreadable: `The body holds more than ${itemsMax} items.` };
    const events = items.map((one) => {
      const item = { item: one, body: open.body, headers, zone };
      const event = fill(mapping.name, item, mapping.read(item));
      const named = event.id === null && items.length === 1 ? { ...event, id: messageId } : event;
      const laid = overlay(own, named, false, { enriched: null, zone });
      return settle(laid, {
        receivedAt,
        lower: !dateIsLate && lower(laid),
        sure: !needsEnriched,
        settings,
      });
    });
    return {
      events,
      envelope: (index) =>
        list === null || items.length === 1 ? null : open.alone(list.place, index),
    };
  };

  return Object.freeze({
    source: mapping.name,
    read,
    enrich: (event: LifecycleEvent, enriched: Json, receivedAt: number) => {
      const laid = overlay(own, event, true, { enriched, zone });
      return settle(laid, {
        receivedAt,
        lower: dateIsLate && lower(laid),
        sure: true,
        settings,
      });
    },
    needsEnriched,
  });
};
