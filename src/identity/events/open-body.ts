/**
 * Bodies as values, whichever way they are written, and how to write one item alone in the same
 * envelope. What two readers could read differently is not read at all: names given twice, document
 * types, entities. Reasons hold no data.
 */
import { isRefusal } from '../../errors.ts';
import { parseJson } from '../json.ts';
import { isArray, isObject, type Json } from '../json-value.ts';
import { openForm } from './form-text.ts';
import { elementSpans, quoteLargeNumbers, type Span } from './json-text.ts';
import type { BodyForm } from './mapping.ts';
import { openXml } from './xml-text.ts';

/** A body that was read. */
export type OpenBody = Readonly<{
  body: Json;
  /** In XML a list of one looks like its item. */
  listsMayBeBare?: boolean;
  /** The body with item `index` of the list at `list` alone; null = there is no such thing. */
  alone(list: string, index: number): string | null;
}>;
export type Unreadable = Readonly<{ unreadable: string }>;

const limits = { depthMax: 32, nodesMax: 100_000, names: 'any' } as const;

/** Strict JSON whose large numbers are texts. */
export const openJson = (text: string): OpenBody | Unreadable => {
  const body = parseJson(quoteLargeNumbers(text), limits);
  if (isRefusal(body)) return { unreadable: body.detail };
  // Found once, not once an item: a body of a thousand items is asked a thousand times.
  let found: Readonly<{ list: string; spans: readonly Span[] }> | null = null;
  return {
    body,
    alone: (list, index) => {
      if (found?.list !== list) found = { list, spans: elementSpans(text, list) };
      const { spans } = found;
      const [first, last, one] = [spans[0], spans.at(-1), spans[index]];
      if (first === undefined || last === undefined || one === undefined) return null;
      return text.slice(0, first.start) + text.slice(one.start, one.end) + text.slice(last.end);
    },
  };
};

const openLines = (text: string): OpenBody | Unreadable => {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const body: Json[] = [];
  for (const line of lines) {
    const one = openJson(line);
    if ('unreadable' in one) return one;
    body.push(one.body);
  }
  return { body, alone: (_list, index) => lines[index] ?? null };
};

/** A form that a body looks like, and how it is opened. The first that fits is taken; JSON is last. */
const openers: readonly Readonly<{
  form: BodyForm;
  fits: RegExp;
  open(text: string): OpenBody | Unreadable;
}>[] = [
  { form: 'xml', fits: /^\s*</, open: openXml },
  { form: 'form', fits: /^\s*[^\s{["=&][^\s=&{"]*=/, open: openForm },
  { form: 'json-lines', fits: /^\s*\{[^\n]*\}[ \t\r]*\n\s*\{/, open: openLines },
  { form: 'json', fits: /^/, open: openJson },
];

/** Reads a body in one of these forms. An empty body is an object without members. */
export const openBody = (text: string, forms: readonly BodyForm[]): OpenBody | Unreadable => {
  if (text.trim() === '') return { body: {}, alone: () => null };
  const opener = openers.find(({ form, fits }) => forms.includes(form) && fits.test(text));
  return opener?.open(text) ?? { unreadable: 'The body is not written as this sender writes.' };
};

/** The list at one of the places, and which one; null where none is. */
export const listIn = (
  { body, listsMayBeBare = false }: OpenBody,
  places: readonly Readonly<{ place: string; find: (value: Json) => Json | undefined }>[],
): Readonly<{ place: string; items: readonly Json[] }> | null => {
  for (const { place, find } of places) {
    const items = find(body);
    if (isArray(items)) return { place, items };
    if (listsMayBeBare && isObject(items)) return { place, items: [items] };
  }
  return null;
};
