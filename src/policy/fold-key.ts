/**
 * The key by which names of safety rules are compared: Unicode compatibility decomposition and full case
 * folding, without what is not seen. Two texts have one key exactly where NFKC and case folding make them
 * one, and a beginning of a text is a beginning of its key (composed forms would break that: `s*` would
 * miss `ś`). Look-alikes of other scripts stay distinct: Cyrillic `а` is not Latin `a`.
 *
 * JavaScript has no case folding, so it is made of its case mappings: down, up, down (U+1E9E is only seen
 * by the first, U+00DF by the second). Final sigma is a sigma, and the dot that is left of U+0130 goes, so
 * that a Turkish `ADMİN` and a dotless `admın` are an `admin`: what is matched too much is only protected.
 */

const plainAscii = /^[\x20-\x7e]*$/;

/** Zero-width and other default-ignorable characters, as NFKC_Casefold drops them (UAX #44). */
const unseen = /\p{Default_Ignorable_Code_Point}/gu;

/** What is left of U+0130, and a dot more or less on an i. */
const dotted = /i\u0307+/g;

/** The key of one text. Linear; a key is its own key. */
export const foldKey = (text: string): string => {
  if (plainAscii.test(text)) return text.toLowerCase();
  const decomposed = text.normalize('NFKD').replace(unseen, '');
  const folded = decomposed.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ');
  return folded.normalize('NFKD').replace(dotted, 'i').replace(unseen, '');
};

/**
 * The key by which ids are compared where it protects: many targets find a resource by its id in any
 * letter case. Two ids that differ only so are taken for one.
 */
export const idKey = (id: string): string => foldKey(id).trim();
