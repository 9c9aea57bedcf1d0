/**
 * JSON as text, for what values cannot say: numbers too large for a double become texts before they
 * are parsed, and items of a list are cut out as they were written. Both are one scan over text that
 * strict parsing (json.ts) accepts or has yet to judge; on other text they change nothing that matters.
 */

/** Index behind the string that begins at `start`. */
const behindString = (text: string, start: number): number => {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
};

const blank = /[ \t\r\n]*/y;
const behindBlank = (text: string, at: number): number => {
  blank.lastIndex = at;
  return at + (blank.exec(text)?.[0].length ?? 0);
};

const number = /-?\d[\d.eE+-]*/y;

/**
 * The text with each number beyond 2^53 - 1 in quotes: an id stays the id it was (HiBob's have
 * nineteen digits). Numbers that are no whole ones stay as they are.
 */
export const quoteLargeNumbers = (text: string): string => {
  if (!/\d{16}/.test(text)) return text;
  let made = '';
  let kept = 0;
  for (let at = 0; at < text.length;) {
    const sign = text[at] as string;
    if (sign === '"') {
      at = behindString(text, at);
      continue;
    }
    number.lastIndex = at;
    const found = sign === '-' || (sign >= '0' && sign <= '9') ? number.exec(text)?.[0] : undefined;
    if (found === undefined) {
      at++;
      continue;
    }
    const end = at + found.length;
    if (/^-?[1-9]\d{15,}$/.test(found) && !Number.isSafeInteger(Number(found))) {
      // Where no value can stand it stays, so that no text becomes JSON by its quotes.
      if (/^[,\]}]?$/.test(text.charAt(behindBlank(text, end)))) {
        made += `${text.slice(kept, at)}"${found}"`;
        kept = end;
      }
    }
    at = end;
  }
  return made + text.slice(kept);
};

/** A piece of a text. */
export type Span = Readonly<{ start: number; end: number }>;

/** Index behind the value that begins at `start`, of text that is JSON. */
const behindValue = (text: string, start: number): number => {
  let depth = 0;
  for (let at = start; at < text.length;) {
    const sign = text[at] as string;
    if (sign === '"') {
      at = behindString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (sign === '{' || sign === '[') depth++;
    else if (sign === '}' || sign === ']') {
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (
      depth === 0 &&
      (sign === ',' || sign === ' ' || sign === '\n' || sign === '\r' || sign === '\t')
    ) {
      return at;
    }
    at++;
  }
  return text.length;
};

/** Spans of the members of an object or the elements of a list; `name` is null for elements. */
const partsAt = (text: string, start: number): readonly (Span & { name: string | null })[] => {
  const isList = text[start] === '[';
  const parts: (Span & { name: string | null })[] = [];
  let at = behindBlank(text, start + 1);
  while (at < text.length && text[at] !== '}' && text[at] !== ']') {
    let name: string | null = null;
    if (!isList) {
      const end = behindString(text, at);
      name = JSON.parse(text.slice(at, end)) as string;
      at = behindBlank(text, behindBlank(text, end) + 1);
    }
    const end = behindValue(text, at);
    parts.push({ start: at, end, name });
    at = behindBlank(text, end);
    if (text[at] === ',') at = behindBlank(text, at + 1);
  }
  return parts;
};

/**
 * Where the elements of the list at `place` stand: names with dots between, `.` for the text itself.
 * The text must have been accepted by strict parsing. Empty where there is no such list.
 */
export const elementSpans = (text: string, place: string): readonly Span[] => {
  let at = behindBlank(text, 0);
  for (const name of place === '.' ? [] : place.split('.')) {
    if (text[at] !== '{') return [];
    const part = partsAt(text, at).find((one) => one.name === name);
    if (part === undefined) return [];
    at = part.start;
  }
  return text[at] === '[' ? partsAt(text, at) : [];
};
