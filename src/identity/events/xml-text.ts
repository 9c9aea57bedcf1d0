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

/** Comments and CDATA are searched as well: where they end is what parsers disagree about. */
const problemOf = (text: string): string | null => {
  if (/<!(?!--|\[CDATA\[)/.test(text)) return 'The XML declares a document type.';
  if (/<\?(?!xml[\s?])/i.test(text)) return 'The XML holds a processing instruction.';
  const outside = text.replaceAll(/<!\[CDATA\[[\s\S]*?\]\]>/g, '');
  if (foreignEntity.test(outside)) return 'The XML uses an entity of its own.';
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

/** Drops all elements of the list but one, in place. */
const keepOne = (nodes: Ordered[], names: readonly string[], index: number): boolean => {
  const [name, ...rest] = names;
  const named = nodes.filter((node) => localName(node) === name);
  const [first] = named;
  if (first === undefined) return false;
  if (rest.length > 0) return keepOne(childrenOf(first), rest, index);
  const kept = named[index];
  if (kept === undefined) return false;
  nodes.splice(0, nodes.length, ...nodes.filter((node) => node === kept || !named.includes(node)));
  return true;
};

const alone = (text: string, list: string, index: number): string | null => {
  const options = { ...base, ignoreAttributes: false, removeNSPrefix: false, preserveOrder: true };
  const nodes = new XMLParser(options).parse(text) as Ordered[];
  if (!keepOne(nodes, list.split('.'), index)) return null;
  return new XMLBuilder({ ignoreAttributes: false, preserveOrder: true }).build(nodes);
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
    return {
      body,
      listsMayBeBare: true,
      alone: (list, index) => {
        try {
          return alone(text, list, index);
        } catch {
          return null;
        }
      },
    };
  } catch {
    return { unreadable: 'The body is not valid XML.' };
  }
};
