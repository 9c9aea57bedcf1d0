/**
 * XML bodies as JSON: SOAP of SuccessFactors, reports of Workday. Document types, entities and
 * processing instructions are refused before anything is parsed, so there is nothing to expand and
 * nothing to fetch. Prefixes of names are dropped, attributes too; values are texts.
 */
import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';
import { isObject, type Json } from '../json-value.ts';
import type { OpenBody, Unreadable } from './open-body.ts';

const depthMax = 32;
const tagsMax = 20_000;

const base = {
  ignoreAttributes: true,
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
  // `htmlEntities` is what reads numbers of characters; names beyond the five are refused before.
  processEntities: true,
  htmlEntities: true,
  maxNestedTags: depthMax,
  ignoreDeclaration: true,
  ignorePiTags: true,
} as const;

/** The five of XML itself and numbers of characters; any other would need a document type. */
const foreignEntity = /&(?!(?:lt|gt|amp|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)/;

/** In CDATA an ampersand is one. By hand: a regular expression would begin anew at every opening. */
const outsideOfCdata = (text: string): string => {
  let outside = '';
  let at = 0;
  for (;;) {
    const start = text.indexOf('<![CDATA[', at);
    const end = start < 0 ? -1 : text.indexOf(']]>', start);
    if (end < 0) return outside + text.slice(at);
    outside += text.slice(at, start);
    at = end + 3;
  }
};

/** Comments and CDATA are searched as well: where they end is what parsers disagree about. */
const problemOf = (text: string): string | null => {
  if (/<!(?!--|\[CDATA\[)/.test(text)) return 'The XML declares a document type.';
  if (/<\?(?!xml[\s?])/i.test(text)) return 'The XML holds a processing instruction.';
  if (foreignEntity.test(outsideOfCdata(text))) return 'The XML uses an entity of its own.';
  if ((text.match(/<[^!?/]/g) ?? []).length > tagsMax) {
    return `The XML has more than ${tagsMax} elements.`;
  }
  return null;
};

/** As JSON; undefined members do not occur. */
const jsonOf = (value: unknown): Json => {
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? value : '';
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, jsonOf(one)]));
};

type Ordered = { [name: string]: unknown };
const localName = (node: Ordered): string => {
  const name = Object.keys(node).find((one) => one !== ':@') ?? '';
  return name.slice(name.indexOf(':') + 1);
};
const childrenOf = (node: Ordered): Ordered[] => {
  const name = Object.keys(node).find((one) => one !== ':@') ?? '';
  const children = node[name];
  return Array.isArray(children) ? (children as Ordered[]) : [];
};

/** The nodes with all elements of the list dropped but one; null where there is none. */
const withOne = (
  nodes: readonly Ordered[],
  names: readonly string[],
  index: number,
): readonly Ordered[] | null => {
  const [name, ...rest] = names;
  const named = nodes.filter((node) => localName(node) === name);
  const [first] = named;
  if (first === undefined) return null;
  if (rest.length === 0) {
    const kept = named[index];
    return kept === undefined
      ? null
      : nodes.filter((node) => node === kept || localName(node) !== name);
  }
  const children = withOne(childrenOf(first), rest, index);
  const tag = Object.keys(first).find((one) => one !== ':@') ?? '';
  return children && nodes.map((node) => (node === first ? { ...node, [tag]: children } : node));
};

/** Cuts out items, parsed once however many there are. Texts go through as they are, entities unread. */
const cutter = (text: string): OpenBody['alone'] => {
  const options = {
    ...base,
    ignoreAttributes: false,
    removeNSPrefix: false,
    preserveOrder: true,
    processEntities: false,
    htmlEntities: false,
    trimValues: false,
    cdataPropName: '#cdata',
  };
  let nodes: readonly Ordered[] | null = null;
  const builder = new XMLBuilder({
    ignoreAttributes: false,
    preserveOrder: true,
    processEntities: false,
    cdataPropName: '#cdata',
  });
  return (list, index) => {
    try {
      nodes ??= new XMLParser(options).parse(text) as Ordered[];
      const kept = withOne(nodes, list.split('.'), index);
      return kept && builder.build(kept);
    } catch {
      return null;
    }
  };
};

/** Reads XML. The parser's own errors quote the text; ours do not. */
export const openXml = (text: string): OpenBody | Unreadable => {
  const problem = problemOf(text);
  if (problem !== null) return { unreadable: problem };
  try {
    if (XMLValidator.validate(text) !== true) return { unreadable: 'The body is not valid XML.' };
    const parsed: unknown = new XMLParser(base).parse(text);
    const body = jsonOf(parsed);
    if (!isObject(body) || Object.keys(body).length !== 1) {
      return { unreadable: 'The XML does not have one root.' };
    }
    return { body, listsMayBeBare: true, alone: cutter(text) };
  } catch {
    return { unreadable: 'The body is not valid XML.' };
  }
};
